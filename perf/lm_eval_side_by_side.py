"""Log-likelihoods, accuracies and wall time beside lm-evaluation-harness 0.4.13, on the same ONNX folder, in one run.

    python perf/lm_eval_side_by_side.py ../shared/benchmarks --gguf GGUF [--items 50] [--subjects 10] [--threads 2]
    python perf/lm_eval_side_by_side.py ../shared/benchmarks --equality FILE --items 200 [--minutes 7]

Needs an environment with bakeoff, lm_eval==0.4.13, torch, transformers and safetensors. The harness's own task files
make its requests, from the rows of DATA; every request is compared with Bakeoff's as text first. Contenders:
Bakeoff; the harness's `onnxruntime-genai` backend on the same folder; its `hf` backend in bfloat16 on the same
weights, de-quantised from the GGUF. The folder is a copy of --model whose graph gives the logits of all positions by
default and whose prompts go in whole, which the harness relies on. --threads sets the threads of onnxruntime-genai
in it (its own default: half the logical cores).

--equality compares log-likelihoods only, no times: those of the harness's onnxruntime-genai backend are kept in FILE,
and a run that reaches its --minutes goes on from there the next time.
"""

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import lm_eval.tasks
import onnx
from builder_int4 import write_hugging_face_folder
from datasets import Dataset
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM
from lm_eval.models.onnxruntime_genai import ONNXRuntimeGenAILM
from lm_eval.tasks._yaml_loader import load_yaml
from rich.console import Console
from rich.table import Table

from bakeoff import catalog
from bakeoff.benchmarks.data import load_rows
from bakeoff.benchmarks.items import Item
from bakeoff.benchmarks.registry import find
from bakeoff.catalog.genai_folder import LOGITS_FROM
from bakeoff.models.onnx_chat import OnnxChatModel

GENAI = "harness, onnxruntime-genai"
WARM_UP = Instance("loglikelihood", {}, ("What is loaded late,", " is loaded now."), 0)
READS_TOKENIZER_JSON = "PreTrainedTokenizerFast"
"""Transformers 5 splits text as GPT-2 does where tokenizer_config.json says GPT2Tokenizer, as SmolLM2's does, whatever
tokenizer.json says: numbers, and line breaks before them, become other tokens than the model was trained on."""


@dataclass(frozen=True)
class Part:
    """One task of the harness, and Bakeoff's items of the same rows."""

    theirs: ConfigurableTask
    items: Sequence[Item]


@dataclass
class Ours:
    """Bakeoff's model with the interface of a harness's."""

    model: OnnxChatModel

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool) -> list[tuple[float, bool]]:
        """Of each request: all choices of a prompt at once, prompts in order, as `bakeoff benchmark` asks."""
        by_prompt: dict[str, list[str]] = {}
        for request in requests:
            by_prompt.setdefault(request.args[0], []).append(request.args[1])
        scores = {}
        for prompt, choices in sorted(by_prompt.items()):
            for choice, one in zip(choices, self.model.loglikelihood(prompt, choices, "truncate"), strict=True):
                scores[prompt, choice] = one.logprob
        return [(scores[request.args], False) for request in requests]


@dataclass
class Kept:
    """A model whose log-likelihoods are kept in a file; ends the program where the time is over."""

    contender: str
    model: Any
    path: Path
    name: str
    ends: float

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool) -> list[tuple[float, bool]]:
        """Of each request, from the file where it has them, a prompt at a time."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        known = dict(json.loads(line) for line in lines)
        left: dict[str, list[Any]] = {}
        for request in requests:
            if self._key(request) not in known:
                left.setdefault(request.args[0], []).append(request)
        for number, (_, same) in enumerate(sorted(left.items())):
            if time.perf_counter() > self.ends:
                raise SystemExit(f"{self.contender}: {len(left) - number} prompts are left: run it again to go on")
            scores = self.model.loglikelihood(same, disable_tqdm=True)
            with self.path.open("a") as file:
                for request, (score, _) in zip(same, scores, strict=True):
                    known[self._key(request)] = score
                    file.write(json.dumps([self._key(request), score]) + "\n")
        return [(known[self._key(request)], False) for request in requests]

    def _key(self, request: Any) -> str:
        return hashlib.sha256(json.dumps([self.contender, self.name, *request.args]).encode()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--gguf", type=Path, help="for hf; left out: no hf row")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--tasks", nargs="+", default=["hellaswag", "truthfulqa", "mmlu"])
    parser.add_argument("--subjects", type=int, default=10, help="of MMLU, the items in equal parts")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--equality", type=Path, metavar="FILE")
    parser.add_argument("--minutes", type=float, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = all_logits_copy(catalog.ensure(options.model, print), Path(scratch) / "onnx", options.threads)
        mine = Ours(OnnxChatModel(folder, folder.name))
        contenders: dict[str, Any] = {"Bakeoff": mine}
        if options.gguf and not options.equality:
            contenders["harness, hf bfloat16"] = hugging_face(options.gguf, folder, Path(scratch) / "hf")
        contenders[GENAI] = ONNXRuntimeGenAILM(str(folder))
        if options.equality:
            ends = time.perf_counter() + options.minutes * 60
            kept = {one: Kept(one, model, options.equality, options.model, ends) for one, model in contenders.items()}
            contenders = dict(kept)
        for name in options.tasks:
            measure(name, parts_of(name, options.data, options.items, options.subjects), contenders)


def all_logits_copy(source: Path, target: Path, threads: int | None) -> Path:
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).symlink_to(file)
    graph = onnx.load(source / "model.onnx", load_external_data=False)
    for tensor in graph.graph.initializer:
        if tensor.name == LOGITS_FROM:
            tensor.CopyFrom(onnx.helper.make_tensor(LOGITS_FROM, onnx.TensorProto.INT64, [1], [0]))
    for output in graph.graph.output:
        if output.name == "logits":
            output.type.tensor_type.shape.dim[1].dim_param = "tokens"
    (target / "model.onnx").unlink()
    onnx.save(graph, target / "model.onnx")
    data = target / "model.onnx.data"
    data.unlink()
    try:
        os.link(source / data.name, data)  # onnxruntime takes no link that leads out of the folder
    except OSError:
        data.write_bytes((source / data.name).read_bytes())
    config = json.loads((source / "genai_config.json").read_text())
    config["search"].pop("chunk_size", None)  # or get_output("logits") would be that of the last piece
    if threads:
        config["model"]["decoder"].setdefault("session_options", {})["intra_op_num_threads"] = threads
    tokenizer = json.loads((source / "tokenizer_config.json").read_text()) | {"tokenizer_class": READS_TOKENIZER_JSON}
    for name, content in (("genai_config.json", config), ("tokenizer_config.json", tokenizer)):
        (target / name).unlink()
        (target / name).write_text(json.dumps(content))
    return target


def hugging_face(gguf: Path, tokenizer: Path, folder: Path) -> HFLM:
    folder.mkdir()
    write_hugging_face_folder(gguf, folder)
    return HFLM(pretrained=str(folder), tokenizer=str(tokenizer), device="cpu", dtype="bfloat16", batch_size=8)


def parts_of(name: str, data: Path, count: int, mmlu_subjects: int) -> list[Part]:
    task = find(name)
    rows = load_rows(task.questions, data / name).records
    if name == "mmlu":
        assert task.examples
        dev = load_rows(task.examples, data / name).records
        parts = []
        subjects = sorted({row["subject"] for row in rows})[:: 57 // mmlu_subjects][:mmlu_subjects]
        for subject in subjects:
            of_subject = [row for row in rows if row["subject"] == subject][: -(-count // len(subjects))]
            splits = {"test": of_subject, "dev": [row for row in dev if row["subject"] == subject]}
            theirs = harness_task(f"mmlu/default/mmlu_{subject}.yaml", splits)
            theirs.set_config("num_fewshot", 5)
            parts.append(Part(theirs, task.items(of_subject, dev, 5)))
        return parts
    rows = rows[:count]
    items = task.items(rows, [], 0)
    files = {"hellaswag": ["hellaswag/hellaswag.yaml"]}
    names = files.get(name, ["truthfulqa/truthfulqa_mc1.yaml", "truthfulqa/truthfulqa_mc2.yaml"])
    return [Part(harness_task(file, {"validation": rows}), items) for file in names]


def harness_task(file: str, splits: Mapping[str, Sequence[Any]]) -> ConfigurableTask:
    config = load_yaml(Path(lm_eval.tasks.__file__).parent / file)
    sets = {split: Dataset.from_list(list(rows)) for split, rows in splits.items()}
    ours = {"custom_dataset": lambda **_: sets, "dataset_kwargs": None, "training_split": None}
    task = ConfigurableTask(config=config | ours)
    task.set_fewshot_seed(1234)
    return task


def measure(name: str, parts: Sequence[Part], contenders: Mapping[str, Any]) -> None:
    """Print a table of the task, one row a contender; the first is Bakeoff."""
    for part in parts:
        part.theirs.build_all_requests(limit=None, rank=0, world_size=1)
    requests = [instance for part in parts for instance in part.theirs.instances]
    ours = {(item.prompt, choice) for part in parts for item in part.items for choice in item.choices}
    same = sum(instance.args in ours for instance in requests)
    items = len({item.prompt for part in parts for item in part.items})
    console = Console(width=140, highlight=False)
    console.print(f"{name}: {items} items, {same} of {len(requests)} requests are Bakeoff's, word for word")
    distinct = list({instance.args: instance for instance in requests}.values())
    table = Table(name, "s", "CPU s", "x", "CPU x", "greatest difference", "> 1e-3", "accuracies", "items changed")
    first: tuple[float, float, list[float], dict[str, list[float]]] | None = None
    for contender, model in contenders.items():
        model.loglikelihood([WARM_UP], disable_tqdm=True)
        started, cpu_started = time.perf_counter(), time.process_time()
        scores = [score for score, _ in model.loglikelihood(distinct, disable_tqdm=True)]
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        values = accuracies(parts, {one.args: score for one, score in zip(distinct, scores, strict=True)})
        first = first or (seconds, cpu, scores, values)
        apart = [abs(a - b) for a, b in zip(scores, first[2], strict=True)]
        changed = sum(abs(a - b) > 1e-3 for m in values for a, b in zip(values[m], first[3][m], strict=True))
        console.print(f"{name}, {contender}: {seconds:.1f} s, {cpu:.1f} CPU s")
        table.add_row(
            contender,
            f"{seconds:.1f}",
            f"{cpu:.1f}",
            f"{seconds / first[0]:.1f}",
            f"{cpu / first[1]:.1f}",
            f"{max(apart):.1e}",
            f"{sum(one > 1e-3 for one in apart)} of {len(apart)}",
            shown(values),
            str(changed),
        )
    console.print(table)


def accuracies(parts: Sequence[Part], scores: Mapping[tuple[str, str], float]) -> dict[str, list[float]]:
    """The harness's own metrics of each item, by task and metric (MMLU's subjects together)."""
    values: dict[str, list[float]] = {}
    for part in parts:
        answers: dict[int, list[tuple[float, bool]]] = {}
        for instance in part.theirs.instances:
            answers.setdefault(instance.doc_id, []).append((scores[instance.args], False))
        name = "mmlu" if str(part.theirs.config.task).startswith("mmlu") else part.theirs.config.task
        for doc_id, doc in {instance.doc_id: instance.doc for instance in part.theirs.instances}.items():
            for metric, value in part.theirs.process_results(doc, answers[doc_id]).items():
                values.setdefault(f"{name} {metric}", []).append(float(value))
    return values


def shown(values: Mapping[str, Sequence[float]]) -> str:
    return ", ".join(f"{metric} {fmean(scores):.4f}" for metric, scores in values.items())


if __name__ == "__main__":
    main()

"""Opening onnxruntime-genai folders and ONNX graphs: execution providers by name, errors that say what to do."""

import json
import os
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bakeoff.catalog import genai_folder
from bakeoff.errors import InputError, ModelCorruptError, NotSupportedError

GPU_PACKAGES = {"cuda": "onnxruntime-genai-cuda", "dml": "onnxruntime-genai-directml"}
THREADS = "intra_op_num_threads"
THREADS_VARIABLE = "BAKEOFF_THREADS"
EXECUTION_PROVIDERS = ("cpu", *GPU_PACKAGES)


@dataclass(frozen=True)
class Runtime:
    """A model: onnxruntime-genai's configuration and Tokenizer, and what its configuration says.

    kind: onnxruntime-genai's type of model. context: in tokens. end_tokens: ids that end an answer. start_token: what
    a text begins with (bos, else eos).
    """

    config: Any
    tokenizer: Any
    kind: str
    context: int
    end_tokens: frozenset[int]
    start_token: int

    @cached_property
    def model(self) -> Any:
        """onnxruntime-genai's Model, loaded at the first use; RuntimeError where it cannot be."""
        return genai().Model(self.config)

    @cached_property
    def gives_all_logits(self) -> bool:
        """Whether the graph gives the logits of all positions, not only of the last one; tried with two tokens."""
        generator = self.generator(2)
        generator.append_tokens(np.array([self.start_token] * 2, dtype=np.int32))
        return bool(generator.get_output("logits").shape[1] == 2)

    def generator(self, max_length: int, json_schema: str | None = None, **options: float) -> Any:
        """A generator for one prompt, greedy unless `options` (of genai's search) say otherwise.

        max_length is prompt plus answer in tokens, and what the key-value cache is allocated for.
        """
        og = genai()
        parameters = og.GeneratorParams(self.model)
        length = min(max_length, self.context)
        parameters.set_search_options(**{"do_sample": False, "num_beams": 1, "max_length": length} | options)
        if json_schema is not None:
            parameters.set_guidance("json_schema", json_schema)
        return og.Generator(self.model, parameters)


@cache
def genai() -> ModuleType:
    """The onnxruntime_genai module, with its telemetry off."""
    module = import_module("onnxruntime_genai")
    module.disable_telemetry_events()
    return module


def open_model(folder: Path, execution_provider: str = "cpu", load: bool = True) -> Runtime:
    """The model in `folder` on `cpu`, `cuda` or `dml`; without `load` its weights are read at the first use.

    Raises ModelNotFoundError and ModelCorruptError with the path and what to do, InputError for an unknown execution
    provider and NotSupportedError for one that the installed onnxruntime-genai was not built with.
    """
    og = genai()
    _check_provider(og, execution_provider)
    genai_folder.check(folder)
    try:
        config = og.Config(str(folder))
        settings = json.loads((folder / genai_folder.CONFIG).read_text(encoding="utf-8-sig"))["model"]
        if THREADS not in settings["decoder"].get("session_options", {}):
            overlay = {"model": {"decoder": {"session_options": {THREADS: thread_count()}}}}
            config.overlay(json.dumps(overlay))
        config.clear_providers()
        if execution_provider != "cpu":
            config.append_provider(execution_provider)
        tokenizer = og.Tokenizer(config)
        end_tokens = [int(i) for i in tokenizer.eos_token_ids]
        start_token = settings.get("bos_token_id", end_tokens[0])
        context = settings["context_length"]
        runtime = Runtime(config, tokenizer, settings["type"], context, frozenset(end_tokens), start_token)
        if load:
            runtime.model  # noqa: B018
        return runtime
    except (RuntimeError, LookupError) as error:
        raise ModelCorruptError(
            f"the model in {folder} cannot be loaded on {execution_provider}: {error}. Its files are damaged or of "
            f"another kind: `bakeoff models verify {folder}` names them; pull the model again, or take another folder"
        ) from error


def thread_count() -> int:
    """Threads of one model: BAKEOFF_THREADS, else the physical cores this process may use.

    onnxruntime-genai by itself takes half of the logical cores, which is half of the machine where a core has one
    thread. Several workers on one machine want fewer each. Raises InputError where BAKEOFF_THREADS is not a number.
    """
    import psutil

    wanted = os.environ.get(THREADS_VARIABLE, "")
    if wanted:
        if not wanted.isdecimal() or int(wanted) < 1:
            raise InputError(f"{THREADS_VARIABLE} is {wanted!r}: it must be a whole number from 1 on")
        return int(wanted)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(psutil.cpu_count(logical=False) or usable, usable)


def open_session(path: Path, threads: int) -> Any:
    """An ONNX Runtime session on the CPU that computes the same products on every kind of it; raises what it raises."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if not has_vnni():
        options.add_session_config_entry("session.x64quantprecision", "1")  # sums of products would overflow 16 bits
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@cache
def has_vnni() -> bool:
    """Whether this CPU adds up uint8 x int8 products in 32 bits; False where the system does not tell (not Linux)."""
    try:
        said = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return bool({"avx512_vnni", "avx_vnni"} & set(said.split()))


def _check_provider(og: ModuleType, name: str) -> None:
    if name not in EXECUTION_PROVIDERS:
        raise InputError(f"execution provider {name!r} is unknown: use {', '.join(EXECUTION_PROVIDERS)}")
    if name in GPU_PACKAGES and not getattr(og, f"is_{name}_available")():
        raise NotSupportedError(
            f"the installed onnxruntime-genai has no {name}: install {GPU_PACKAGES[name]} in its place "
            "(on a machine with such a device), or use cpu"
        )

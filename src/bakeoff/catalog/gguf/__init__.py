"""Import a GGUF file into an onnxruntime-genai folder, with neither torch nor transformers."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakeoff.catalog.gguf.reader import GgufFile


ADAPTERS, ADAPTERS_FP32 = "adapters", "adapters-fp32"


def import_gguf(gguf: Path, out: Path, report: Callable[[str], None], option: str | None = None) -> None:
    """Write a complete onnxruntime-genai folder into the existing empty directory `out`.

    Takes the llama architecture with F32, F16, Q4_0, Q4_1 or Q8_0 tensors. `report` gets one line a step.
    option: as for `write_folder`.
    Raises ModelCorruptError for a damaged file and NotSupportedError for one of another kind.
    """
    from bakeoff.catalog.gguf.reader import GgufFile

    report(f"import: reading {gguf.name}")
    write_folder(GgufFile(gguf), out, report, option)


def write_folder(
    source: "GgufFile",
    out: Path,
    report: Callable[[str], None],
    option: str | None = None,
    *,
    rounds: bool | None = None,
) -> None:
    """Write the folder of an opened file, whose tensors may have been replaced.

    option: fp32, int8 or int4 stores the matrices anew; None keeps them exactly as they are in the file, and so does
    ADAPTERS, which gives every matrix of a layer the inputs of a LoRA adapter (see `graph.GraphWriter`). ADAPTERS_FP32
    is both. rounds: see there; by default all but ADAPTERS round, where the training did not.
    """
    from bakeoff.catalog.gguf.config import write_config
    from bakeoff.catalog.gguf.graph import write_graph
    from bakeoff.catalog.gguf.tokenizer import write_tokenizer

    adapters = option in (ADAPTERS, ADAPTERS_FP32)
    precision = {ADAPTERS: None, ADAPTERS_FP32: "fp32"}[option] if adapters and option else option
    write_graph(source, out, report, precision, adapters=adapters, rounds=not adapters if rounds is None else rounds)
    report("import: tokenizer and configuration")
    write_tokenizer(source, out)
    write_config(source, out)

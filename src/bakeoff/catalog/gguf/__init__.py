"""Import a GGUF file into an onnxruntime-genai folder, with neither torch nor transformers."""

from collections.abc import Callable
from pathlib import Path


def import_gguf(gguf: Path, out: Path, report: Callable[[str], None], precision: str | None = None) -> None:
    """Write a complete onnxruntime-genai folder into the existing empty directory `out`.

    Takes the llama architecture with F32, F16, Q4_0, Q4_1 or Q8_0 tensors. `report` gets one line a step.
    precision: fp32, int8 or int4 stores the matrices anew; None keeps them exactly as they are in the file.
    Raises ModelCorruptError for a damaged file and NotSupportedError for one of another kind.
    """
    from bakeoff.catalog.gguf.config import write_config
    from bakeoff.catalog.gguf.graph import write_graph
    from bakeoff.catalog.gguf.reader import GgufFile
    from bakeoff.catalog.gguf.tokenizer import write_tokenizer

    report(f"import: reading {gguf.name}")
    source = GgufFile(gguf)
    write_graph(source, out, report, precision)
    report("import: tokenizer and configuration")
    write_tokenizer(source, out)
    write_config(source, out)

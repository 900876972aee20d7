"""The file that a catalog model is imported from, kept for what needs the weights themselves (fine-tuning)."""

from pathlib import Path

from bakeoff.catalog import cache, manifest
from bakeoff.catalog.entries import find
from bakeoff.catalog.progress import Report, silent
from bakeoff.catalog.pull import fetch
from bakeoff.errors import NotSupportedError


def weights_file(name: str, report: Report = silent) -> Path:
    """The GGUF file of a model, fetched once and checked against the catalog's hash at every call.

    Raises NotSupportedError for a model that is not imported from GGUF, and as `catalog.pull` does.
    """
    model = find(name)
    if not (model.variant.importer or "").startswith("gguf "):
        raise NotSupportedError(
            f"{name} comes as ONNX, which cannot be trained: give the folder of its Hugging Face model as `base`"
        )
    ((file, known),) = model.variant.files.items()
    kept = cache.cache_folder() / "weights" / known.sha256[:12] / file
    if kept.is_file() and manifest.record(kept).sha256 == known.sha256:
        return kept
    with cache.staging(f"{model.name}.weights", report) as stage:
        _, fetched = fetch(model, None, stage / "downloads", report)
        kept.parent.mkdir(parents=True, exist_ok=True)
        (fetched.folder / file).replace(kept)
        return kept

"""Models that were fine-tuned on this machine: merged ones, and adapters that run on a base with adapter inputs."""

from dataclasses import dataclass
from pathlib import Path

from bakeoff.catalog import cache, manifest
from bakeoff.catalog.progress import Report, silent
from bakeoff.errors import ModelCorruptError, ModelNotFoundError

SOURCE = "finetuned from"
ADAPTER_FILE = "adapter.onnx_adapter"
RECORD_FILE = "record.json"
WITH_INPUTS = "-adapters"
"""The variant of a base whose graph takes adapters."""


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned model: its name in flows, its folder, the base it came from, and whether it is an adapter."""

    name: str
    folder: Path
    base: str

    @property
    def is_adapter(self) -> bool:
        return "+" in self.name


def is_tuned(found: manifest.Manifest) -> bool:
    """Whether a manifest is that of a fine-tuned model."""
    return found.source.startswith(f"{SOURCE} ")


def tuned_models() -> dict[str, Tuned]:
    """The fine-tuned models in the cache by name; a folder that is not whole is left out."""
    found = {}
    root = cache.models_folder()
    for path in sorted(root.glob(f"*/{manifest.MANIFEST}")) if root.is_dir() else []:
        try:
            read = manifest.read(path.parent)
        except ModelCorruptError:
            continue
        if is_tuned(read):
            found[read.name] = Tuned(read.name, path.parent, read.source.removeprefix(f"{SOURCE} "))
    return found


def tuned_folder(name: str) -> Path | None:
    """The folder of a fine-tuned model; None where that name is none."""
    folder = cache.folder_of(name)
    if "/" in name or not (folder / manifest.MANIFEST).is_file():
        return None
    return folder if is_tuned(manifest.read(folder)) else None


def split_name(name: str) -> tuple[str, str | None]:
    """`base+adapter` as the base with adapter inputs and the whole name; else the name and None."""
    base, plus, _ = name.partition("+")
    return (f"{base}{WITH_INPUTS}", name) if plus and "/" not in name else (name, None)


def adapter_file(name: str) -> Path:
    """The .onnx_adapter of `base+adapter`, checked by its hash.

    Raises ModelNotFoundError, naming the adapters there are, and ModelCorruptError where it is not as it was exported.
    """
    folder = tuned_folder(name)
    if folder is None:
        known = ", ".join(model.name for model in tuned_models().values() if model.is_adapter)
        raise ModelNotFoundError(
            f"there is no adapter {name!r} on this machine: {f'there are {known}' if known else 'there is none'}; "
            "`bakeoff finetune` makes one"
        )
    if problems := manifest.all_problems(folder, manifest.read(folder)):
        raise ModelCorruptError(f"{folder}: {'; '.join(map(str, problems))}: export it again with `bakeoff finetune`")
    return folder / ADAPTER_FILE


def base_with_inputs(base: str, report: Report = silent) -> Path:
    """The folder of the base whose graph takes adapters, made where it is not there. Raises as `catalog.ensure`."""
    from bakeoff.catalog.resolve import ensure

    return ensure(f"{base}{WITH_INPUTS}", report)

"""A flow's requirements.txt against what its tool files, and the shared code that they use, import."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

from bakeoff.finding import Finding, error, warning
from bakeoff.hosts.doctor.bundle import Bundle, Flow
from bakeoff.hosts.doctor.python_reach import Needed, needed
from bakeoff.hosts.doctor.requirement_files import brought_along, read_requirements
from bakeoff.yaml_lines import mapping

PROMPTFLOW = ("promptflow", "promptflow-core", "promptflow-devkit")
KNOWN: dict[str, tuple[str, ...]] = {
    "azure.core": ("azure-core", "azure-identity"),
    "bs4": ("beautifulsoup4",),
    "cv2": ("opencv-python", "opencv-python-headless"),
    "dateutil": ("python-dateutil",),
    "docx": ("python-docx",),
    "dotenv": ("python-dotenv",),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "fitz": ("pymupdf",),
    "google.protobuf": ("protobuf",),
    "jose": ("python-jose",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"),
    "onnxruntime_genai": ("onnxruntime-genai", "onnxruntime-genai-cuda", "onnxruntime-genai-directml"),
    "PIL": ("pillow",),
    "opentelemetry": ("opentelemetry-api", "opentelemetry-sdk", *PROMPTFLOW),
    "promptflow": PROMPTFLOW,
    "promptflow.azure": ("promptflow-azure", "promptflow"),
    "promptflow.evals": ("promptflow-evals",),
    "promptflow.tools": ("promptflow-tools",),
    "promptflow.tracing": (*PROMPTFLOW, "promptflow-tracing"),
    "serpapi": ("google-search-results",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "win32api": ("pywin32",),
    "yaml": ("pyyaml",),
}


def check(bundle: Bundle) -> Iterator[Finding]:
    """Requirements that are not declared, do not exist, or miss a distribution that is imported."""
    for flow in bundle.flows:
        if not flow.document.value:
            continue
        declared = mapping(flow.document.value.get("environment")).get("python_requirements_txt")
        file = flow.folder / (declared if isinstance(declared, str) and declared else "requirements.txt")
        line = flow.document.line("environment", "python_requirements_txt")
        if not file.is_file():
            what = f"requirements file {declared!r} does not exist" if declared else "has no requirements.txt"
            yield error(
                flow.document.path,
                line,
                f"{what}: list what the flow imports in a requirements.txt beside it and name that under environment",
            )
            continue
        if not declared:
            yield error(
                flow.document.path,
                line,
                "a cloud run would not install requirements.txt: add `environment: {python_requirements_txt: "
                "requirements.txt}`",
            )
        yield from _missing(bundle, flow, file)


def _missing(bundle: Bundle, flow: Flow, file: Path) -> Iterator[Finding]:
    required = {line.name for line in read_requirements(file)}
    sources = [flow.folder / node.source_path for node in flow.nodes if node.source_path]
    starts = [path for path in sources if path.suffix == ".py" and path.is_file()]
    travelling = [path for path, _ in flow.includes if path.exists()] + list(flow.folder.iterdir())
    roots = {path.stem: path for path in travelling if path.suffix == ".py" or path.is_dir()}
    missing: dict[str, tuple[Needed, list[str]]] = {}
    left_out = set[Path]()
    for found in needed(starts, roots).values():
        if found.module.partition(".")[0] in sys.stdlib_module_names or not found.module:
            continue
        distributions = _distributions(found.module)
        if not required.isdisjoint(distributions) or not required.isdisjoint(_installed(found.module)):
            continue
        if own := _own_code(bundle, found.module.partition(".")[0]):
            if own in left_out:
                continue
            left_out.add(own)
            include = Path(os.path.relpath(own, flow.folder)).as_posix()
            yield error(
                flow.document.path,
                flow.document.line("additional_includes"),
                f"{bundle.shown(found.path)}:{found.line} imports {found.module!r}, which a cloud run would not have: "
                f"add {include} to additional_includes",
            )
        else:
            missing.setdefault(distributions[0], (found, distributions))
    if not missing:
        return
    brought = brought_along(required)
    for name, (found, distributions) in sorted(missing.items()):
        where = f"{bundle.shown(found.path)}:{found.line} imports {found.module!r}"
        if brought.isdisjoint(distributions):
            yield error(
                file,
                1,
                f"misses {name}: {where}: add it (or make the import optional with try and except ImportError)",
            )
        else:
            yield warning(file, 1, f"does not name {name}, which only comes along with another: {where}: add it")


def _own_code(bundle: Bundle, name: str) -> Path | None:
    """The bundle's own top package or module of that name."""
    for path in bundle.files:
        own = path.parent if path.name == "__init__.py" else path
        if path.suffix == ".py" and own.stem == name and not (own.parent / "__init__.py").exists():
            return own
    return None


def _distributions(module: str) -> list[str]:
    """Names a requirement for the module may have, the usual one first: known ones, installed ones, its own name."""
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        if known := KNOWN.get(".".join(parts[:count])):
            return list(known)
    dashed = [canonicalize_name("-".join(parts[:count])) for count in range(min(len(parts), 4), 0, -1)]
    installed = _installed(module)
    return [name for name in dashed if name in installed] + installed + dashed[::-1]


def _installed(module: str) -> list[str]:
    """Installed distributions that bring the module; for a namespace shared by many, those named after it."""
    names: list[str] = sorted({canonicalize_name(name) for name in _packages().get(module.partition(".")[0], ())})
    if len(names) > 1:
        dashed = canonicalize_name(module.replace(".", "-"))
        names = [name for name in names if dashed == name or dashed.startswith(f"{name}-")]
    return names


@cache
def _packages() -> dict[str, list[str]]:
    return {name: list(found) for name, found in metadata.packages_distributions().items()}

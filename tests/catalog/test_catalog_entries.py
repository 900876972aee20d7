import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from catalog_helpers import wheel_variant

from bakeoff.catalog import entries
from bakeoff.errors import InputError, ModelNotFoundError


def test_the_shipped_catalog_has_the_promised_models() -> None:
    assert list(entries.load()) == [
        "smollm2-135m-instruct",
        "all-minilm-l6-v2",
        "phi-3-mini-4k-instruct",
        "phi-3-mini-128k-instruct",
        "phi-3.5-mini-instruct",
        "phi-4-mini-instruct",
        "phi-3-vision-128k-instruct",
        "phi-3.5-vision-instruct",
        "phi-4-multimodal-instruct",
    ]
    assert [e.name for e in entries.load().values() if e.embedded] == ["smollm2-135m-instruct", "all-minilm-l6-v2"]


def test_default_variants_are_for_the_cpu_where_there_is_one_and_pinned() -> None:
    for entry in entries.load().values():
        default = next(iter(entry.variants.values()))
        assert default.name == ("cuda" if entry.name == "phi-4-multimodal-instruct" else "cpu")
        assert default.pinned


def test_a_hub_variant_without_revision_is_not_pinned() -> None:
    assert not entries.find("phi-3.5-vision-instruct", "cuda").variant.pinned


def test_a_model_goes_by_its_name_and_variant() -> None:
    by_name = entries.find("phi-3-mini-4k-instruct-cuda")
    assert by_name == entries.find("phi-3-mini-4k-instruct", "cuda")
    assert by_name.variant.name == "cuda"
    assert entries.find("phi-3-mini-4k-instruct", "cpu").name == "phi-3-mini-4k-instruct"


def test_unknown_names_get_close_ones() -> None:
    with pytest.raises(ModelNotFoundError, match="did you mean .*phi-3-mini-4k-instruct"):
        entries.find("Phi-3-mini-4k")
    with pytest.raises(ModelNotFoundError, match="the catalog has smollm2-135m-instruct, "):
        entries.find("zzz")


def test_unknown_variants_get_the_ones_there_are() -> None:
    with pytest.raises(ModelNotFoundError, match="no variant 'rocm': use cpu, cuda, directml"):
        entries.find("phi-3-mini-4k-instruct", "rocm")


def _set(where: list[str | int], value: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for key in where[:-1]:
            data = data[key]
        if value is None:
            del data[where[-1]]
        else:
            data[where[-1]] = value

    return change


VARIANT: list[str | int] = ["models", "tiny", "variants", "cpu"]
BERT_WITHOUT_FILES = {"size": "1 kB", "import": {"from": "bert", "version": 1}, "sources": []}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set(["models", "tiny", "licence"], None), "tiny: licence missing"),
        (_set(["models", "tiny", "colour"], "red"), "tiny: unknown field colour"),
        (_set(["models", "tiny", "context_length"], "many"), "tiny: context_length is 'many', expected int"),
        (_set(["models", "tiny", "capabilities"], ["sing"]), r"tiny: capabilities has \['sing'\]"),
        (_set(["models", "Tiny!"], {}), "Tiny!: a name has lower-case letters"),
        (_set([*VARIANT, "sources"], []), "tiny: cpu: sources is empty"),
        (_set([*VARIANT, "sources", 0, "kind"], "ftp"), "tiny: cpu: source 1: kind is 'ftp'"),
        (_set([*VARIANT, "sources", 0, "members"], None), "tiny: cpu: source 1: members missing"),
        (_set([*VARIANT, "files", "tiny.gguf", "sha256"], "12"), "file tiny.gguf: sha256 is not 64 hex digits"),
        (_set([*VARIANT, "import", "from"], "pickle"), "only gguf and bert can be imported"),
        (_set([*VARIANT, "files"], {}), "an import from gguf needs exactly one file"),
        (_set([*VARIANT], BERT_WITHOUT_FILES), "an import needs the files it reads"),
        (
            _set([*VARIANT, "sources"], [{"kind": "hub", "repo": "a/b", "folder": "c", "revision": "main"}]),
            "source 1: revision is not a commit",
        ),
        (_set(["models"], []), "models is "),
    ],
)
def test_a_wrong_catalog_names_entry_and_field(
    change: Callable[[Any], None], message: str, use_catalog: Callable[..., Path]
) -> None:
    path = use_catalog(tiny={"cpu": wheel_variant()})
    assert list(entries.load()) == ["tiny"]
    data = yaml.safe_load(path.read_text())
    change(data)
    path.write_text(yaml.safe_dump(data))
    entries._load.cache_clear()
    with pytest.raises(InputError, match=re.escape(str(path)) + ".*" + message):
        entries.load()

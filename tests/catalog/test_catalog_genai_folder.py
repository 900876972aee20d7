import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from catalog_helpers import genai_files, write_files
from onnx import TensorProto, helper, numpy_helper

from bakeoff.catalog.genai_folder import check
from bakeoff.errors import ModelCorruptError, ModelNotFoundError


def test_a_complete_folder_passes(tmp_path: Path) -> None:
    check(write_files(tmp_path / "model", genai_files()))


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="there is no model folder .*nowhere"):
        check(tmp_path / "nowhere")


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "model", genai_files())
    with pytest.raises(ModelCorruptError, match=r"model\.onnx is a file: give the folder"):
        check(folder / "model.onnx")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "nothing"),
        (["config.json", "model.safetensors"], "a PyTorch model"),
        (["weights.gguf"], "a GGUF model"),
        (["model.onnx", "model.onnx.data"], r"ONNX files without genai_config\.json"),
        (["flow.dag.yaml"], "a Prompt Flow flow"),
        (list("abcdefg"), r"a, b, c, d, e, \.\.\."),
    ],
)
def test_a_folder_of_another_kind_is_named(tmp_path: Path, names: list[str], told: str) -> None:
    folder = write_files(tmp_path / "model", dict.fromkeys(names, b"x"))
    with pytest.raises(ModelCorruptError, match=f"holds {told}, not an onnxruntime-genai model"):
        check(folder)


def test_a_repository_with_models_in_subfolders_says_where(tmp_path: Path) -> None:
    write_files(tmp_path / "cpu_and_mobile" / "int4", genai_files())
    write_files(tmp_path / "cuda", genai_files())
    with pytest.raises(ModelCorruptError, match=r"in folders below it \(cuda, cpu_and_mobile/int4\)"):
        check(tmp_path)


@pytest.mark.parametrize(
    "config", [b"", b"not json", b"[]", b"{}", b'{"model": {"decoder": {}}}', b'{"model": 3}', b"\xff\xfe"]
)
def test_a_broken_configuration(tmp_path: Path, config: bytes) -> None:
    folder = write_files(tmp_path / "model", {**genai_files(), "genai_config.json": config})
    with pytest.raises(ModelCorruptError, match=r"genai_config\.json (is not|names no)"):
        check(folder)


def test_a_configuration_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    files = genai_files()
    check(write_files(tmp_path / "model", {**files, "genai_config.json": b"\xef\xbb\xbf" + files["genai_config.json"]}))


@pytest.mark.parametrize("part", ["decoder", "vision", "embedding"])
def test_every_graph_the_configuration_names_must_be_there(tmp_path: Path, part: str) -> None:
    names = {"decoder": "text.onnx", "vision": "vision.onnx", "embedding": "embedding.onnx"}
    config = {"model": {key: {"filename": name} for key, name in names.items()}}
    files = {name: b"graph" for name in names.values()} | {"genai_config.json": json.dumps(config).encode()}
    folder = write_files(tmp_path / "model", files)
    check(folder)
    (folder / names[part]).unlink()
    with pytest.raises(ModelCorruptError, match=rf"{names[part]} is missing: genai_config\.json names it"):
        check(folder)


def test_an_empty_graph(tmp_path: Path) -> None:
    with pytest.raises(ModelCorruptError, match=r"model\.onnx is empty"):
        check(write_files(tmp_path / "model", {**genai_files(), "model.onnx": b""}))


def test_external_data_of_a_real_graph_must_be_there(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "model", genai_files())
    weight = numpy_helper.from_array(np.ones((8, 8), dtype=np.float32), "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    data = "model-int4.onnx.data"
    onnx.save(
        helper.make_model(graph),
        str(folder / "model.onnx"),
        save_as_external_data=True,
        location=data,
        size_threshold=0,
    )
    check(folder)
    (folder / data).unlink()
    with pytest.raises(ModelCorruptError, match=rf"{data} is missing: model\.onnx names it"):
        check(folder)

"""A few steps on a tiny model: what is learned is what the exports compute, and a killed run goes on."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_finetuning import bakeoff_with, write_definition

torch = pytest.importorskip("torch", reason="the extra `finetune` is not installed")
pytest.importorskip("peft", reason="the extra `finetune` is not installed")

from bakeoff import catalog  # noqa: E402
from bakeoff.catalog.tuned import adapter_file, tuned_models  # noqa: E402
from bakeoff.catalog.weights_file import weights_file  # noqa: E402
from bakeoff.cli import main  # noqa: E402
from bakeoff.errors import InputError, ModelCorruptError, ModelNotFoundError, NotSupportedError  # noqa: E402
from bakeoff.finetuning.adapter import open_base, wrap  # noqa: E402
from bakeoff.finetuning.base import load_base  # noqa: E402
from bakeoff.finetuning.definition import load_definition  # noqa: E402
from bakeoff.finetuning.export import export  # noqa: E402
from bakeoff.finetuning.run import finetune  # noqa: E402
from bakeoff.models.base import Message, Parameters  # noqa: E402
from bakeoff.models.load import load_model  # noqa: E402
from bakeoff.models.onnx_chat import OnnxChatModel  # noqa: E402

ASKED = [Message("system", "s"), Message("user", "hello there")]
SHORT = Parameters(max_new_tokens=12)


@pytest.fixture(scope="module")
def trained(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a run over the upper of the two layers, exported, and its record."""
    folder = tmp_path_factory.mktemp("trained")
    definition = write_definition(folder, adapter={"frozen_layers": 1})
    assert main(["finetune", str(definition), "--output", str(folder / "run")]) == 0
    return folder, json.loads((folder / "run" / "record.json").read_text(encoding="utf-8"))


def test_the_base_computes_what_the_import_does(tiny: Path) -> None:
    """Torch on the de-quantised weights chooses the tokens that the imported ONNX graph writes."""
    model = OnnxChatModel(catalog.ensure("tiny"), "tiny")
    assert_greedy(load_base(weights_file("tiny")), model)


def test_training_learns_and_keeps_its_record(trained: tuple[Path, dict[str, Any]]) -> None:
    _, record = trained
    validation = [entry["eval_loss"] for entry in record["losses"] if "eval_loss" in entry]
    assert len(validation) == 3
    assert validation[-1] < validation[0]
    assert record["rows"] == {"train": 36, "validation": 4}
    assert len(record["inputs"]["data"]) == 64
    assert record["versions"]["torch"]
    assert record["spent"]["sessions"] == 1
    assert record["spent"]["cpu_seconds"] > 0


def test_merged_and_adapter_answer_as_torch_does(trained: tuple[Path, dict[str, Any]]) -> None:
    from peft import PeftModel

    folder, _ = trained
    tuned = PeftModel.from_pretrained(load_base(weights_file("tiny")), str(folder / "run" / "adapter")).eval()
    for name in ("tiny-words-fp32", "tiny-words-int8", "tiny-words-exact", "tiny+words"):
        model = load_model(name)
        assert isinstance(model, OnnxChatModel)
        assert model.identity.name == name
        assert_greedy(tuned, model)
        if name != "tiny-words-int8":
            assert logit_error(tuned, model) < 1e-4 < 1e-2 < logit_error(load_base(weights_file("tiny")), model)


def test_a_base_for_adapters_does_not_round_activations(tiny: Path) -> None:
    """Its logits are torch's to a hair; those of the plain import are not, whose 4-bit products round to int8."""
    reference = load_base(weights_file("tiny"))
    plain, for_adapters = (OnnxChatModel(catalog.ensure(name), name) for name in ("tiny", "tiny-adapters"))
    assert logit_error(reference, for_adapters) < 1e-4 < logit_error(reference, plain)


def logit_error(reference: Any, model: OnnxChatModel) -> float:
    """The largest difference of the first token's logits from torch's, in standard deviations of those."""
    prompt = model._prompts.build(ASKED, SHORT)
    logits = model._generator(prompt, SHORT).get_logits().ravel()
    with torch.no_grad():
        expected = reference(input_ids=torch.tensor([prompt.ids.tolist()])).logits[0, -1].numpy()
    return float(np.abs(logits - expected).max() / expected.std())


def assert_greedy(reference: Any, model: OnnxChatModel) -> None:
    """Each token of the ONNX model's answer is torch's choice, or ties with it to a rounding."""
    prompt, writer = model.begin(ASKED, SHORT, None, 0.0)
    answer = []
    for token, _ in model._tokens(prompt, SHORT, writer):
        answer.append(token)
        writer.feed(token, None)
        if writer.ended:
            break
    ids = prompt.ids.tolist()
    with torch.no_grad():
        logits = reference(input_ids=torch.tensor([ids + answer])).logits[0, len(ids) - 1 : -1].numpy()
    chosen = logits[np.arange(len(answer)), answer]
    assert np.all(logits.max(axis=1) - chosen < 0.05 * logits.std())


def test_adapters_share_a_base_and_are_chosen_for_each_answer(trained: tuple[Path, dict[str, Any]]) -> None:
    plain, tuned = load_model("tiny-adapters"), load_model("tiny+words")
    assert isinstance(plain, OnnxChatModel)
    assert isinstance(tuned, OnnxChatModel)
    assert tuned._runtime is plain._runtime
    asked, long = [Message("user", "what about abba")], Parameters(max_new_tokens=40)
    answers = [model.complete(asked, long).text for model in (plain, tuned, plain, tuned)]
    assert answers[0] == answers[2]
    assert answers[1] == answers[3] != answers[0]
    assert_greedy(load_base(weights_file("tiny")), plain)
    with pytest.raises(NotSupportedError, match="merged model"):
        tuned.loglikelihood("a", ["b"])


def test_a_worker_of_the_server_takes_an_adapter(trained: tuple[Path, dict[str, Any]]) -> None:
    from bakeoff.serving.answering import Answering
    from bakeoff.serving.wire import messages_to_json, parameters_to_json

    model = load_model("tiny-adapters")
    assert isinstance(model, OnnxChatModel)
    request = {"kind": "chat", "messages": messages_to_json(ASKED), "parameters": parameters_to_json(SHORT)}
    adapter = {"name": "tiny+words", "file": str(adapter_file("tiny+words"))}
    answering = Answering(model, None)
    one, other = socket.socketpair()
    with one, other:
        answering.begin(one, {**request, "stream": False, "adapter": adapter})
        replies = []
        while answering.busy:
            replies += answering.advance()
    connection, last = replies[-1]
    assert connection is one
    assert last["completion"]["text"] == load_model("tiny+words").complete(ASKED, SHORT).text
    assert last["completion"]["model"]["name"] == "tiny+words"


def test_the_catalog_lists_what_was_tuned(trained: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(tuned_models()) == {"tiny+words", "tiny-words-fp32", "tiny-words-int8", "tiny-words-exact"}
    assert main(["models", "list"]) == 0
    assert "tiny+words" in capsys.readouterr().out
    assert main(["models", "path", "tiny+words"]) == main(["models", "verify", "tiny-words-int8"]) == 0
    assert "tiny-words-int8: every file is as it was made" in capsys.readouterr().out
    with pytest.raises(ModelNotFoundError, match=r"no adapter 'tiny\+other'.*there are tiny\+words"):
        load_model("tiny+other")


def test_what_is_no_adapter(trained: Any, tmp_path: Path) -> None:
    model = load_model("tiny-adapters")
    assert isinstance(model, OnnxChatModel)
    (tmp_path / "x.onnx_adapter").write_bytes(b"rubbish")
    with pytest.raises(ModelCorruptError, match="cannot be used as an adapter"):
        model.with_adapter("x", tmp_path / "x.onnx_adapter")
    plain = load_model("tiny")
    assert isinstance(plain, OnnxChatModel)
    with pytest.raises((NotSupportedError, ModelCorruptError), match="adapter"):
        plain.with_adapter("x", adapter_file("tiny+words"))


def test_a_finished_run_is_not_repeated_and_others_are_kept_apart(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, record = trained
    lines: list[str] = []
    definition = load_definition(folder / "finetune.yaml")
    assert finetune(definition, folder / "run", lines.append) == record
    assert "trained already" in lines[0]
    other = load_definition(write_definition(tmp_path, adapter={"rank": 2}))
    with pytest.raises(InputError, match="another --output"):
        finetune(other, folder / "run", lines.append)


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    definition = write_definition(tmp_path, training={"max_steps": 8}, export={"adapter": False, "merged": []})
    whole = finetune(load_definition(definition), tmp_path / "whole", print)
    command = [*bakeoff_with(tiny), "finetune", str(definition), "--output", str(tmp_path / "killed")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            if (tmp_path / "killed" / "checkpoints" / "checkpoint-2" / "trainer_state.json").exists():
                os.kill(process.pid, signal.SIGKILL)
                break
            assert "Traceback" not in line
    assert not (tmp_path / "killed" / "record.json").exists()
    (killed,) = json.loads((tmp_path / "killed" / "sessions.json").read_text())
    lines: list[str] = []
    started = time.monotonic()
    record = finetune(load_definition(definition), tmp_path / "killed", lines.append)
    took = time.monotonic() - started
    assert record["spent"]["sessions"] == 2
    assert killed["seconds"] < record["spent"]["seconds"] <= killed["seconds"] + took
    assert any(line.startswith("going on from checkpoint-") for line in lines)
    last = [[entry for entry in run["losses"] if "eval_loss" in entry][-1] for run in (whole, record)]
    assert last[0]["step"] == last[1]["step"] == 8
    assert last[0]["eval_loss"] == pytest.approx(last[1]["eval_loss"], rel=1e-4)


def test_dora_is_merged_and_has_no_adapter_file(tiny: Path, tmp_path: Path) -> None:
    settings = {"adapter": {"kind": "dora"}, "training": {"max_steps": 2}, "finetune": "dora"}
    path = write_definition(tmp_path, **settings, export={"merged": ["fp32"], "adapter": False})
    definition = load_definition(path)
    finetune(definition, tmp_path / "run", print)
    assert export(definition, tmp_path / "run", print) == ["tiny-dora-fp32"]
    assert load_model("tiny-dora-fp32").complete(ASKED, SHORT).completion_tokens
    for wanted in ({"adapter": True}, {"adapter": False, "merged": ["exact"]}):
        with pytest.raises(NotSupportedError, match="DoRA"):
            export(load_definition(write_definition(tmp_path, **settings, export=wanted)), tmp_path / "run", print)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without CUDA says")
def test_qlora_needs_a_gpu(tiny: Path, tmp_path: Path) -> None:
    definition = load_definition(write_definition(tmp_path, adapter={"kind": "qlora"}))
    with pytest.raises(NotSupportedError, match="qlora needs a CUDA device"):
        open_base(definition, print)


def test_only_the_adapter_is_trained(tiny: Path, tmp_path: Path) -> None:
    definition = load_definition(write_definition(tmp_path, adapter={"modules": ["q_proj"]}))
    adapted = wrap(open_base(definition, print), definition)
    names = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    assert len(names) == 4
    assert all("q_proj.lora_" in name for name in names)

from pathlib import Path
from typing import Any

import pytest
from tiny_phi3v import write_tiny_phi3v

from bakeoff.hosts import promptflow_chart_code, promptflow_vision
from bakeoff.models.base import Completion, ModelIdentity
from bakeoff.vision.chart_code.rows import score_row

CHART = Path(__file__).parents[2] / "data/chart_to_code/charts/images/bar_chart-05.png"
TRUTH = {
    "chart": "bar",
    "title": "Night train berths sold",
    "x_label": "Month",
    "y_label": "Berths",
    "x": ["May", "June", "July", "August"],
    "values": {"Berths": [300, 450, 500, 350]},
}
READ = {"text": "Meals\n1 | 2", "error": ""}


class Model:
    identity = ModelIdentity("fake", "test")

    def complete(self, messages: Any, parameters: Any) -> Completion:
        self.messages = messages
        return Completion("plt.show()", "stop", self.identity)


def ask(ocr: dict[str, Any]) -> dict[str, Any]:
    return promptflow_chart_code.ask(task="Write code.\n", ocr=ocr, model="m", max_new_tokens=9, temperature=0)


def test_a_text_model_gets_an_example_and_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    monkeypatch.setattr(promptflow_vision, "load_model", lambda *_: model)
    assert ask(READ)["text"] == "plt.show()"
    assert [message.role for message in model.messages] == ["system", "user", "assistant", "user"]
    assert (model.messages[0].text, model.messages[-1].text) == ("Write code.", "Text in the chart:\nMeals\n1 | 2")


def test_the_example_is_code_that_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    monkeypatch.setattr(promptflow_vision, "load_model", lambda *_: model)
    ask(READ)
    row = score_row(answer=model.messages[2].text, completion={}, truth=TRUTH, category="bar_chart")
    assert (row["code"], row["kind_score"]) == ("drew", 1)
    assert "audit hook" in row["guard"]


def test_a_chart_that_cannot_be_read_is_a_row_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promptflow_vision, "load_model", lambda *_: Model())
    said: list[str] = []
    monkeypatch.setattr(promptflow_vision, "report", said.append)
    record = ask({"text": "", "error": "image 1: is damaged"})
    assert (record["finish_reason"], record["error"]) == ("error", "image 1: is damaged")
    assert said == ["image 1: is damaged"]


def test_a_tiny_phi3v_looks_at_a_chart_and_its_noise_is_no_code(tmp_path: Path) -> None:
    record = promptflow_vision.look(
        system="",
        image=CHART.read_bytes(),
        question="Write code.",
        chat_history=[],
        model=str(write_tiny_phi3v(tmp_path / "phi3v")),
        max_new_tokens=8,
        temperature=0,
    )
    assert (record["model"]["provider"], record["finish_reason"]) == ("onnx", "length")
    assert record["prompt_tokens"] > 100
    row = score_row(answer=record["text"], completion=record, truth=TRUTH)
    assert row["outcome"] == "truncated"
    assert row["code"] in ("unparsable", "forbidden")

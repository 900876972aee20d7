import io

import pytest

from bakeoff.cli import main
from bakeoff.guide_command import QUESTIONS, order


def by_subject(*subjects: str) -> list:
    return [question for question in QUESTIONS if question.subject in subjects]


@pytest.mark.parametrize(
    ("subjects", "ways"),
    [
        ((), ["prompt engineering"]),
        (("quick start",), ["prompt engineering"]),
        (("fresh data", "grounding"), ["RAG"]),
        (("specific task", "cost"), ["fine-tuning", "prompt engineering"]),
        (("few examples", "grounding"), ["RAG", "prompt engineering"]),
        (("quick start", "cost"), ["prompt engineering", "fine-tuning"]),
    ],
)
def test_what_to_try_first(subjects: tuple[str, ...], ways: list[str]) -> None:
    assert order(by_subject(*subjects)) == ways


def test_a_conversation_ends_in_the_experiment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\nno\nn\nperhaps\ny\nYES\nn\nn\nn\nn\n"))
    assert main(["guide"]) == 0
    said = capsys.readouterr().out
    assert "'perhaps' is neither y nor n." in said
    assert "bakeoff run experiments/rag.yaml" in said
    assert "fresh data: " in said
    assert "fine-tuning\n" not in said


def test_answers_that_end_too_early(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["guide"]) == 1
    assert "end before question 2, quick start" in capsys.readouterr().err

"""`bakeoff guide`: from what the job is like to what to try, and the experiment that decides."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from bakeoff.errors import InputError
from bakeoff.terminal import say

Way = Literal["prompt engineering", "RAG", "fine-tuning"]


@dataclass(frozen=True)
class Question:
    """A row of the decision table: what a yes speaks for, the strongest first, and why."""

    subject: str
    text: str
    ways: tuple[Way, ...]
    why: str


QUESTIONS = (
    Question(
        "few examples",
        "Have you fewer than about 200 examples with the right answer?",
        ("prompt engineering", "RAG"),
        "too few to train on without learning them by heart, enough to show some in the prompt and to measure",
    ),
    Question(
        "quick start",
        "Do you need something today?",
        ("prompt engineering",),
        "a prompt is changed in minutes and nothing has to be built",
    ),
    Question(
        "relevance",
        "Are the answers right in themselves but beside the point, too long, or in the wrong tone?",
        ("prompt engineering", "fine-tuning"),
        "the model knows enough and has to be told what is wanted; many examples of it tell more than a prompt",
    ),
    Question(
        "fresh data",
        "Do the facts change more often than once a month?",
        ("RAG",),
        "an index is updated in seconds (`bakeoff index`), a trained model is out of date the next day",
    ),
    Question(
        "grounding",
        "Must an answer say where it comes from, or say that it does not know?",
        ("RAG",),
        "only passages that were shown can be cited and checked",
    ),
    Question(
        "specific task",
        "Is it one narrow task with a strict form, such as a label or JSON?",
        ("fine-tuning", "prompt engineering"),
        "form is what small models learn best; try a prompt with examples first, it may be enough",
    ),
    Question(
        "prompt too long",
        "Are instructions and examples so long that they crowd out the question, or make it slow?",
        ("fine-tuning", "RAG"),
        "what is trained in need not be said each time; what is looked up is said only when it matters",
    ),
    Question(
        "cost",
        "Will there be so many requests that the price of each one matters?",
        ("fine-tuning",),
        "a small model that was trained for the task can stand in for a large one at each request",
    ),
    Question(
        "new domain",
        "Are there words and facts that a general model cannot know?",
        ("RAG", "fine-tuning"),
        "look facts up; train where it is the language that is new",
    ),
)
NEXT: dict[Way, str] = {
    "prompt engineering": "edit flows/chat/system.jinja2 and data/chat, then: bakeoff run experiments/chat.yaml",
    "RAG": "bakeoff index YOUR_DOCUMENTS --out INDEX, give `index: INDEX` to: bakeoff run experiments/rag.yaml",
    "fine-tuning": "with your rows in experiments/finetune.yaml: bakeoff finetune experiments/finetune.yaml --check",
}


def add_verb(verbs: Any) -> None:
    """Add the verb to the sub-parsers of `bakeoff`."""
    parser = verbs.add_parser("guide", help="nine questions: prompt engineering, RAG or fine-tuning?")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Ask, and say what to try. Raises InputError where the answers end too early."""
    answers = [_ask(number, question) for number, question in enumerate(QUESTIONS, start=1)]
    chosen = [question for question, yes in zip(QUESTIONS, answers, strict=True) if yes]
    for line in advice(chosen):
        say(line)
    return 0


def advice(chosen: Iterable[Question]) -> list[str]:
    """What to try, in this order, why, and what to run. chosen: the questions that were answered with yes."""
    chosen = list(chosen)
    lines = [""]
    for way in order(chosen):
        reasons = [f"  {question.subject}: {question.why}" for question in chosen if way in question.ways]
        lines += [f"{way}", *(reasons or ["  where to begin: it costs nothing but a prompt"]), f"  -> {NEXT[way]}", ""]
    return [*lines, "What is better for your rows, the run says: it compares them pairwise and ends in a verdict."]


def order(chosen: Iterable[Question]) -> list[Way]:
    """The ways to try, first the one that most answers speak for, on a tie the cheaper one.

    The first way of a question counts twice. Without any yes it is prompt engineering.
    """
    points: Counter[Way] = Counter()
    for question in chosen:
        points.update({way: 2 if way == question.ways[0] else 1 for way in question.ways})
    ways: list[Way] = list(NEXT)
    return sorted((way for way in ways if points[way]), key=lambda way: -points[way]) or ways[:1]


def _ask(number: int, question: Question) -> bool:
    while True:
        say(f"{number} of {len(QUESTIONS)}  {question.text} (y/n) ", end="")
        line = sys.stdin.readline()
        if not line:
            raise InputError(f"the answers end before question {number}, {question.subject}: y or n for each")
        answer = line.strip().lower()
        if answer in ("y", "yes", "n", "no"):
            return answer.startswith("y")
        say(f"{line.strip()!r} is neither y nor n.")

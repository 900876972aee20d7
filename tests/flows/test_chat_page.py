"""The chat page of `pf flow test --ui` in a real browser: type a question, read the answer."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import ENTER, Browser, chromium, needs_browser

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.usefixtures("smollm2"), needs_browser]
DROPPED = "Failed to fetch"


def ask(browser: Browser, question: str, expected: str) -> None:
    """Type a question and wait for an answer with that word below it.

    Prompt Flow's development server now and then drops a request unanswered; the page says so
    and a person asks again.
    """
    for _ in range(3):
        browser.type(browser.find("//*[@contenteditable='true' or self::textarea]"), question + ENTER)
        wanted = f"contains(text(), '{expected}') or contains(text(), '{DROPPED}')"
        answer = browser.text(browser.find(f"(//*[text()='{question}'])[last()]/following::*[{wanted}]"))
        if DROPPED not in answer:
            return
    pytest.fail(f"the page could not reach the flow three times: {question}")


@contextmanager
def chat_page(pf: Any, flow: str, profile: Path) -> Iterator[Browser]:
    """The chat page of a flow, opened."""
    test = ("flow", "test", "--flow", ROOT / "flows" / flow, "--ui", "--skip-open-browser")
    with pf.running(*test, until="Press CTRL") as said, chromium(profile) as browser:
        browser.open(re.search(r"http://\S+/ui/chat\S+", said)[0])  # type: ignore[index]
        yield browser


def test_a_question_typed_into_the_chat_page_is_answered(pf, tmp_path):
    with chat_page(pf, "chat", tmp_path) as browser:
        ask(browser, "What is the capital of France?", "Paris")
        ask(browser, "And of Italy?", "Rome")


def test_a_question_about_an_uploaded_picture_is_answered(pf, tmp_path):
    with chat_page(pf, "vision", tmp_path) as browser:
        upload = browser.find("//*[normalize-space(.)='image:']/following::*[@aria-label='Select another file'][1]")
        browser.choose_file(upload, ROOT / "data/vision/questions/images/receipt-00.png")
        browser.find("//input[starts-with(@value, '.promptflow/')]")
        ask(browser, "What is the total on this receipt?", "EUR 64.05")
        ask(browser, "And the date?", "26 May 2026")

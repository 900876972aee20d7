"""The chat page of `pf flow test --ui` in a real browser: type a question, read the answer."""

import re
from pathlib import Path

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


def test_a_question_typed_into_the_chat_page_is_answered(pf, tmp_path):
    with (
        pf.running(
            "flow", "test", "--flow", ROOT / "flows/chat", "--ui", "--skip-open-browser", until="Press CTRL"
        ) as said,
        chromium(tmp_path) as browser,
    ):
        browser.open(re.search(r"http://\S+/ui/chat\S+", said)[0])
        ask(browser, "What is the capital of France?", "Paris")
        ask(browser, "And of Italy?", "Rome")

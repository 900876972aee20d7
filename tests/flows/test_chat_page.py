"""The chat page of `pf flow test --ui` in a real browser: type a question, read the answer."""

import re
import shutil
from pathlib import Path

import pytest
from browser import ENTER, Browser, chromium

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.usefixtures("smollm2"),
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER),
        reason="no browser: apt-get install chromium chromium-driver, or Chrome and chromedriver on the PATH",
    ),
]


def ask(browser: Browser, question: str, expected: str) -> None:
    """Type a question and wait for an answer with that word below it."""
    browser.type(browser.find("//*[@contenteditable='true' or self::textarea]"), question + ENTER)
    browser.find(f"//*[text()='{question}']/following::*[contains(text(), '{expected}')]")


def test_a_question_typed_into_the_chat_page_is_answered(pf, tmp_path):
    with (
        pf.running(
            "flow", "test", "--flow", ROOT / "flows/chat", "--ui", "--skip-open-browser", until="Press CTRL"
        ) as said,
        chromium(CHROMEDRIVER, CHROMIUM, tmp_path) as browser,
    ):
        browser.open(re.search(r"http://\S+/ui/chat\S+", said)[0])
        ask(browser, "What is the capital of France?", "Paris")
        ask(browser, "And of Italy?", "Rome")

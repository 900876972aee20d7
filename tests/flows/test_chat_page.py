"""The chat page of `pf flow test --ui` in a real browser: type a question, read the answer."""

import re
import shutil
from pathlib import Path

import pytest
from browser import ENTER, Browser, chromium

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
ANSWERED = "(//*[text()='View trace'])[{number}]"

pytestmark = [
    pytest.mark.usefixtures("smollm2"),
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER),
        reason="no browser: apt-get install chromium chromium-driver, or Chrome and chromedriver on the PATH",
    ),
]


def ask(browser: Browser, question: str, number: int) -> str:
    """What the page says after the question, when its answer has arrived."""
    browser.type(browser.find("//*[@contenteditable='true' or self::textarea]"), question + ENTER)
    browser.find(ANSWERED.format(number=number))
    return browser.text().split(question)[1].split("View trace")[0]


def test_a_question_typed_into_the_chat_page_is_answered(pf, tmp_path):
    with (
        pf.running("flow", "test", "--flow", ROOT / "flows/chat", "--ui", "--skip-open-browser", until="Press CTRL") as said,
        chromium(CHROMEDRIVER, CHROMIUM, tmp_path) as browser,
    ):
        browser.open(re.search(r"http://\S+/ui/chat\S+", said)[0])
        assert "Paris" in ask(browser, "What is the capital of France?", 1)
        assert "Rome" in ask(browser, "And of Italy?", 2)

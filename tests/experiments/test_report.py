"""The HTML report: what is in the file, and how it behaves in a real browser."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from browser import ENTER, Browser, chromium, needs_browser
from result_helpers import THIS_RUN, cell, experiment, task

from bakeoff.experiments.analysis import analyse
from bakeoff.experiments.definition import Contender, Gates, MetricChoice
from bakeoff.experiments.gates import with_gates
from bakeoff.experiments.report import to_html
from bakeoff.experiments.report.charts import pareto
from bakeoff.experiments.report.row_data import MOST_BYTES, row_data
from bakeoff.experiments.rows import CellRun, RowResult
from bakeoff.metrics.rows import failed, scored

HOSTILE = "</script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\"> & 'so'"
ROWS = 60


def row(number: int, score: float | None, answer: str, **output: Any) -> RowResult:
    found = failed("no reference") if score is None else scored(score, passed=score == 1)
    record = {"id": f"r{number:02}", "outcome": "answered"} | found.fields("match") | scored(0.5).fields("style")
    data = {"category": "ab"[number % 2], "question": f"What is {number}?", "ground_truth": str(number)}
    return RowResult(f"r{number:02}", data, {"answer": answer, **output}, 0.1 + number / 100, record, "")


def cells() -> list[CellRun]:
    """`A` is right on all but row 3, `B <i>` on even rows; row 7 of B failed and row 9 of A has no score."""
    a = [row(n, 1.0 if n != 3 else 0.0, f"={n}") for n in range(ROWS)]
    a[9] = row(9, None, "?")
    passage = {"document": "help.md", "text": "A passage that was found. " * 5}
    b = [row(n, float(n % 2 == 0 or n == 3), f"{HOSTILE} {n}", passages=[passage]) for n in range(ROWS)]
    b[4] = replace(
        b[4], prompts=[[{"role": "system", "content": "Be <b>brief</b>."}, {"role": "user", "content": "4?"}]]
    )
    b[7] = replace(b[7], output=None, record=None, error="HTTP 500 <b>from the endpoint</b>")
    return [cell("A", a), cell("B <i>", b)]


def page() -> str:
    metrics = (MetricChoice("match", "match", "pass_fail"), MetricChoice("style", "style"))
    of = experiment(Contender("A"), Contender("B <i>"), metrics=metrics, tasks=(task(latency=("style",)),))
    made = cells()
    result = with_gates(analyse(of, made, THIS_RUN), Gates(floors={"match": 0.9}))
    return to_html(result, of, made)


def test_the_front() -> None:
    assert pareto([(2, 0.5), (1, 0.4), (3, 0.5), (1, 0.3), (4, 0.9)]) == [(1, 0.4), (2, 0.5), (4, 0.9)]


def test_nothing_from_elsewhere_and_no_markup_of_a_model() -> None:
    html = page()
    assert not re.search(r"(src|href)=\"(?!#)", html.replace(json.dumps(HOSTILE)[1:-1].replace("<", "\\u003c"), ""))
    assert "<img" not in html
    assert "<i>" not in html
    assert html.count("<script") == 2
    assert "'unsafe-inline'" not in html.split("script-src")[1].split(";")[0]


def test_the_same_result_is_the_same_page() -> None:
    assert page() == page()


def test_long_texts_are_kept_once_and_cut_only_where_the_page_would_grow_too_large() -> None:
    of = experiment(Contender("A"))
    text = "x" * 5_000
    few = [cell("A", [row(n, 1.0, text) for n in range(30)])]
    kept = row_data(analyse(of, few, THIS_RUN).tasks[0], few)
    assert [value for value in kept["pool"] if isinstance(value, str)] == [text]
    many = [cell("A", [row(n, 1.0, f"{n} {text}") for n in range(1_000)])]
    cut = row_data(analyse(of, many, THIS_RUN).tasks[0], many)
    assert len(json.dumps(cut)) <= MOST_BYTES
    answers = [value for value in cut["pool"] if isinstance(value, str)]
    assert answers[7].startswith("7 xxx")
    assert answers[7].endswith("(5,002 characters; all are in rows.jsonl)")


def test_prompts_are_cut_before_answers() -> None:
    of = experiment(Contender("A"))
    prompt = [{"role": "system", "content": "Be brief. " * 20}, {"role": "user", "content": "passage " * 400}]
    rows = [row(n, 1.0, f"{n} {'x' * 1_000}") for n in range(1_000)]
    made = [cell("A", [replace(one, prompts=[[*prompt, {"role": "user", "content": one.id * 999}]]) for one in rows])]
    found = row_data(analyse(of, made, THIS_RUN).tasks[0], made)
    assert len(json.dumps(found)) <= MOST_BYTES
    texts = [value for value in found["pool"] if isinstance(value, str)]
    assert texts.count("Be brief. " * 20) == 1
    assert f"7 {'x' * 1_000}" in texts
    assert any(
        text.startswith("r07r07") and text.endswith("(2,997 characters; all are in rows.jsonl)") for text in texts
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("report")
    (folder / "report.html").write_text(page(), encoding="utf-8")
    with chromium(folder / "profile") as opened:
        opened.emulate(width=1300)
        opened.open((folder / "report.html").as_uri())
        yield opened


@pytest.fixture
def opened(browser: Browser) -> Browser:
    """The page as it is at first, on a large light screen."""
    browser.emulate(width=1300)
    browser.run("location.reload()")
    browser.find("//*[@id='count' and contains(text(), 'rows')]")
    return browser


def shown(browser: Browser) -> list[str]:
    return list(browser.run("return [...document.querySelectorAll('.opener')].map((one) => one.textContent)"))


def choose(browser: Browser, name: str, value: str) -> None:
    script = "const s = document.querySelector(`[name=%s]`); s.value = '%s'; s.dispatchEvent(new Event('change'))"
    browser.run(script % (name, value))


@needs_browser
def test_rows_are_filtered(opened: Browser) -> None:
    assert len(shown(opened)) == 50
    opened.run("document.getElementById('more-rows').click()")
    assert len(shown(opened)) == ROWS
    labels = opened.run("return [...document.querySelectorAll('[name=show] option')].map((one) => one.textContent)")
    assert labels[1:3] == ["only A right", "only B <i> right"]
    choose(opened, "show", "b")
    assert shown(opened) == ["r03"]
    choose(opened, "show", "a")
    assert shown(opened) == [f"r{n:02}" for n in range(1, ROWS, 2) if n not in (3, 9)]
    choose(opened, "show", "errors")
    assert shown(opened) == ["r07", "r09"]
    choose(opened, "show", "all")
    choose(opened, "category", "b")
    assert len(shown(opened)) == ROWS // 2
    opened.type(opened.find("//input[@name='words']"), "what is 41")
    assert shown(opened) == ["r41"]
    assert opened.run("return document.getElementById('count').textContent") == f"1 of {ROWS} rows"


@needs_browser
def test_rows_are_sorted_by_keyboard(opened: Browser) -> None:
    opened.run("[...document.querySelectorAll('#row-table thead button')][2].focus()")
    opened.type(opened.find("(//*[@id='row-table']//thead//button)[3]"), ENTER)
    assert opened.run("return document.querySelectorAll('#row-table th[aria-sort=descending]').length") == 1
    assert opened.run("return document.activeElement.textContent") == "A ▼"
    opened.type(opened.find("(//*[@id='row-table']//thead//button)[3]"), ENTER)
    assert shown(opened)[:2] == ["r09", "r03"]


@needs_browser
def test_a_row_opens_and_what_a_model_wrote_is_text(opened: Browser) -> None:
    opener = opened.find("//button[text()='r04']")
    opened.type(opener, ENTER)
    assert opened.run("return document.activeElement.getAttribute('aria-expanded')") == "true"
    detail = opened.text(opened.find("//tr[@class='detail']"))
    assert f"{HOSTILE} 4" in detail
    assert "What is 4?" in detail
    opened.run("document.querySelectorAll('.detail details').forEach((one) => { one.open = true; })")
    detail = opened.text(opened.find("//tr[@class='detail']"))
    assert "A passage that was found." in detail
    assert "system\nBe <b>brief</b>.\nuser\n4?" in detail
    assert opened.run("return document.title") == "Bake-off: tiny"
    assert opened.run("return document.querySelectorAll('main img, main i, main b').length") == 0
    opened.type(opener, ENTER)
    assert opened.run("return document.querySelectorAll('.detail').length") == 0
    opened.type(opened.find("//button[text()='r07']"), ENTER)
    assert "HTTP 500 <b>from the endpoint</b>" in opened.text(opened.find("//tr[@class='detail']"))


@needs_browser
def test_nothing_is_asked_of_the_network_and_the_console_is_empty(opened: Browser) -> None:
    opened.run("document.querySelectorAll('.opener').forEach((one) => one.click())")
    assert [entry for entry in opened.log("browser") if entry["level"] != "INFO"] == []
    messages = [json.loads(entry["message"])["message"] for entry in opened.log("performance")]
    asked = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith(("file:", "data:", "chrome:"))} == set()


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_it_without_scrolling_sideways_and_with_contrast(opened: Browser, dark: bool) -> None:
    opened.emulate(width=390, height=800, dark=dark)
    opened.run("document.querySelectorAll('.opener')[7].click(); document.querySelectorAll('.opener')[4].click()")
    assert opened.run("return document.documentElement.scrollWidth") <= 390
    weak = opened.run(CONTRAST)
    assert weak == []
    surface = opened.run("return getComputedStyle(document.body).backgroundColor")
    assert surface == ("rgb(20, 24, 29)" if dark else "rgb(255, 255, 255)")


CONTRAST = """
const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = (one) => {
  for (; one; one = one.parentElement) {
    const found = parts(getComputedStyle(one).backgroundColor);
    if (found.length === 3 || found[3] === 1) return found;
  }
  return [255, 255, 255];
};
const weak = [];
for (const one of document.querySelectorAll("main *, header *")) {
  const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || !one.getClientRects().length || one.closest("noscript")) continue;
  const style = getComputedStyle(one);
  const ink = light(parts(one instanceof SVGElement ? style.fill : style.color));
  const ground = light(behind(one));
  const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  if (ratio < 4.5) weak.push([one.tagName, one.textContent.slice(0, 40), ratio]);
}
return weak;
"""

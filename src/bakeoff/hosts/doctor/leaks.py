"""Reference answers that reach the model.

A row leaks when its question holds the whole reference answer word for word. Short answers and tasks that are about a
text in the question do so rightly, so only answers of LEAST_WORDS words and more are looked for, and rows of the
categories in ABOUT_A_TEXT are left out.
"""

import re
from collections.abc import Iterator

from bakeoff.finding import Finding, warning
from bakeoff.hosts.doctor.bundle import Bundle, Run
from bakeoff.hosts.promptflow_data import COLUMN

LEAST_WORDS = 5
ABOUT_A_TEXT = re.compile(
    "extract|summar|rewrite|paraphras|classif|translat|correct|choice|reading|comprehen|copy|quote|context|format"
)
REFERENCES = {"ground_truth", "groundtruth", "aliases", "reference_answer", "expected_answer"}


def check(bundle: Bundle) -> Iterator[Finding]:
    """Questions that hold their answer, and run files that give a flow the reference answer."""
    for path, rows in bundle.tables.items():
        for row in rows:
            answer, question = _words(row.values.get("ground_truth")), _words(row.values.get("question"))
            if ABOUT_A_TEXT.search(str(row.values.get("category", "")).lower()) or len(answer) < LEAST_WORDS:
                continue
            if f" {' '.join(answer)} " in f" {' '.join(question)} ":
                yield warning(path, row.line, "the question holds the whole reference answer: reword the question")
    for run in bundle.runs:
        yield from _mapped(run)


def _mapped(run: Run) -> Iterator[Finding]:
    mapped = {name: str(value) for name, value in run.column_mapping.items()}
    scores = any(value.startswith("${run.") for value in mapped.values())
    if scores or run.flow is None or run.flow.is_evaluation:
        return
    for name, value in mapped.items():
        match = COLUMN.fullmatch(value)
        if match and match[1].lower() in REFERENCES:
            line = run.document.line("column_mapping", name)
            yield warning(run.document.path, line, f"{value} gives the flow the reference answer: remove this mapping")


def _words(value: object) -> list[str]:
    return re.findall(r"\w+", value.lower()) if isinstance(value, str) else []

"""How the code for a chart is scored, row by row and as a whole: the content of `evaluations/chart_to_code`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bakeoff.metrics import answers
from bakeoff.metrics.rows import Row, Score, attempt, failed, scored, scores_of, skipped
from bakeoff.metrics.speed import percentile
from bakeoff.metrics.summary import Metric, count_outcomes, summarise, summarise_categories
from bakeoff.vision.chart_code.chart import ChartData, read_truth
from bakeoff.vision.chart_code.compare import compare_data, compare_labels, compare_pictures
from bakeoff.vision.chart_code.parse import ForbiddenCodeError, UnparsableCodeError, check_code, find_code
from bakeoff.vision.chart_code.sandbox import ChartCodeError, Drawing, run_code

QUALITY = (
    Metric("drawn", maximum=1, binary=True),
    Metric("data_f1", maximum=1),
    Metric("data_precision", maximum=1),
    Metric("data_recall", maximum=1),
    Metric("labels", maximum=1),
    Metric("kind", maximum=1, binary=True),
)
FIGURES = (Metric("picture_similarity"), Metric("latency"))
CODE = ("drew", "unparsable", "forbidden", "error", "denied", "memory", "time", "output")
"""What became of a row's code: it drew, it was not let through, or why the guarded process drew nothing."""


def score_row(
    *,
    answer: Any,
    completion: Any,
    truth: Any,
    picture: bytes | None = None,
    category: str = "",
    row_id: str = "",
) -> dict[str, Any]:
    """The record of one answer: `id`, `category`, `outcome`, `code` (of CODE, "" where there was no answer to read),
    `guard` (the layers of `lockdown` that were in force while it drew), and four columns for each metric.

    completion: as in `bakeoff.metrics.chat.score_row`. truth: the chart as `chart.read_truth` takes it.
    picture: the original as PNG or JPEG, to compare with what the code draws. Runs the code; never raises.
    """
    outcome, blocked, note = answers.outcome(answer, completion, ())
    record = completion if isinstance(completion, Mapping) else {}
    became, drawing, reason = ("", None, blocked) if blocked else _run(answer)
    blocked = "" if became else reason

    def drawn(compute: Callable[[Drawing], Score]) -> Score:
        return attempt(lambda: compute(drawing)) if drawing else failed(reason)

    def compared(compute: Callable[[ChartData, ChartData], float], *, binary: bool = False) -> Score:
        def score(made: Drawing) -> Score:
            value = compute(made.chart, read_truth(truth))
            return scored(value, passed=bool(value) if binary else None, reason=note)

        return drawn(score)

    scores = {
        "drawn": failed(blocked) if blocked else scored(bool(drawing), passed=bool(drawing), reason=reason or note),
        "data_f1": compared(lambda made, true: compare_data(made, true).f1),
        "data_precision": compared(lambda made, true: compare_data(made, true).precision),
        "data_recall": compared(lambda made, true: compare_data(made, true).recall),
        "labels": compared(compare_labels),
        "kind": compared(lambda made, true: made.kind == true.kind, binary=True),
        "picture_similarity": drawn(lambda made: scored(compare_pictures(made.png, picture)))
        if picture
        else skipped("the row has no picture"),
        "latency": failed(blocked) if blocked else answers.measured(record, "total_time"),
    }
    row: dict[str, Any] = {
        "id": row_id or answers.content_id("", truth),
        "category": category,
        "outcome": outcome,
        "code": became,
        "guard": ", ".join(drawing.layers) if drawing else "",
    }
    for metric, score in scores.items():
        row |= score.fields(metric)
    return row


def _run(answer: str) -> tuple[str, Drawing | None, str]:
    """(one of CODE, what was drawn or None, why nothing was or ""); no code where the fault is not the answer's."""
    try:
        code = find_code(answer)
        check_code(code)
        return "drew", run_code(code), ""
    except UnparsableCodeError as error:
        return "unparsable", None, str(error)
    except ForbiddenCodeError as error:
        return "forbidden", None, str(error)
    except ChartCodeError as error:
        return error.kind, None, str(error)
    except OSError as error:
        return "", None, f"the process for the code could not be started: {error}"


def aggregate(rows: Sequence[Any], rows_expected: int | None) -> dict[str, float]:
    """All metrics of a run from its row records; finite numbers only, defined for no rows.

    rows_expected: as in `bakeoff.metrics.chat.aggregate`. Beside what `summarise` gives for each metric: outcome
    counts, `code_<what became of it>` counts, latency p50 and p95, and means by category. The means of the data are
    over the charts that were drawn; `_worst_case` counts the others as zero.
    """
    records: list[Row] = [row for row in rows if isinstance(row, Mapping)]
    metrics = count_outcomes(records, rows_expected or 0)
    metrics["rows_expected_known"] = int(rows_expected is not None)
    became = Counter(row.get("code") for row in records)
    metrics |= {f"code_{name}": became[name] for name in CODE}
    for metric in QUALITY + FIGURES:
        metrics |= summarise(records, metric, int(metrics["rows_expected"]))
    if times := scores_of(records, "latency"):
        metrics |= {"latency_p50": percentile(times, 50), "latency_p95": percentile(times, 95)}
    return metrics | summarise_categories(records, QUALITY)

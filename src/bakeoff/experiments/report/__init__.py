"""The result as one HTML file that needs nothing else: no network, no script or font from elsewhere."""

import base64
import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bakeoff.experiments.definition import Experiment
from bakeoff.experiments.markdown import COMPARISON, comparison_row
from bakeoff.experiments.report.charts import interval_charts, trade_off_charts
from bakeoff.experiments.report.row_data import MOST_BYTES, compact_json, row_data
from bakeoff.experiments.result import ContenderResult, ExperimentResult, TaskResult
from bakeoff.experiments.rows import CellRun
from bakeoff.experiments.table import cache_text, gate_lines, header, note_lines, summary_line, table_rows
from bakeoff.metrics.table import number

HERE = Path(__file__).parent
PACKAGES = ("bakeoff", "promptflow", "onnxruntime", "onnxruntime-genai", "openai", "scipy")


def to_html(result: ExperimentResult, experiment: Experiment, cells: Sequence[CellRun]) -> str:
    """The report: verdict, tables, charts, a browser of all rows, the method, how to repeat it.

    Every text of a model or of the data is escaped or set as text: none of it is run.
    """
    script = (HERE / "page.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.jinja2").render(
        result=result,
        tasks=[_task(result, experiment, task, cells) for task in result.tasks],
        method=_method(result, experiment),
        cache=cache_text(result),
        command=result.this_run.command,
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        rows=Markup(_json_block([row_data(task, cells, MOST_BYTES // len(result.tasks)) for task in result.tasks])),
    )


def _task(
    result: ExperimentResult, experiment: Experiment, task: TaskResult, cells: Sequence[CellRun]
) -> dict[str, Any]:
    return {
        "name": task.name,
        "summary": summary_line(task),
        "verdict": task.verdict,
        "header": header(result, task),
        "rows": table_rows(task),
        "gates": gate_lines(task),
        "notes": note_lines(task),
        "intervals": interval_charts(task),
        "trade_offs": trade_off_charts(task, result.currency),
        "comparison_header": COMPARISON,
        "comparisons": [comparison_row(comparison) for comparison in task.comparisons],
        "categories": _categories(task),
        "contenders": {c.name: _contender(c) for c in task.contenders},
    }


def _contender(contender: ContenderResult) -> str:
    """What it was given, which models answered, and what became of the rows."""
    given = [f"{name}: {value}" for name, value in contender.inputs.items()]
    given += [f"{node} uses {', '.join(used.values())}" for node, used in contender.connections.items()]
    settings = ", ".join(given) or ("made by rules, no model runs" if contender.baseline else "the flow's own defaults")
    outcomes = ", ".join(f"{n} {what}" for what, n in contender.outcomes.items())
    answered = f"answered by {', '.join(contender.models)}" if contender.models else ""
    return "; ".join(part for part in (settings, answered, outcomes, contender.cost.basis) if part)


def _categories(task: TaskResult) -> dict[str, Any]:
    """Mean of the decision metric for each category and contender."""
    contenders = [c for c in task.contenders if c.categories]
    if not contenders:
        return {}
    metric = contenders[0].metrics[0]
    by_contender = {c.name: {part.category: part for part in c.categories} for c in contenders}
    rows = [
        [part.category, f"{part.rows:,}"]
        + [
            number(found.means.get(metric.name)) if (found := parts.get(part.category)) else "-"
            for parts in by_contender.values()
        ]
        for part in contenders[0].categories
    ]
    return {"label": metric.label, "header": ["category", "rows", *by_contender], "rows": rows}


def _method(result: ExperimentResult, experiment: Experiment) -> list[tuple[str, str]]:
    lines = [("experiment", f"{result.experiment}.yaml, sha256 {_sha256(experiment.path)}")]
    for task, known in zip(result.tasks, experiment.tasks, strict=True):
        name = f"{task.name}: " if len(result.tasks) > 1 else ""
        lines += [
            (f"{name}flow", task.flow),
            (f"{name}data", f"{task.data}, {task.rows:,} rows run, sha256 {_sha256(known.data)}"),
            (f"{name}evaluation", task.evaluation),
            (f"{name}rows that belong together", known.clusters or "each row stands alone"),
        ]
    kinds = {"pass_fail": "pass or fail", "ordinal": "ordinal", "continuous": "continuous"}
    metrics = ", ".join(f"{m.label} ({m.name}, {kinds[m.kind]})" for m in experiment.metrics)
    return [
        *lines,
        ("metrics", f"{metrics}; {experiment.decision.label} decides"),
        (
            "intervals",
            "95 %: Wilson for shares, bootstrap for means; of differences: paired bootstrap, clusters respected",
        ),
        ("tests", "named with each comparison; p-values after Holm over all metrics and pairs"),
        ("seed", str(result.seed)),
        ("versions", ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))),
        ("machine", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"),
        ("begun", result.this_run.started),
    ]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _json_block(content: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return compact_json(content).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")

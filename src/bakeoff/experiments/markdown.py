"""The result as Markdown, for a pull request."""

from bakeoff.experiments.paired import Comparison
from bakeoff.experiments.result import ExperimentResult, TaskResult
from bakeoff.experiments.table import cache_text, gate_lines, header, note_lines, summary_line, table_rows
from bakeoff.experiments.wording import interval_text

COMPARISON = ("a", "b", "metric", "a - b (95 %)", "p (Holm)", "test", "paired rows", "smallest difference shown")


def to_markdown(result: ExperimentResult) -> str:
    """Verdicts first, then for each task the table, the gates, notes and every paired comparison."""
    parts = [f"# Bake-off: {_text(result.experiment)}", _text(result.description)]
    for task in result.tasks:
        parts.append(f"## {_text(summary_line(task))}\n\n**{_text(task.verdict.sentence)}**")
        parts.append(_table(header(result, task), table_rows(task)))
        for title, lines in (("Gates", gate_lines(task)), ("Notes", note_lines(task))):
            if lines:
                parts.append(f"### {title}\n\n" + "\n".join(f"- {_text(line)}" for line in lines))
        if task.comparisons:
            parts.append(
                "### Paired comparisons\n\n" + _table(list(COMPARISON), [comparison_row(c) for c in task.comparisons])
            )
        parts.append(_provenance(task))
    parts.append(f"Seed {result.seed}, bakeoff {result.bakeoff}, {cache_text(result)}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def comparison_row(comparison: Comparison) -> list[str]:
    """What COMPARISON names, as text."""
    difference, p, detectable = comparison.difference, comparison.p_adjusted, comparison.detectable
    return [
        comparison.a,
        comparison.b,
        comparison.metric,
        "-" if difference is None else interval_text(difference, comparison.low, comparison.high),
        "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.2g}",
        comparison.test,
        f"{comparison.counts.paired:,} of {comparison.counts.expected:,}",
        "-" if detectable is None else f"{detectable:.2g}",
    ]


def _provenance(task: TaskResult) -> str:
    models = sorted({model for contender in task.contenders for model in contender.models})
    named = f" Models: {_text(', '.join(models))}." if models else ""
    places = f"Flow {_text(task.flow)}, data {_text(task.data)}, evaluation {_text(task.evaluation)}."
    return f"{places}{named} Memory is approximate: all processes of the run, Prompt Flow's own included."


def _table(names: list[str], rows: list[list[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(_text(cell) for cell in line) + " |" for line in lines)


def _text(text: str) -> str:
    """Text that can come from a model or an endpoint, on one line and without Markdown's and HTML's special signs."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    for sign in "\\|`*_[":
        text = text.replace(sign, f"\\{sign}")
    return text

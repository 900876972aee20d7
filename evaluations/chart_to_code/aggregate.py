from typing import Any

from promptflow.core import tool

from bakeoff.hosts.promptflow_aggregate import expected_rows, log_metrics
from bakeoff.vision.chart_code import rows as chart_rows


@tool
def aggregate(rows: list[dict[str, Any]], expected: list[int]) -> dict[str, float]:
    """Log the metrics of the whole run and return them."""
    return log_metrics(chart_rows.aggregate(rows, expected_rows(expected)))

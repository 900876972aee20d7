from typing import Any

from promptflow.core import tool

from bakeoff.hosts.promptflow_aggregate import expected_rows, log_metrics
from bakeoff.metrics import extract


@tool
def aggregate(rows: list[dict[str, Any]], expected: list[int]) -> dict[str, float]:
    """Log the metrics of the whole run and return them."""
    return log_metrics(extract.aggregate(rows, expected_rows(expected)))

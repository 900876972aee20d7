"""What an aggregate node needs from Prompt Flow: how many rows there should be, and a metric log that stays JSON."""

import math
from collections.abc import Mapping, Sequence

from promptflow._utils.load_data import load_data
from promptflow.client import PFClient
from promptflow.core import log_metric
from promptflow.exceptions import UserErrorException
from promptflow.tracing._operation_context import OperationContext

from bakeoff.errors import InputError


def expected_rows(given: Sequence[int]) -> int | None:
    """How many rows the running batch should have, or None where nothing says so.

    given: the `expected_rows` flow input as an aggregate node gets it, once for each row that arrived; above 0 it
    wins. Else the local run history knows: all lines of the base run, failed ones too, or the lines of the data file
    of a run without a base. Prompt Flow 1.18.5 hides both from the node, and a cloud run has no local history.
    """
    if given and max(given) > 0:
        return max(given)
    try:
        client = PFClient()
        run = client.runs.get(OperationContext.get_instance()["root_run_id"])
        if run.run is None:
            return len(load_data(run.data))
        base = client.runs.get(run.run if isinstance(run.run, str) else run.run.name)
    except (KeyError, UserErrorException):
        return None
    lines = base.properties.get("system_metrics", {})
    total = lines.get("__pf__.lines.completed", 0) + lines.get("__pf__.lines.failed", 0)
    return total or None


def log_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Log each metric of the running batch and return them all.

    Raises InputError, before anything is logged, for a value that is not a finite number: Prompt Flow would write it
    and metrics.json would no longer be JSON.
    """
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"metric {name!r} is {value!r}: only finite numbers can be logged")
    for name, value in metrics.items():
        log_metric(name, value)
    return dict(metrics)

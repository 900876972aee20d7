"""What belongs to one row of a batch and what belongs to all of them, for every node that can fail."""

import os
from collections.abc import Callable
from contextlib import suppress

from promptflow._utils.logger_utils import logger
from promptflow.exceptions import UserErrorException
from promptflow.tracing._operation_context import OperationContext

from bakeoff import catalog
from bakeoff.catalog.cache import cache_folder
from bakeoff.errors import BakeoffError, EndpointError
from bakeoff.models.base import ChatModel
from bakeoff.models.endpoint_check import ENOUGH, TINY

IN_BATCH = "BAKEOFF_IN_BATCH"
"""Set where rows are those of a batch and Prompt Flow does not know it: in the parallel steps of a pipeline."""

# Prompt Flow imports tools before it forks the workers of a batch: what is read here is in memory once for all of them
catalog.load()
cache_folder()


def stop_if_unusable(error: BakeoffError, again: Callable[[], object] | None = None) -> None:
    """Raise UserErrorException where no row can succeed: a wrong key, missing rights or deployment.

    again: a tiny call of what refused this row. Where it works only this row was refused, by the rules of a gateway
    for example, and nothing is raised.
    """
    if not isinstance(error, EndpointError) or not error.final:
        return
    if again is not None:
        with suppress(BakeoffError):
            again()
            return
    raise UserErrorException(str(error)) from None


def still_answers(model: ChatModel) -> Callable[[], object]:
    """The tiny call of a chat model."""
    return lambda: model.complete(TINY, ENOUGH)


def report(error: str) -> None:
    """Log why a row of a batch has no answer; elsewhere, where somebody waits for it, raise UserErrorException."""
    context = OperationContext.get_instance()
    if context.get("run_mode") != "Batch" and not os.environ.get(IN_BATCH):
        raise UserErrorException(error)
    line = context._get_otel_attributes().get("line_number")
    logger.error("Line number(%s) has no answer: %s", line, error)

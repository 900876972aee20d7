"""What belongs to one row of a batch and what belongs to all of them, for every node that can fail."""

from promptflow._utils.logger_utils import logger
from promptflow.exceptions import UserErrorException
from promptflow.tracing._operation_context import OperationContext

from bakeoff.errors import BakeoffError, EndpointError


def stop_if_unusable(error: BakeoffError) -> None:
    """Raise UserErrorException where no row can succeed: a wrong key, missing rights or deployment."""
    if isinstance(error, EndpointError) and error.final:
        raise UserErrorException(str(error)) from None


def report(error: str) -> None:
    """Log why a row of a batch has no answer; elsewhere, where somebody waits for it, raise UserErrorException."""
    context = OperationContext.get_instance()
    if context.get("run_mode") != "Batch":
        raise UserErrorException(error)
    line = context._get_otel_attributes().get("line_number")
    logger.error("Line number(%s) has no answer: %s", line, error)

"""OpenAI error objects (https://platform.openai.com/docs/guides/error-codes)."""

from typing import Any

from bakeoff.errors import BakeoffError, InputError, ModelNotFoundError, NotSupportedError, PromptTooLongError
from bakeoff.serving.pool import BusyError, LostError


class ApiError(Exception):
    """A refusal: HTTP status, and what the error object says. param: the field of the request that is wrong."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ):
        super().__init__(message)
        self.status, self.kind, self.param, self.code = status, kind, param, code
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}

    def body(self) -> dict[str, Any]:
        return {"error": {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}}


def to_api_error(error: BakeoffError) -> ApiError:
    """The refusal that an error of Bakeoff stands for."""
    said = str(error)
    match error:
        case PromptTooLongError():
            return ApiError(400, said, param="messages", code="context_length_exceeded")
        case InputError():
            return ApiError(400, said)
        case NotSupportedError():
            return ApiError(400, said, code="unsupported_value")
        case ModelNotFoundError():
            return ApiError(404, said, param="model", code="model_not_found")
        case BusyError():
            return ApiError(429, said, "requests", code="rate_limit_exceeded", retry_after=error.retry_after)
        case LostError():
            return ApiError(503, said, "server_error", code="model_process_ended", retry_after=1)
        case _:
            return ApiError(500, said, "server_error")

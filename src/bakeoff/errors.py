"""Errors written for the person who reads them: what was wrong, where, and what to do."""


class BakeoffError(Exception):
    """Base of every error Bakeoff raises on purpose; its text can be shown as it is."""


class InputError(BakeoffError, ValueError):
    """The caller's data or parameters are wrong (an empty question, a bad role, a malformed row)."""


class PromptTooLongError(InputError):
    """The prompt does not fit into the model's context."""


class ModelNotFoundError(BakeoffError):
    """No catalog entry, folder or deployment has that name."""


class ModelCorruptError(BakeoffError):
    """A model's files are missing, damaged or of the wrong kind."""


class DownloadError(BakeoffError):
    """A model could not be fetched from any of its sources."""


class EndpointError(BakeoffError):
    """A model endpoint refused or failed.

    `status` is the HTTP status (None where no answer came) and `retryable` says whether another try may help.
    """

    def __init__(self, message: str, *, status: int | None = None, retryable: bool = False):
        super().__init__(message)
        self.status = status
        self.retryable = retryable

    @property
    def final(self) -> bool:
        """Whether no request can succeed: a wrong key, missing rights or deployment."""
        return self.status in (401, 403, 404)


class UnreachableError(EndpointError):
    """An endpoint gave no HTTP answer at all: no such host, nobody listens, or only silence."""


class SignInError(EndpointError):
    """Nobody is signed in to Entra ID here, so nothing was sent."""


class NotSupportedError(BakeoffError):
    """This provider or model cannot do what was asked (log-likelihoods, images, ...)."""

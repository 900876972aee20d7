"""The one interface of every model: messages and parameters in, a completion out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, get_args

from bakeoff.errors import InputError

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "content_filter", "error"]
ImageDetail = Literal["auto", "low", "high"]


@dataclass(frozen=True)
class Image:
    """Encoded image bytes (PNG, JPEG, ...) and their media type, for example `image/png`."""

    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; `text` is data and can never forge a prompt's control tokens."""

    role: Role
    text: str
    images: tuple[Image, ...] = ()

    def __post_init__(self) -> None:
        if self.role not in ("system", "user", "assistant"):
            raise InputError(f"unknown role {self.role!r} in a message: use system, user or assistant")
        if not isinstance(self.text, str):
            raise InputError(f"the text of a {self.role} message is a {type(self.text).__name__}, not a string")


@dataclass(frozen=True)
class Parameters:
    """How to generate.

    max_new_tokens: most tokens of the answer. temperature: 0 is greedy decoding. top_p: nucleus mass in (0, 1].
    seed: makes sampling repeatable where the provider can. stop: strings that end the answer and are not part of it.
    json_schema: a JSON schema that the answer must follow. overflow: what happens when the prompt does not fit into
    the context: `error`, or `truncate`, which drops the oldest history turns and says so in the completion.
    image_detail: how closely an endpoint looks at images (OpenAI's `detail`); a local model takes them as they come.
    Raises InputError for values outside those ranges.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = None
    overflow: Literal["error", "truncate"] = "error"
    image_detail: ImageDetail = "auto"

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise InputError(f"max_new_tokens is {self.max_new_tokens}: it must be 1 or more")
        if not (math.isfinite(self.temperature) and 0 <= self.temperature <= 2):
            raise InputError(f"temperature is {self.temperature}: it must lie between 0 and 2")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p is {self.top_p}: it must be above 0 and at most 1")
        if self.overflow not in ("error", "truncate"):
            raise InputError(f"overflow is {self.overflow!r}: use 'error' or 'truncate'")
        if self.image_detail not in get_args(ImageDetail):
            raise InputError(f"image_detail is {self.image_detail!r}: use {', '.join(get_args(ImageDetail))}")
        if any(not s for s in self.stop):
            raise InputError("an empty stop string would end every answer at once")


@dataclass(frozen=True)
class ModelIdentity:
    """What exactly answered: name, provider (`onnx`, `openai`, `azure_openai`, ...), revision and where it ran.

    revision: a hash of the local weights, or the model version an endpoint reports; empty where unknown.
    """

    name: str
    provider: str
    revision: str = ""
    execution_provider: str = ""


@dataclass(frozen=True)
class Completion:
    """One answer and how it came about. Times are seconds; token counts are None where the provider gives none.

    time_to_first_token runs from the call to the first generated token. dropped_turns counts history turns left out
    to make the prompt fit. `error` explains finish reasons `content_filter` and `error`.
    """

    text: str
    finish_reason: FinishReason
    model: ModelIdentity
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    time_to_first_token: float | None = None
    total_time: float = 0.0
    dropped_turns: int = 0
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready record, the `completion` output of the flows."""
        return asdict(self)


@dataclass(frozen=True)
class TokenLogprob:
    """A generated token, its natural-log probability, and the likeliest tokens in its place with theirs.

    They are the model's own: before temperature, top_p and a JSON schema.
    """

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Delta:
    """A piece of a streamed answer; the last one of a stream carries the whole `completion` (its own text is empty).

    logprobs: of the tokens of this piece, where they were asked for.
    """

    text: str
    completion: Completion | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class LogLikelihood:
    """Natural-log probability of a continuation: its sum over `tokens`, and whether greedy decoding would write it.

    dropped_tokens counts those left out at the beginning of the prefix to make the text fit.
    """

    logprob: float
    tokens: int
    is_greedy: bool
    dropped_tokens: int = 0


class ChatModel(Protocol):
    """A model that can chat. One instance serves many threads; calls on one local model run one after another."""

    identity: ModelIdentity

    @property
    def context_length(self) -> int | None:
        """Most tokens of prompt and answer together; None where an endpoint does not say."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, without a chat template; for an endpoint an estimate (`estimate_tokens`)."""
        ...

    def stream(self, messages: Sequence[Message], parameters: Parameters = Parameters()) -> Iterator[Delta]:
        """Yield the answer in pieces, then a last Delta with the completion.

        Raises InputError (PromptTooLongError) for bad messages and EndpointError when an endpoint gives no answer.
        """
        ...

    def complete(self, messages: Sequence[Message], parameters: Parameters = Parameters()) -> Completion:
        """The whole answer at once; raises as `stream` does."""
        ...

    def loglikelihood(
        self, prefix: str, continuations: Sequence[str], overflow: Literal["error", "truncate"] = "error"
    ) -> list[LogLikelihood]:
        """Log-likelihood of each continuation after the shared raw-text prefix (no chat template).

        overflow `truncate` drops the beginning of a prefix that does not fit; `error` raises PromptTooLongError.
        Raises NotSupportedError where the provider gives no log-probabilities of given text.
        """
        ...


def estimate_tokens(text: str) -> int:
    """Tokens of a text where nobody can count them: one for four characters, OpenAI's rule of thumb for English."""
    return -(-len(text) // 4)


def last_completion(deltas: Iterator[Delta]) -> Completion:
    """Consume a stream and return the completion its last piece carries."""
    completion = None
    for delta in deltas:
        completion = delta.completion or completion
    if completion is None:
        raise RuntimeError("a stream ended without its completion: a provider broke the ChatModel contract")
    return completion

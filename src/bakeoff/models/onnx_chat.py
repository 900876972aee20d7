"""Chat models on this machine: an onnxruntime-genai folder, loaded once, one call at a time."""

import json
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from bakeoff import catalog
from bakeoff.errors import BakeoffError, InputError, NotSupportedError
from bakeoff.models.base import (
    Completion,
    Delta,
    LogLikelihood,
    Message,
    ModelIdentity,
    Parameters,
    last_completion,
)
from bakeoff.models.onnx_adapters import Adapters
from bakeoff.models.onnx_answer import AnswerWriter
from bakeoff.models.onnx_decoder import Decoder, open_decoder
from bakeoff.models.onnx_likelihood import score, token_pairs
from bakeoff.models.onnx_prefix import PrefixCache
from bakeoff.models.onnx_prompt import Prompt, PromptBuilder
from bakeoff.models.onnx_runtime import open_model
from bakeoff.models.onnx_scoring import PrefixScorer
from bakeoff.models.onnx_text import Part, TextEncoder, control_tokens
from bakeoff.models.onnx_vision import MARKUPS, Vision, model_inputs
from bakeoff.models.sampling import Sampler


@dataclass
class _Held:
    """The lock of a loaded model, and the thread that holds it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    by: int | None = None


class OnnxChatModel:
    """A `ChatModel` (see bakeoff.models.base) on an onnxruntime-genai folder; load it with `load_model`.

    Calls run one after another; a stream holds the model until it is exhausted or closed. onnxruntime-genai keeps
    Python's lock while it reads a prompt, so other threads stand still then. A greedy answer does not read the system
    prompt again that the last greedy one had (bakeoff.models.onnx_prefix).
    sees_images: whether messages may carry images. Raises as `open_model` and `control_tokens` do.
    """

    def __init__(self, folder: Path, name: str, execution_provider: str = "cpu", load: bool = True):
        self.folder = folder
        self._runtime = open_model(folder, execution_provider, load)
        self._encoder = TextEncoder(self._runtime.tokenizer, control_tokens(folder))
        vision = Vision(self._runtime, self._encoder, folder) if self._runtime.kind in MARKUPS else None
        self._prompts = PromptBuilder(self._runtime.tokenizer, self._encoder, self._runtime.context, name, vision)
        self.sees_images = vision is not None
        self._held = _Held()
        self._adapters = Adapters(self._runtime)
        self._adapter: str | None = None
        self._prefixes = PrefixCache(self._runtime)
        self.identity = ModelIdentity(name, "onnx", catalog.revision(folder), execution_provider)

    def with_adapter(self, name: str, file: Path) -> "OnnxChatModel":
        """The same loaded model, answering with a LoRA adapter (.onnx_adapter): only the adapter is loaded anew.

        Its calls and those of this model run one after another. It gives no log-likelihoods. Raises NotSupportedError
        where the graph takes no adapters, ModelCorruptError for a file that is not one.
        """
        self._adapters.load(file)
        adapted = copy(self)
        adapted._adapter = str(file)
        adapted.identity = replace(self.identity, name=name, revision=catalog.revision(file.parent))
        return adapted

    @property
    def is_loaded(self) -> bool:
        """Whether onnxruntime-genai has loaded the weights, as it does for every answer of this object's own."""
        return "model" in self._runtime.__dict__

    @property
    def context_length(self) -> int:
        return self._runtime.context

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, without a chat template; what looks like a control token counts as text."""
        return len(self._encoder.encode([Part(text)]))

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """The token ids that the model is asked with; raises as `stream` does for bad messages."""
        return [int(token) for token in self._prompts.build(messages, Parameters(max_new_tokens=1)).ids]

    def answer_ids(self, text: str) -> list[int]:
        """The token ids of an answer with the token that ends it: what a model would have written."""
        end = min(self._runtime.end_tokens)
        return [*(int(token) for token in self._encoder.encode([Part(text)])), end]

    def stream(
        self, messages: Sequence[Message], parameters: Parameters = Parameters(), top_logprobs: int | None = None
    ) -> Iterator[Delta]:
        """Yield the answer in pieces of whole characters, then a last Delta with the completion.

        completion_tokens counts every generated token, the one that ends the answer too. top_logprobs: how many of the
        likeliest tokens come with each token of the text; None: no log-probabilities. Raises InputError for bad
        messages, images that cannot be read or an unusable JSON schema, PromptTooLongError, NotSupportedError for
        images before a model without eyes and for messages that the chat template does not take, BakeoffError when
        the runtime fails.
        """
        return self._deltas(messages, parameters, top_logprobs, time.perf_counter())

    def complete(self, messages: Sequence[Message], parameters: Parameters = Parameters()) -> Completion:
        """The whole answer at once; raises as `stream` does."""
        return last_completion(self.stream(messages, parameters))

    def loglikelihood(
        self, prefix: str, continuations: Sequence[str], overflow: Literal["error", "truncate"] = "error"
    ) -> list[LogLikelihood]:
        """Log-likelihood of each continuation after the prefix; see `bakeoff.models.onnx_likelihood`.

        What a prefix has in common with the last one is not computed again: call with similar prefixes in a row. The
        first call loads the weights a second time, for ONNX Runtime without onnxruntime-genai.
        Raises NotSupportedError for most multimodal models.
        """
        if self._adapter:
            raise NotSupportedError(f"{self.identity.name} gives no log-likelihoods: take the merged model")
        with self._exclusive():
            pairs, dropped = token_pairs(self._runtime, self._encoder, self._prompts, prefix, continuations, overflow)
            try:
                return score(self._runtime, pairs, dropped, self._scorer)
            except RuntimeError as error:
                if str(error).startswith("RewindTo is currently not supported"):
                    raise NotSupportedError(
                        f"{self.identity.name} gives no log-likelihoods: onnxruntime-genai cannot rewind a "
                        f"{self._runtime.kind} model; take a text model"
                    ) from error
                raise self._failure(error) from error

    @cached_property
    def decoder(self) -> Decoder | None:
        """The model in plain ONNX Runtime, which loads the weights; None where it cannot be driven so."""
        return open_decoder(self.folder) if self.identity.execution_provider == "cpu" else None

    def forget_decoder(self) -> None:
        """Free the weights that `decoder` has loaded."""
        for name in ("decoder", "_scorer"):
            self.__dict__.pop(name, None)

    @cached_property
    def _scorer(self) -> PrefixScorer | None:
        decoder = self.decoder
        if decoder is None or not (decoder.takes_start or self._runtime.gives_all_logits):
            return None
        return PrefixScorer(decoder, self._runtime.context)

    def begin(
        self, messages: Sequence[Message], parameters: Parameters, top_logprobs: int | None, started: float
    ) -> tuple[Prompt, AnswerWriter]:
        """The prompt of an answer, and what makes text of its tokens; raises as `stream` does for bad messages."""
        prompt = self._prompts.build(messages, parameters)
        return prompt, AnswerWriter(self._runtime, self.identity, prompt, parameters, top_logprobs, started)

    def _deltas(
        self, messages: Sequence[Message], parameters: Parameters, top_logprobs: int | None, started: float
    ) -> Iterator[Delta]:
        prompt, writer = self.begin(messages, parameters, top_logprobs, started)
        with self._exclusive(), closing(self._tokens(prompt, parameters, writer)) as tokens:
            for token, logits in tokens:
                piece = writer.feed(token, logits)
                if piece:
                    yield piece
                    self._held.by = threading.get_ident()
                if writer.ended:
                    break
        yield from writer.rest()

    def _tokens(
        self, prompt: Prompt, parameters: Parameters, writer: AnswerWriter
    ) -> Generator[tuple[int, NDArray[Any] | None], None, None]:
        """Generated token ids, with the logits of their places where they were looked at."""
        sampler = Sampler(parameters) if parameters.temperature and not self._samples(parameters) else None
        try:
            generator = self._generator(prompt, parameters)
            while not generator.is_done():
                logits = generator.get_logits()[0, -1] if sampler or writer.wants_logits else None
                if sampler and logits is not None:
                    token = sampler.choose(logits)
                    yield token, logits
                    generator.append_tokens([token])
                else:
                    generator.generate_next_token()
                    yield int(generator.get_next_tokens()[0]), logits
        except RuntimeError as error:
            self._prefixes.forget()
            if str(error).startswith("Error creating grammar"):
                raise InputError(f"json_schema cannot be used: {error}") from error
            if str(error).startswith("Error committing tokens"):
                raise NotSupportedError(
                    f"{self.identity.name}: onnxruntime-genai lost its way in the json_schema: it cannot write every "
                    "non-Latin character that const, enum or pattern ask for: leave those to a free string"
                ) from error
            raise self._failure(error) from error

    def _samples(self, parameters: Parameters) -> bool:
        """Whether onnxruntime-genai draws the tokens: under a schema, and after images."""
        return parameters.json_schema is not None or self.sees_images

    def _generator(self, prompt: Prompt, parameters: Parameters) -> Any:
        """A generator that has read the prompt."""
        genais = self._samples(parameters)
        if not (genais or self._adapter):
            return self._prefixes.generator(prompt.ids, prompt.head, parameters.max_new_tokens)
        schema = None if parameters.json_schema is None else json.dumps(dict(parameters.json_schema))
        length = len(prompt.ids) + parameters.max_new_tokens
        generator = self._runtime.generator(length, schema, **(_sampling(parameters) if genais else {}))
        if self._adapter:
            self._adapters.use(generator, self._adapter)
        if prompt.images is None:
            generator.append_tokens(prompt.ids)
        else:
            generator.set_inputs(model_inputs(prompt.images, prompt.ids))
        return generator

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Wait for the other calls; a thread that would wait for its own unfinished stream gets an error instead."""
        if self._held.by == threading.get_ident():
            raise BakeoffError(
                f"{self.identity.name} is busy with a stream that this thread has not finished: close it first"
            )
        with self._held.lock:
            self._held.by = threading.get_ident()
            try:
                yield
            finally:
                self._held.by = None

    def _failure(self, error: RuntimeError) -> BakeoffError:
        where = f"{self.identity.name} ({self.folder}, {self.identity.execution_provider})"
        reason = str(error).partition("\n")[0]
        return BakeoffError(f"{where}: onnxruntime-genai failed: {reason}")


def _sampling(parameters: Parameters) -> dict[str, float]:
    """Search options of onnxruntime-genai, whose own default would be the 50 likeliest tokens (top_k)."""
    if parameters.temperature == 0:
        return {}
    seed = {} if parameters.seed is None else {"random_seed": parameters.seed}
    return {"do_sample": True, "temperature": parameters.temperature, "top_p": parameters.top_p, "top_k": 0, **seed}

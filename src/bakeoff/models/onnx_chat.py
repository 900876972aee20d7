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

import numpy as np
from numpy.typing import NDArray

from bakeoff import catalog
from bakeoff.errors import BakeoffError, InputError, NotSupportedError
from bakeoff.models.base import (
    Completion,
    Delta,
    FinishReason,
    LogLikelihood,
    Message,
    ModelIdentity,
    Parameters,
    TokenLogprob,
    last_completion,
)
from bakeoff.models.onnx_adapters import Adapters
from bakeoff.models.onnx_likelihood import score, token_pairs
from bakeoff.models.onnx_prefix import PrefixCache
from bakeoff.models.onnx_prompt import Prompt, PromptBuilder
from bakeoff.models.onnx_runtime import open_model
from bakeoff.models.onnx_scoring import PrefixScorer, open_scorer
from bakeoff.models.onnx_text import Part, TextEncoder, control_tokens
from bakeoff.models.onnx_vision import MARKUPS, Vision, model_inputs
from bakeoff.models.stop_strings import StopStrings


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

    def __init__(self, folder: Path, name: str, execution_provider: str = "cpu"):
        self.folder = folder
        self._runtime = open_model(folder, execution_provider)
        self._encoder = TextEncoder(self._runtime.tokenizer, control_tokens(folder))
        vision = Vision(self._runtime, self._encoder, folder) if self._runtime.model.type in MARKUPS else None
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
                        f"{self._runtime.model.type} model; take a text model"
                    ) from error
                raise self._failure(error) from error

    @cached_property
    def _scorer(self) -> PrefixScorer | None:
        return open_scorer(self.folder, self._runtime) if self.identity.execution_provider == "cpu" else None

    def _deltas(
        self, messages: Sequence[Message], parameters: Parameters, top_logprobs: int | None, started: float
    ) -> Iterator[Delta]:
        prompt = self._prompts.build(messages, parameters)
        stops, shown, count = StopStrings(parameters.stop), [], 0
        logprobs: list[TokenLogprob] = []
        first_token: float | None = None
        finish_reason: FinishReason = "length"
        with self._exclusive(), closing(self._tokens(prompt, parameters, top_logprobs)) as tokens:
            decode = self._runtime.tokenizer.create_stream().decode
            for token, logprob in tokens:
                count += 1
                if first_token is None:
                    first_token = time.perf_counter() - started
                if token in self._runtime.end_tokens:
                    finish_reason = "stop"
                    break
                text = stops.feed(decode(token))
                logprobs += [logprob] if logprob else []
                if text:
                    shown.append(text)
                    yield Delta(text, logprobs=tuple(logprobs))
                    logprobs.clear()
                    self._held.by = threading.get_ident()
                if stops.found:
                    finish_reason = "stop"
                    break
        if rest := stops.rest():
            shown.append(rest)
            yield Delta(rest, logprobs=tuple(logprobs))
        completion = Completion(
            text="".join(shown),
            finish_reason=finish_reason,
            model=self.identity,
            prompt_tokens=len(prompt.ids),
            completion_tokens=count,
            time_to_first_token=first_token,
            total_time=time.perf_counter() - started,
            dropped_turns=prompt.dropped_turns,
        )
        yield Delta("", completion)

    def _tokens(
        self, prompt: Prompt, parameters: Parameters, top_logprobs: int | None
    ) -> Generator[tuple[int, TokenLogprob | None], None, None]:
        """Generated token ids, up to max_new_tokens or the end of the context, with log-probabilities if asked for."""
        try:
            generator = self._generator(prompt, parameters)
            for _ in range(min(parameters.max_new_tokens, self._runtime.context - len(prompt.ids))):
                if generator.is_done():
                    break
                logits = None if top_logprobs is None else generator.get_logits().ravel()
                generator.generate_next_token()
                token = int(generator.get_next_tokens()[0])
                yield token, None if logits is None else self._logprob(token, logits, top_logprobs or 0)
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

    def _generator(self, prompt: Prompt, parameters: Parameters) -> Any:
        """A generator that has read the prompt."""
        sampling = _sampling(parameters)
        if not (sampling or parameters.json_schema is not None or self._adapter or self.sees_images):
            return self._prefixes.generator(prompt.ids, prompt.head, parameters.max_new_tokens)
        schema = None if parameters.json_schema is None else json.dumps(dict(parameters.json_schema))
        generator = self._runtime.generator(len(prompt.ids) + parameters.max_new_tokens, schema, **sampling)
        if self._adapter:
            self._adapters.use(generator, self._adapter)
        if prompt.images is None:
            generator.append_tokens(prompt.ids)
        else:
            generator.set_inputs(model_inputs(prompt.images, prompt.ids))
        return generator

    def _logprob(self, token: int, logits: NDArray[np.float32], top: int) -> TokenLogprob:
        """logits: of the whole vocabulary at the token's place."""
        scores = logits.astype(np.float64)
        scores -= scores.max()
        logprobs = scores - np.log(np.exp(scores).sum())
        decode = self._runtime.tokenizer.decode
        likeliest = np.argsort(-logprobs, kind="stable")[:top]
        return TokenLogprob(
            decode(np.array([token], np.int32)),
            float(logprobs[token]),
            tuple((decode(np.array([i], np.int32)), float(logprobs[i])) for i in likeliest),
        )

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

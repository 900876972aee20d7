"""How likely a model finds given texts, with the token boundaries of EleutherAI's lm-evaluation-harness (`HFLM`)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import InputError, PromptTooLongError
from bakeoff.models.base import LogLikelihood
from bakeoff.models.onnx_prompt import PromptBuilder
from bakeoff.models.onnx_runtime import Runtime
from bakeoff.models.onnx_scoring import PrefixScorer, single_tokens_together
from bakeoff.models.onnx_text import Ids, Part, TextEncoder

Logits = NDArray[np.float32]

TOKENS_AT_ONCE = 128
"""Bounds the memory of the logits of all positions: 128 positions of 49,152 float32 are 25 MB."""


def token_pairs(
    runtime: Runtime,
    encoder: TextEncoder,
    prompts: PromptBuilder,
    prefix: str,
    continuations: Sequence[str],
    overflow: Literal["error", "truncate"],
) -> tuple[list[tuple[Ids, Ids]], list[int]]:
    """Token ids of the prefix and of each continuation (see `split_tokens`), and how many of the prefix were dropped.

    overflow `truncate` drops them from the left, so that the model is fed its whole context (lm-evaluation-harness,
    `HFLM._loglikelihood_tokens`: the last token is not fed); `error` raises PromptTooLongError, as both do where not
    even one token of the prefix is left. Raises InputError as `split_tokens` does.
    """
    pairs, dropped = [], []
    for continuation in continuations:
        if overflow == "error":
            prompts.check_length([Part(prefix + continuation)], 0, "shorten the prefix or the continuation")
        shared, own = split_tokens(encoder, runtime.start_token, prefix, continuation)
        excess = max(0, len(shared) + len(own) - runtime.context - 1)
        if excess >= len(shared):
            raise PromptTooLongError(
                f"the continuation alone has {len(own):,} tokens, the context {runtime.context:,}: shorten it"
            )
        pairs.append((shared[excess:], own))
        dropped.append(excess)
    return pairs, dropped


def score(
    runtime: Runtime, pairs: Sequence[tuple[Ids, Ids]], dropped: Sequence[int], scorer: PrefixScorer | None
) -> list[LogLikelihood]:
    """Log-likelihood of each pair of `token_pairs`; without a scorer onnxruntime-genai's generator gives the logits.

    A prefix is computed once for all continuations that follow it.
    """
    if not pairs:
        return []
    if scorer is None:
        scores = _score_by_generator(runtime, pairs)
    elif single_tokens_together(pairs):
        row = scorer.logits(*pairs[0])
        scores = [_score_one(own, [row]) for _, own in pairs]
    else:
        scores = [_score_one(own, [scorer.logits(shared, own)]) for shared, own in pairs]
    return [replace(one, dropped_tokens=count) for one, count in zip(scores, dropped, strict=True)]


def _score_by_generator(runtime: Runtime, pairs: Sequence[tuple[Ids, Ids]]) -> list[LogLikelihood]:
    scores = []
    for _, group in groupby(pairs, key=lambda pair: pair[0].tobytes()):
        same_prefix = list(group)
        shared = same_prefix[0][0]
        generator = runtime.generator(len(shared) + max(len(own) for _, own in same_prefix))
        generator.append_tokens(shared)
        after_prefix = _last_logits(generator)
        feed = _feed_together if runtime.gives_all_logits else _feed_one_by_one
        scores += [_score_one(own, chain([after_prefix], feed(generator, shared, own))) for _, own in same_prefix]
    return scores


def split_tokens(encoder: TextEncoder, start_token: int, prefix: str, continuation: str) -> tuple[Ids, Ids]:
    """Token ids of the prefix and of the continuation.

    Both are encoded together and what goes beyond the prefix's own tokens is the continuation; white space at the end
    of the prefix belongs to the continuation; an empty prefix is `start_token` (lm-evaluation-harness, `_encode_pair`
    and `prefix_token_id`). Raises InputError for a continuation without tokens of its own.
    """
    whole = encoder.encode([Part(prefix + continuation)])
    shared = encoder.encode([Part(prefix.rstrip())])
    own = whole[len(shared) :]
    if not len(own):
        raise InputError(
            f"the continuation {continuation!r} has no token of its own after the prefix: it is empty, or it goes on "
            "within a word; move the boundary to the start of the word"
        )
    return (shared if len(shared) else np.array([start_token], dtype=np.int32)), own


def _score_one(own: Ids, pieces: Iterable[Logits]) -> LogLikelihood:
    """`pieces`: logits [positions, vocabulary] in front of each token of `own`, in order."""
    logprob, is_greedy, at = 0.0, True, 0
    for logits in pieces:
        targets = own[at : at + len(logits)]
        shifted = logits - logits.max(axis=-1, keepdims=True)
        total = np.log(np.exp(shifted).sum(axis=-1, dtype=np.float64))
        logprob += float((shifted[np.arange(len(targets)), targets] - total).sum())
        is_greedy = is_greedy and bool((logits.argmax(axis=-1) == targets).all())
        at += len(logits)
    return LogLikelihood(logprob, len(own), is_greedy)


def _feed_together(generator: Any, shared: Ids, own: Ids) -> Iterator[Logits]:
    """The logits after each token of `own` but the last.

    The prefix's last token goes in again before them: ONNX Runtime's kernels for one row and for several rows of
    quantised weights differ, and this way all rows come from the same one as in a run over the whole text.
    """
    if len(own) == 1:
        return
    generator.rewind_to(len(shared) - 1)
    given = np.concatenate([shared[-1:], own[:-1]])
    for start in range(0, len(given), TOKENS_AT_ONCE):
        generator.append_tokens(given[start : start + TOKENS_AT_ONCE])
        logits: Logits = generator.get_output("logits")[0].astype(np.float32)
        yield logits if start else logits[1:]


def _feed_one_by_one(generator: Any, shared: Ids, own: Ids) -> Iterator[Logits]:
    """As `_feed_together`, for a graph that gives the logits of the last position only."""
    generator.rewind_to(len(shared))
    for i in range(len(own) - 1):
        generator.append_tokens(own[i : i + 1])
        yield _last_logits(generator)


def _last_logits(generator: Any) -> Logits:
    """Logits [1, vocabulary] after the last token, copied out of the runtime's buffer."""
    logits: Logits = generator.get_logits()[0, -1:].astype(np.float32)
    return logits

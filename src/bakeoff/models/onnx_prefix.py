"""A system prompt computed once: the generator of the last greedy answer, rewound to where the question began."""

from typing import Any

import numpy as np

from bakeoff.models.onnx_runtime import Runtime
from bakeoff.models.onnx_text import Ids

CAPACITY_STEP = 64
MOST_KEPT = 2048
"""Tokens of prompt and answer whose key-value cache stays allocated between answers; longer ones keep nothing."""


class PrefixCache:
    """Keeps one generator of a model between greedy answers. Not for several threads at once.

    reused: tokens that were not computed again so far.
    """

    def __init__(self, runtime: Runtime):
        self._runtime = runtime
        self._generator: Any = None
        self._head: Ids = np.zeros(0, np.int32)
        self._capacity = 0
        self.reused = 0

    def generator(self, ids: Ids, head: int, new_tokens: int) -> Any:
        """A greedy generator that has read `ids`, with room for `new_tokens`; valid until the next call.

        The first `head` tokens are read in a step of their own, also where they are not known yet: a prompt goes
        through the same computation whatever was asked before it.
        """
        length = len(ids) + new_tokens
        if not is_kept(ids, head, new_tokens, self._runtime.context):
            generator = self._runtime.generator(length)
            generator.append_tokens(ids)
            return generator
        generator = self._rewound(ids[:head], length)
        if generator is None:
            capacity = -(-length // CAPACITY_STEP) * CAPACITY_STEP
            generator = self._runtime.generator(capacity)
            generator.append_tokens(ids[:head])
            self._head, self._capacity = ids[:head], capacity
        generator.append_tokens(ids[head:])
        self._generator = generator
        return generator

    def forget(self) -> None:
        """After an error of the runtime: what is kept may be half of something."""
        self._generator = None

    def _rewound(self, head: Ids, length: int) -> Any:
        kept, self._generator = self._generator, None
        if kept is None or length > self._capacity or not np.array_equal(head, self._head):
            return None
        try:
            kept.rewind_to(len(head))
        except RuntimeError:
            return None  # a cache with a sliding window cannot go back
        self.reused += len(head)
        return kept


def is_kept(ids: Ids, head: int, new_tokens: int, context: int) -> bool:
    """Whether the first `head` tokens of a prompt are read in a step of their own, to be there for the next one."""
    return 0 < head < len(ids) and len(ids) + new_tokens <= min(MOST_KEPT, context)

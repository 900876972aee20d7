"""One copy of a model for all workers of a machine's batches: a server that the first to need it starts.

Which processes share: the children that multiprocessing starts, which the workers of a Prompt Flow batch are, or every
process (BAKEOFF_SHARED_MODEL=1) or none (BAKEOFF_SHARED_MODEL=0). A server that is gone is replaced, and what was under
way is asked again: an answer depends on its request alone.
"""

import dataclasses
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import Literal

from bakeoff import catalog
from bakeoff.errors import BakeoffError, InputError
from bakeoff.models.base import (
    Completion,
    Delta,
    LogLikelihood,
    Message,
    ModelIdentity,
    Parameters,
    last_completion,
)
from bakeoff.serving.shared_address import Json, Link, reach
from bakeoff.serving.wire import completion_from_json, error_from_json, messages_to_json, parameters_to_json

SWITCH = "BAKEOFF_SHARED_MODEL"
TRIES = 5
"""How many servers may end under one request."""


def is_wanted() -> bool:
    """Whether this process is to share its local models. Raises InputError for a wrong BAKEOFF_SHARED_MODEL."""
    setting = os.environ.get(SWITCH, "")
    if setting not in ("", "0", "1"):
        raise InputError(f"{SWITCH} is {setting!r}: it must be 0 or 1")
    return setting == "1" or (setting == "" and multiprocessing.parent_process() is not None)


class SharedChatModel:
    """A `ChatModel` (see bakeoff.models.base) that other processes use too; its server is started where there is none.

    sees_images: whether messages may carry images. Raises as `reach` does.
    """

    def __init__(self, folder: Path, name: str):
        self._folder, self._name = folder, name
        self._of_thread = threading.local()
        facts = self._link().address.facts
        self.identity = ModelIdentity(**facts["identity"])
        self.sees_images: bool = facts["sees_images"]
        self.context_length: int = facts["context_length"]
        self._adapter: Json = {}

    def with_adapter(self, name: str, file: Path) -> "SharedChatModel":
        """The same shared model, answering with a LoRA adapter; raises as `OnnxChatModel.with_adapter` when asked."""
        adapted = copy(self)
        adapted._adapter = {"adapter": {"name": name, "file": str(file)}}
        adapted.identity = dataclasses.replace(self.identity, name=name, revision=catalog.revision(file.parent))
        return adapted

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, without a chat template; what looks like a control token counts as text."""
        return int(self._ask({"kind": "count_tokens", "text": text})["tokens"])

    def stream(self, messages: Sequence[Message], parameters: Parameters = Parameters()) -> Iterator[Delta]:
        """The answer in one piece, then a last Delta with the completion; raises as `OnnxChatModel.stream` does.

        Its times are those of this process: they include the wait for the other callers' answers.
        """
        started = time.perf_counter()
        request = {
            "kind": "chat",
            "messages": messages_to_json(messages),
            "parameters": parameters_to_json(parameters),
            "stream": False,
        }
        completion = completion_from_json(self._ask(request)["completion"])
        total = time.perf_counter() - started
        waited, first = total - completion.total_time, completion.time_to_first_token
        if completion.text:
            yield Delta(completion.text)
        yield Delta(
            "",
            dataclasses.replace(
                completion, total_time=total, time_to_first_token=None if first is None else first + waited
            ),
        )

    def complete(self, messages: Sequence[Message], parameters: Parameters = Parameters()) -> Completion:
        """The whole answer at once; raises as `stream` does."""
        return last_completion(self.stream(messages, parameters))

    def loglikelihood(
        self, prefix: str, continuations: Sequence[str], overflow: Literal["error", "truncate"] = "error"
    ) -> list[LogLikelihood]:
        """Log-likelihood of each continuation after the prefix; raises as `OnnxChatModel.loglikelihood` does."""
        request = {"kind": "loglikelihood", "prefix": prefix, "continuations": continuations, "overflow": overflow}
        return [LogLikelihood(**score) for score in self._ask(request)["scores"]]

    def _ask(self, request: Json) -> Json:
        """The reply to a request, of this server or the next one where it is gone."""
        for _ in range(TRIES):
            link = self._link()
            try:
                answer = link.ask({**self._adapter, **request})
            except OSError:
                self._of_thread.link = None
                continue
            if "error" in answer:
                raise error_from_json(answer["error"])
            return answer
        raise BakeoffError(
            f"{self._name}: {TRIES} servers ended while they answered; the last one's log is {link.address.log}"
        )

    def _link(self) -> Link:
        """This thread's server; a thread keeps it, and a server lives as long as one is kept."""
        if getattr(self._of_thread, "link", None) is None:
            self._of_thread.link = reach(self._folder, self._name)
        link: Link = self._of_thread.link
        return link

"""The content of the nodes of flows/rag: rewrite, retrieve, pack, answer, cite."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from promptflow.exceptions import UserErrorException

from bakeoff.errors import BakeoffError, EndpointError, InputError
from bakeoff.hosts.promptflow_chat import to_messages
from bakeoff.hosts.promptflow_rows import report, still_answers, stop_if_unusable
from bakeoff.hosts.promptflow_tracing import complete
from bakeoff.metrics.abstention import is_abstention
from bakeoff.metrics.groundedness import SupportCheck
from bakeoff.models.base import Completion, Message, ModelIdentity, Parameters
from bakeoff.models.load import EMBEDDED_EMBEDDING, load_embedding, load_model, load_reranker
from bakeoff.retrieval.citing import attribute, check_citations
from bakeoff.retrieval.engine import Hit, Mode, rerank, retrieve
from bakeoff.retrieval.follow_up import joined_question, rewritten_question
from bakeoff.retrieval.opening import AZURE, open_index
from bakeoff.retrieval.passages import pack, passages_text, shown, to_records, without_bracketed_numbers

logger = logging.getLogger(__name__)

UNKNOWN = "I don't know."
NONE = "none"
"""As a retrieval mode: ask the model without passages. As a model: the best passage itself is the answer."""
_STOP = ("<passage", "</passage", "\nQuestion:")  # small models go on writing the prompt
_EXAMPLE = (  # small models cite after an example only
    Message(
        "user",
        """<passage number="1" from="bicycles.md: Bicycles > Hire">
A bicycle costs EUR 12 a day. Helmets are free.
</passage>

<passage number="2" from="bicycles.md: Bicycles > Repairs">
A new tyre costs EUR 30.
</passage>

Question: What is the price of a tyre?""",
    ),
    Message("assistant", "A new tyre costs EUR 30 [2]."),
)


def rewrite(question: str, chat_history: Sequence[Any], how: str, model: str, connection: Any = None) -> str:
    """A follow-up question as it is searched for.

    how: `history` adds the conversation's last turns (`joined_question`), `model` asks the model to rewrite it. Where
    the model gives nothing or fails on this row, it is as with `history`. Raises UserErrorException for another `how`
    and where no row can succeed.
    """
    if how not in ("history", "model"):
        raise UserErrorException(f"rewrite is {how!r}: use history or model")
    try:
        conversation = to_messages("", question, chat_history)
    except InputError:
        return question  # `answer` says what is wrong with this row
    joined = joined_question(conversation)
    if how == "history":
        return joined
    try:
        loaded = load_model(model, connection)
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None
    try:
        completion = rewritten_question(conversation, loaded)
    except EndpointError as error:
        stop_if_unusable(error, still_answers(loaded))
        return joined
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None
    return completion.text.strip().partition("\n")[0] or joined


def find(
    question: str,
    rewritten: str | None,
    *,
    index: str,
    base: Path,
    mode: str,
    top_k: int,
    min_similarity: float,
    reranker: str = "",
    embedding: str = EMBEDDED_EMBEDDING,
    embedding_connection: Any = None,
    search_connection: Any = None,
) -> dict[str, Any]:
    """The passages for a question: `passages` (records, best first), `retrieval` (how it went) and `enough`.

    rewritten: the question to search for, None where there was nothing to rewrite. base: what a relative `index` is
    relative to. mode: a mode of `bakeoff.retrieval.engine`, or NONE. reranker: folder of a cross-encoder that orders
    the top_k anew, "" for none. min_similarity: least similarity of the best passage for `enough`; keyword search has
    none and any passage is enough. `retrieval.seconds` covers embedding the question, searching and reranking. A row
    that cannot be searched has `retrieval.error` and no passages. Raises UserErrorException where no row can succeed.
    """
    query = rewritten or question
    if mode == NONE:
        return {"passages": [], "retrieval": _retrieval(query, mode, enough=True), "enough": True}
    try:
        model = (
            None if mode == "keyword" and index.startswith(AZURE) else load_embedding(embedding, embedding_connection)
        )
        engine = open_index(index, base, model, search_connection)
        cross_encoder = load_reranker(reranker) if reranker.strip() else None
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None

    def search(text: str) -> list[Hit]:
        hits = retrieve(engine, model, text, top_k, cast(Mode, mode))
        return hits if cross_encoder is None else rerank(cross_encoder, text, hits)

    started, problem, hits = time.perf_counter(), "", []
    try:
        hits = search(query)
    except EndpointError as error:
        stop_if_unusable(error, lambda: search("OK"))
        problem = str(error)
    except InputError as error:
        try:
            search("OK")
        except InputError:
            raise UserErrorException(str(error)) from None
        problem = str(error)
    similarities = [hit.similarity for hit in hits if hit.similarity is not None]
    enough = bool(hits) and max(similarities, default=1.0) >= min_similarity
    retrieval = _retrieval(
        query,
        mode,
        enough=enough,
        seconds=time.perf_counter() - started,
        engine=index if index.startswith(AZURE) else "local",
        rewritten=rewritten is not None,
        error=problem,
    )
    return {"passages": to_records(hits), "retrieval": retrieval, "enough": enough or bool(problem)}


def _retrieval(
    query: str,
    mode: str,
    *,
    enough: bool,
    seconds: float = 0.0,
    engine: str = "",
    rewritten: bool = False,
    error: str = "",
) -> dict[str, Any]:
    return {
        "query": query,
        "mode": mode,
        "seconds": seconds,
        "enough": enough,
        "engine": engine,
        "rewritten": rewritten,
        "error": error,
    }


def choose(
    passages: Sequence[dict[str, Any]],
    enough: bool,
    *,
    model: str,
    connection: Any,
    most_tokens: int,
    most_passages: int,
) -> list[dict[str, Any]]:
    """The records, those numbered that the model is to see: none unless there is `enough`."""
    if not enough or not passages:
        return list(passages)
    if _no_model(model, connection):
        return pack(passages, lambda text: len(text.split()), most_tokens, 1)
    try:
        loaded = load_model(model, connection)
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None
    room = most_tokens if loaded.context_length is None else min(most_tokens, loaded.context_length // 2)
    return pack(passages, loaded.count_tokens, room, most_passages)


def answer(
    *,
    system: str,
    question: str,
    chat_history: Sequence[Any],
    passages: Sequence[dict[str, Any]],
    problem: str,
    model: str,
    max_new_tokens: int,
    temperature: float,
    connection: Any = None,
) -> dict[str, Any]:
    """The record of the model's answer from the numbered passages; see `bakeoff.models.base.Completion`.

    problem: why there are no passages, "" where there are. Failures are treated as `promptflow_chat.chat_turn` treats
    them. Without passages and without a problem the model gets the question alone.
    """
    if _no_model(model, connection):
        return _best_passage(passages, problem).to_dict()
    try:
        parameters = Parameters(max_new_tokens, temperature, stop=_STOP, overflow="truncate")
        loaded = load_model(model, connection)
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None
    try:
        messages = to_messages(system, question, chat_history)
        if problem:
            raise InputError(problem)
        if passages:
            prompt = Message("user", f"{passages_text(passages)}\n\nQuestion: {question}")
            instructions = [message for message in messages if message.role == "system"]
            messages = [*instructions, *_EXAMPLE, *messages[len(instructions) : -1], prompt]
        completion = complete(loaded, messages, parameters)
    except (InputError, EndpointError) as error:
        stop_if_unusable(error, still_answers(loaded))
        completion = Completion("", "error", loaded.identity, error=str(error))
    if completion.error and not completion.text:
        report(completion.error)
    return completion.to_dict()


def _no_model(model: str, connection: Any) -> bool:
    return model == NONE and connection is None


def _best_passage(passages: Sequence[dict[str, Any]], problem: str) -> Completion:
    identity = ModelIdentity(NONE, NONE)
    if problem:
        return Completion("", "error", identity, error=problem)
    if not passages:
        raise UserErrorException("neither passages nor a model: give model or retrieval_mode something else than none")
    return Completion(f"{without_bracketed_numbers(shown(passages)[0]['text'])} [1]", "stop", identity)


def cite(
    completion: dict[str, Any] | None, question: str, passages: Sequence[dict[str, Any]], put_in: bool
) -> dict[str, Any]:
    """What the flow gives: `answer`, `completion` and `citations` (see bakeoff.retrieval.citing).

    completion: None where the model was not asked, because retrieval found nothing good enough: the answer is
    UNKNOWN. put_in: whether citations are put in where the model wrote none; without the embedded embedding model the
    answer stays as it is.
    """
    if completion is None:
        return {"answer": UNKNOWN, "completion": {}, "citations": check_citations(UNKNOWN, passages, "model").to_dict()}
    text = str(completion["text"])
    citations = check_citations(text, passages, "model")
    if put_in and citations.source == "none" and text and shown(passages) and not is_abstention(text):
        try:
            text = attribute(text, passages, SupportCheck(lambda texts: load_embedding().embed(texts), question))
        except BakeoffError as error:
            logger.warning("no citations were put in: %s", error)
        citations = check_citations(text, passages, "attributed")
    return {"answer": text, "completion": completion, "citations": citations.to_dict()}

"""The content of the nodes of flows/vision: which way, look, read the text, find the field, ask a text model."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from promptflow.exceptions import UserErrorException

from bakeoff.errors import BakeoffError, EndpointError, InputError
from bakeoff.hosts.promptflow_chat import to_messages
from bakeoff.hosts.promptflow_images import mend_image_inputs, source_of
from bakeoff.hosts.promptflow_rows import report, still_answers, stop_if_unusable
from bakeoff.hosts.promptflow_tracing import complete
from bakeoff.models.base import ChatModel, Completion, Image, Message, ModelIdentity, Parameters
from bakeoff.models.load import load_model
from bakeoff.models.onnx_chat import OnnxChatModel
from bakeoff.serving.shared import SharedChatModel
from bakeoff.vision.fields import Field, best_field, fields
from bakeoff.vision.images import CLOUD, LOCAL, LOW, Budget, load_images
from bakeoff.vision.layout import to_text
from bakeoff.vision.ocr import OcrLine, read_text

mend_image_inputs()

SEES = ("auto", "yes", "no", "nothing")
OCR = ModelIdentity("rapidocr", "onnx")
_REASONS = re.compile(
    r"\b(how many|number of|more|less|fewer|most|least|highest|lowest|largest|smallest|biggest|longest|shortest|"
    r"difference|average|mean|sum|altogether|together|compared?|than|between|rise|fall|increase|decrease)\b",
    re.IGNORECASE,
)
_STOP = ("\nQuestion:",)  # small models go on writing the prompt
_SIGN = "Text in the picture:\nHarbour bicycles\nBicycle | EUR 12\nHelmet | EUR 3"
_EXAMPLES = (  # small models are brief after examples only
    Message("user", f'{_SIGN}\n\nQuestion: What is the amount in the line "Helmet"?'),
    Message("assistant", "EUR 3"),
    Message("user", f"{_SIGN}\n\nQuestion: Can a helmet be hired?"),
    Message("assistant", "Yes"),
)


def sees_images(model: str, sees: str, connection: Any = None) -> bool:
    """Whether the model gets the pictures themselves, or else the text that OCR reads in them.

    sees: `yes`, `no`, `nothing` (no text of the pictures either) or `auto`: a local model sees if its folder has eyes,
    a deployment is taken to see. Raises UserErrorException for another value and for a model that cannot be loaded.
    """
    if sees not in SEES:
        raise UserErrorException(f"sees is {sees!r}: use {', '.join(SEES)}")
    if sees != "auto":
        return sees == "yes"
    try:
        loaded = load_model(model, connection)
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None
    return loaded.sees_images if isinstance(loaded, OnnxChatModel | SharedChatModel) else True


def look(
    *,
    system: str,
    image: Any,
    question: str,
    chat_history: Sequence[Any],
    model: str,
    max_new_tokens: int,
    temperature: float,
    detail: str = "auto",
    allow_http: bool = False,
    connection: Any = None,
) -> dict[str, Any]:
    """The record of a multimodal model's answer about the pictures; failures as in `promptflow_chat.chat_turn`.

    detail: `auto`, `low` or `high`; pictures are scaled down to what the model sees of them at that.
    allow_http: whether web addresses are fetched, within the limits of `bakeoff.vision.fetch`.
    """

    def messages(loaded: ChatModel) -> list[Message]:
        budget = LOCAL if isinstance(loaded, OnnxChatModel | SharedChatModel) else CLOUD
        pictures = _pictures(image, LOW if detail == "low" else budget, allow_http)
        *before, last = to_messages(system, question, chat_history)
        return [*before, Message("user", last.text, pictures)]

    return completed(
        model,
        connection,
        messages,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        image_detail=detail,
    )


def read(image: Any, sees: str = "no", allow_http: bool = False) -> dict[str, Any]:
    """What OCR reads in the pictures; where the model `sees` nothing, they are not read.

    `text` keeps rows and columns, for a model; `plain` has single spaces, for error rates; `fields` are pairs of `key`
    and `value`; `lines` have `text` and `confidence`; `seconds`; `error` says why a row has none of it.
    """
    started = time.perf_counter()
    pages: list[tuple[OcrLine, ...]] = []
    problem = ""
    try:
        if sees != "nothing":
            pages = [read_text(picture).lines for picture in _pictures(image, LOCAL, allow_http)]
    except InputError as error:
        problem = str(error)
    return {
        "text": "\n\n".join(map(to_text, pages)),
        "plain": "\n".join(to_text(page, " ") for page in pages),
        "fields": [{"key": field.key, "value": field.value} for page in pages for field in fields(page)],
        "lines": [{"text": line.text, "confidence": line.confidence} for page in pages for line in page],
        "seconds": time.perf_counter() - started,
        "error": problem,
    }


def extract(question: str, ocr: Mapping[str, Any]) -> dict[str, Any]:
    """The field that the question names: `found`, and its `key` and `value`.

    Questions that count, compare or add up have none, however well a name fits.
    """
    known = [Field(field["key"], field["value"]) for field in ocr["fields"]]
    field = None if _REASONS.search(question) else best_field(question, known)
    return {"found": False} if field is None else {"found": True, "key": field.key, "value": field.value}


def ask(
    *,
    system: str,
    question: str,
    chat_history: Sequence[Any],
    ocr: Mapping[str, Any],
    model: str,
    max_new_tokens: int,
    temperature: float,
    connection: Any = None,
) -> dict[str, Any]:
    """The record of a text model's answer from what OCR read; failures as in `promptflow_chat.chat_turn`."""

    def messages(_: ChatModel) -> list[Message]:
        turns = to_messages(system, question, chat_history)
        instructions = [message for message in turns if message.role == "system"]
        history = turns[len(instructions) : -1]
        prompt = Message("user", f"Text in the picture:\n{text_of(ocr)}\n\nQuestion: {question}")
        return [*instructions, *_EXAMPLES, *history, prompt]

    return completed(model, connection, messages, max_new_tokens=max_new_tokens, temperature=temperature, stop=_STOP)


def text_of(ocr: Mapping[str, Any]) -> str:
    """The text that `read` gives, as a text model gets it. Raises InputError where the picture could not be read."""
    if ocr["error"]:
        raise InputError(ocr["error"])
    return ocr["text"] or "(none)"


def completed(
    model: str, connection: Any, messages: Callable[[ChatModel], Sequence[Message]], **parameters: Any
) -> dict[str, Any]:
    """The record of a model's answer to the messages made for it; failures as in `promptflow_chat.chat_turn`.

    messages: may raise InputError for a row that cannot be asked. parameters: of `Parameters`.
    """
    try:
        loaded = load_model(model, connection)
        wanted = Parameters(overflow="truncate", **parameters)
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None
    try:
        completion = complete(loaded, messages(loaded), wanted)
    except (InputError, EndpointError) as error:
        stop_if_unusable(error, still_answers(loaded))
        completion = Completion("", "error", loaded.identity, error=str(error))
    if completion.error and not completion.text:
        report(completion.error)
    return completion.to_dict()


def answer(
    looked: Mapping[str, Any] | None,
    ocr: Mapping[str, Any] | None,
    field: Mapping[str, Any] | None,
    asked: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What the flow gives: `answer`, `completion`, `source` (`image`, `field` or `text`), `ocr_text` and `fields`.

    What was not on the way that was taken is None. A field's completion is that of OCR: its time, no tokens.
    """
    if looked is not None:
        return {"answer": looked["text"], "completion": looked, "source": "image", "ocr_text": None, "fields": []}
    assert ocr is not None
    source = "text"
    if asked is None:
        assert field is not None
        source = "field"
        asked = Completion(field["value"], "stop", OCR, total_time=ocr["seconds"]).to_dict()
    elif not asked["error"]:
        asked = {**asked, "total_time": asked["total_time"] + ocr["seconds"]}
    texts = {"ocr_text": None if ocr["error"] else ocr["plain"], "fields": ocr["fields"]}
    return {"answer": asked["text"], "completion": asked, "source": source, **texts}


def _pictures(image: Any, budget: Budget, allow_http: bool) -> tuple[Image, ...]:
    """Prompt Flow hands over images as bytes, or as `promptflow_images` says; text that is no image as a string."""
    given = list(image) if isinstance(image, list | tuple) else [image]
    if not given or any(source is None or source == "" for source in given):
        raise InputError("the row has no image")
    sources = [source_of(source) for source in given]
    return tuple(loaded.image for loaded in load_images(sources, budget=budget, allow_http=allow_http))

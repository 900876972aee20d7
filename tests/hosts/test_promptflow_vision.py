import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image as pillow
from PIL import ImageDraw, ImageFont
from promptflow._utils.multimedia_utils import BasicMultimediaProcessor
from promptflow.contracts.flow import FlowInputDefinition
from promptflow.contracts.multimedia import Image as FlowImage
from promptflow.contracts.tool import ValueType
from promptflow.exceptions import UserErrorException

from bakeoff.errors import EndpointError, ModelNotFoundError
from bakeoff.hosts import promptflow_vision
from bakeoff.models.base import Completion, ModelIdentity

ROOT = Path(__file__).parents[2]
RECEIPT = (ROOT / "data/vision/questions/images/receipt-00.png").read_bytes()
IDENTITY = ModelIdentity("fake", "test")
OCR = {
    "text": "Total | EUR 5",
    "plain": "Total EUR 5",
    "fields": [{"key": "Total", "value": "EUR 5"}],
    "lines": [],
    "seconds": 0.5,
    "error": "",
}


class Model:
    identity = IDENTITY

    def __init__(self, outcome: Any = "5"):
        self.outcome = outcome

    def complete(self, messages: Any, parameters: Any) -> Completion:
        self.messages, self.parameters = messages, parameters
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Completion(self.outcome, "stop", self.identity, total_time=1.0)


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is reported of rows instead of being raised."""
    said: list[str] = []
    monkeypatch.setattr(promptflow_vision, "report", said.append)
    return said


def use(monkeypatch: pytest.MonkeyPatch, model: Model) -> Model:
    monkeypatch.setattr(promptflow_vision, "load_model", lambda *_: model)
    return model


def look(image: Any, **more: Any) -> dict[str, Any]:
    return promptflow_vision.look(
        **more,
        system="Be brief.",
        image=image,
        question="What is it?",
        chat_history=[],
        model="m",
        max_new_tokens=5,
        temperature=0,
    )


def ask(ocr: dict[str, Any]) -> dict[str, Any]:
    return promptflow_vision.ask(
        system="Be brief.",
        question="How much?",
        chat_history=[],
        ocr=ocr,
        model="m",
        max_new_tokens=5,
        temperature=0,
    )


def png(size: tuple[int, int] = (40, 40)) -> bytes:
    data = io.BytesIO()
    pillow.new("RGB", size, "red").save(data, "PNG")
    return data.getvalue()


def test_who_sees(monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, Model())
    assert promptflow_vision.sees_images("m", "auto")
    assert promptflow_vision.sees_images("m", "yes")
    assert not promptflow_vision.sees_images("m", "no")
    assert not promptflow_vision.sees_images("m", "nothing")
    with pytest.raises(UserErrorException, match="use auto, yes, no"):
        promptflow_vision.sees_images("m", "perhaps")


def test_what_is_not_to_be_seen_is_not_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(promptflow_vision, "read_text", lambda _: pytest.fail("the picture was read"))
    found = promptflow_vision.read(png(), "nothing")
    assert (found["text"], found["lines"], found["error"]) == ("", [], "")


@pytest.mark.usefixtures("smollm2")
def test_a_local_text_model_does_not_see():
    assert not promptflow_vision.sees_images("smollm2-135m-instruct", "auto")


def test_a_model_that_is_not_there_stops(monkeypatch: pytest.MonkeyPatch):
    def missing(*_: Any) -> None:
        raise ModelNotFoundError("no such model")

    monkeypatch.setattr(promptflow_vision, "load_model", missing)
    for run in (lambda: promptflow_vision.sees_images("m", "auto"), lambda: look(png()), lambda: ask(OCR)):
        with pytest.raises(UserErrorException, match="no such model"):
            run()


def test_a_multimodal_model_gets_the_pictures_scaled_for_the_cloud(monkeypatch: pytest.MonkeyPatch):
    model = use(monkeypatch, Model("red"))
    assert look([FlowImage(png(), "image/png"), png((4000, 1000))])["text"] == "red"
    message = model.messages[-1]
    assert message.text == "What is it?"
    assert [pillow.open(io.BytesIO(image.data)).size for image in message.images] == [(40, 40), (2048, 512)]


@pytest.mark.parametrize(("detail", "size"), [("low", (512, 128)), ("high", (2048, 512))])
def test_pictures_are_scaled_to_what_is_seen_of_them(
    monkeypatch: pytest.MonkeyPatch, detail: str, size: tuple[int, int]
):
    model = use(monkeypatch, Model("red"))
    look(png((4000, 1000)), detail=detail)
    (image,) = model.messages[-1].images
    assert pillow.open(io.BytesIO(image.data)).size == size
    assert model.parameters.image_detail == detail


def test_a_detail_that_does_not_exist_stops(monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, Model())
    with pytest.raises(UserErrorException, match="image_detail is 'fine'"):
        look(png(), detail="fine")


ADDRESS = "https://pictures.example/cat.png"


@pytest.mark.parametrize("given", [{"data:image/png;url": ADDRESS}, ADDRESS])
def test_an_address_is_fetched_by_the_flow_alone_and_only_where_it_may(
    monkeypatch: pytest.MonkeyPatch, reported: list[str], given: Any
):
    monkeypatch.setattr("requests.get", lambda *_, **__: pytest.fail("Prompt Flow fetched it"))
    inputs = {"image": FlowInputDefinition(type=ValueType.IMAGE)}
    arrived = BasicMultimediaProcessor().load_multimedia_data(
        inputs, {"image": [given, FlowImage(png(), "image/png")]}
    )["image"]
    monkeypatch.setattr(promptflow_vision, "read_text", lambda _: SimpleNamespace(lines=()))
    fetched: list[str] = []
    monkeypatch.setattr("bakeoff.vision.images.fetch", lambda url, limit: fetched.append(url) or png((30, 30)))
    model = use(monkeypatch, Model("red"))
    refused = look(arrived)["error"]
    assert f"image 1 ({ADDRESS}): web addresses are refused" in refused
    assert promptflow_vision.read(arrived)["error"] == refused
    assert fetched == []
    look(arrived, allow_http=True)
    assert [pillow.open(io.BytesIO(image.data)).size for image in model.messages[-1].images] == [(30, 30), (40, 40)]
    assert promptflow_vision.read(arrived, allow_http=True)["error"] == ""
    assert fetched == [ADDRESS] * 2


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"", "empty"),
        (b"some text in a file named .png", "not an image"),
        (png()[:60], "damaged or cut off"),
        (png((1, 1)), "too small"),
        ([png()] * 20, "20 images in one question: the limit is 10"),
        (None, "the row has no image"),
        ([], "the row has no image"),
        ("http://127.0.0.1/cat.png", "image 1"),
        ("../../../etc/passwd", "image 1"),
    ],
)
def test_a_bad_image_is_a_row_with_an_error(
    monkeypatch: pytest.MonkeyPatch, reported: list[str], image: Any, message: str
):
    use(monkeypatch, Model())
    looked = look(image)
    assert looked["finish_reason"] == "error"
    assert message in looked["error"]
    ocr = promptflow_vision.read(image)
    assert message in ocr["error"]
    asked = ask(ocr)
    assert asked["error"] == ocr["error"]
    assert len(reported) == 2
    answer = promptflow_vision.answer(None, ocr, {"found": False}, asked)
    assert (answer["answer"], answer["ocr_text"], answer["source"]) == ("", None, "text")


def test_an_endpoint_that_fails_is_a_row_or_the_end_of_all(monkeypatch: pytest.MonkeyPatch, reported: list[str]):
    use(monkeypatch, Model(EndpointError("busy", status=503)))
    assert look(png())["error"] == ask(OCR)["error"] == "busy"
    use(monkeypatch, Model(EndpointError("wrong key", status=401)))
    for run in (lambda: look(png()), lambda: ask(OCR)):
        with pytest.raises(UserErrorException, match="wrong key"):
            run()


def test_a_receipt_is_read_with_its_fields():
    ocr = promptflow_vision.read(FlowImage(RECEIPT, "image/png"))
    assert {"key": "Date", "value": "26 May 2026"} in ocr["fields"]
    assert "Paid by Card" in ocr["plain"]
    assert ocr["seconds"] > 0
    field = promptflow_vision.extract("What is the total on this receipt?", ocr)
    assert field == {"found": True, "key": "TOTAL", "value": "EUR 64.05"}
    answer = promptflow_vision.answer(None, ocr, field, None)
    assert (answer["answer"], answer["source"]) == ("EUR 64.05", "field")
    assert answer["completion"]["model"]["name"] == "rapidocr"
    assert answer["completion"]["total_time"] == ocr["seconds"]


def test_several_pictures_are_read_in_order():
    pages = []
    for text in ("Gate B14", "Seat 22A"):
        page = pillow.new("RGB", (400, 80), "white")
        ImageDraw.Draw(page).text((20, 20), text, "black", ImageFont.load_default(32))
        data = io.BytesIO()
        page.save(data, "PNG")
        pages.append(data.getvalue())
    assert promptflow_vision.read(pages)["plain"] == "Gate B14\nSeat 22A"


@pytest.mark.parametrize("question", ["How many items cost more than EUR 5?", "Which day has the highest total?"])
def test_questions_that_count_or_compare_have_no_field(question: str):
    assert promptflow_vision.extract(question, OCR) == {"found": False}


def test_a_text_model_gets_what_was_read(monkeypatch: pytest.MonkeyPatch):
    model = use(monkeypatch, Model("5"))
    asked = ask(OCR)
    assert model.messages[-1].text == "Text in the picture:\nTotal | EUR 5\n\nQuestion: How much?"
    answer = promptflow_vision.answer(None, OCR, {"found": False}, asked)
    assert answer["completion"]["total_time"] == 1.5
    assert (answer["answer"], answer["source"], answer["ocr_text"]) == ("5", "text", "Total EUR 5")


def test_what_was_looked_at_needs_no_ocr(monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, Model("red"))
    answer = promptflow_vision.answer(look(png()), None, None, None)
    assert (answer["answer"], answer["source"], answer["ocr_text"]) == ("red", "image", None)

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from promptflow.exceptions import UserErrorException

from bakeoff.errors import EndpointError, InputError, ModelNotFoundError
from bakeoff.hosts import promptflow_rag
from bakeoff.models.base import Completion, ModelIdentity
from bakeoff.retrieval.engine import Hit, IndexSettings

HISTORY = [{"inputs": {"question": "How heavy may a bag be?"}, "outputs": {"answer": "8 kg."}}]
IDENTITY = ModelIdentity("fake", "test")
pytestmark = pytest.mark.usefixtures("in_a_batch")


@pytest.fixture
def in_a_batch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is reported of rows instead of being raised."""
    reported: list[str] = []
    monkeypatch.setattr(promptflow_rag, "report", reported.append)
    return reported


class Model:
    identity = IDENTITY
    context_length = 1000

    def __init__(self, *outcomes: Any):
        self.outcomes, self.prompts = list(outcomes), []

    def count_tokens(self, text: str) -> int:
        return len(text)

    def complete(self, messages: Any, parameters: Any) -> Completion:
        self.prompts.append(messages)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return Completion(outcome, "stop", self.identity)


class Engine:
    settings = IndexSettings("fake", "test", "", 2, 200, 30)

    def __init__(self, *outcome: Any):
        self.outcome = outcome

    def search(self, text: str, vector: Any, top_k: int) -> list[Hit]:
        if isinstance(self.outcome[0], Exception):
            raise self.outcome[0]
        return list(self.outcome)


class Embedding:
    identity = IDENTITY
    dimension = 2

    def embed(self, texts: Any) -> Any:
        return [[1.0, 0.0]]


def hit(similarity: float | None) -> Hit:
    return Hit("1", "a.md", ("A",), None, "A", "A bag may weigh 8 kg.", 0.5, similarity)


def use(monkeypatch: pytest.MonkeyPatch, model: Any = None, engine: Any = None) -> None:
    monkeypatch.setattr(promptflow_rag, "load_model", lambda *_: model)
    monkeypatch.setattr(promptflow_rag, "load_embedding", lambda *_: Embedding())
    monkeypatch.setattr(promptflow_rag, "open_index", lambda *_: engine)


def find(question: str = "How heavy?", mode: str = "hybrid", rewritten: str | None = None) -> dict[str, Any]:
    return promptflow_rag.find(question, rewritten, index="index", base=Path(), mode=mode, top_k=5, min_similarity=0.4)


def test_a_follow_up_is_searched_with_its_conversation(monkeypatch: pytest.MonkeyPatch):
    assert promptflow_rag.rewrite("And on a train?", HISTORY, "history", "") == (
        "And on a train? How heavy may a bag be? 8 kg."
    )
    use(monkeypatch, Model("How heavy may a bag be on a train?\nmore"))
    assert promptflow_rag.rewrite("And on a train?", HISTORY, "model", "m") == "How heavy may a bag be on a train?"


@pytest.mark.parametrize("outcome", ["", " \n", EndpointError("busy", status=503)])
def test_a_failing_rewrite_falls_back_to_the_conversation(monkeypatch: pytest.MonkeyPatch, outcome: Any):
    use(monkeypatch, Model(outcome))
    assert promptflow_rag.rewrite("And?", HISTORY, "model", "m") == "And? How heavy may a bag be? 8 kg."


def test_a_rewrite_that_no_row_can_have_stops(monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, Model(EndpointError("wrong key", status=401)))
    with pytest.raises(UserErrorException, match="wrong key"):
        promptflow_rag.rewrite("And?", HISTORY, "model", "m")
    with pytest.raises(UserErrorException, match="use history or model"):
        promptflow_rag.rewrite("And?", HISTORY, "magic", "m")


def test_malformed_history_is_left_to_the_answer():
    assert promptflow_rag.rewrite("And?", [{"inputs": {}}], "history", "") == "And?"


@pytest.mark.parametrize(("similarity", "enough"), [(0.41, True), (0.4, True), (0.39, False), (None, True)])
def test_the_best_similarity_decides(monkeypatch: pytest.MonkeyPatch, similarity: float | None, enough: bool):
    use(monkeypatch, engine=Engine(hit(similarity)))
    found = find()
    assert found["enough"] == found["retrieval"]["enough"] == enough
    assert found["passages"][0]["similarity"] == similarity
    assert found["retrieval"]["query"] == "How heavy?"
    assert found["retrieval"]["seconds"] >= 0


def test_a_rewritten_question_is_searched(monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, engine=Engine(hit(0.5)))
    assert find(rewritten="Bag on a train?")["retrieval"] | {"seconds": 0} == {
        "query": "Bag on a train?",
        "mode": "hybrid",
        "seconds": 0,
        "enough": True,
        "engine": "local",
        "rewritten": True,
        "error": "",
    }


def test_a_reranker_orders_the_hits_anew(monkeypatch: pytest.MonkeyPatch):
    class ByLength:
        def score(self, question: str, passages: Any) -> list[float]:
            return [float(len(passage)) for passage in passages]

    use(monkeypatch, engine=Engine(hit(0.5), replace(hit(0.4), text="A longer passage about bags.")))
    monkeypatch.setattr(promptflow_rag, "load_reranker", lambda _: ByLength())
    found = promptflow_rag.find(
        "How heavy?", None, index="i", base=Path(), mode="hybrid", top_k=5, min_similarity=0.45, reranker="folder"
    )
    assert [passage["similarity"] for passage in found["passages"]] == [0.4, 0.5]
    assert found["passages"][0]["score"] == len("A\n\nA longer passage about bags.")
    assert found["enough"]


def test_a_search_that_fails_for_one_row_is_told_by_the_answer(monkeypatch: pytest.MonkeyPatch, in_a_batch: list[str]):
    use(monkeypatch, Model(), Engine(EndpointError("search answered 503", status=503)))
    found = find()
    assert (found["passages"], found["enough"], found["retrieval"]["enough"]) == ([], True, False)
    completion = answer([], found["retrieval"]["error"])
    assert (completion["finish_reason"], completion["error"]) == ("error", "search answered 503")
    assert in_a_batch == ["search answered 503"]


def test_a_search_that_is_refused_for_one_row_only_is_told_by_the_answer(monkeypatch: pytest.MonkeyPatch):
    class Picky(Engine):
        def search(self, text: str, vector: Any, top_k: int) -> list[Hit]:
            if text != "OK":
                raise EndpointError("refused by a gateway", status=403)
            return []

    use(monkeypatch, engine=Picky())
    assert find()["retrieval"]["error"] == "refused by a gateway"


@pytest.mark.parametrize("error", [EndpointError("no rights", status=403), InputError("made with another model")])
def test_a_search_that_fails_for_all_rows_stops(monkeypatch: pytest.MonkeyPatch, error: Exception):
    use(monkeypatch, engine=Engine(error))
    with pytest.raises(UserErrorException, match=str(error)):
        find()


def test_a_question_that_cannot_be_embedded_is_a_row_with_an_error(monkeypatch: pytest.MonkeyPatch):
    class Strict(Embedding):
        def embed(self, texts: Any) -> Any:
            if len(texts[0]) > 10:
                raise InputError("text 1 to embed is too long")
            return super().embed(texts)

    use(monkeypatch, engine=Engine(hit(0.5)))
    monkeypatch.setattr(promptflow_rag, "load_embedding", lambda *_: Strict())
    assert find("How heavy may it be?")["retrieval"]["error"] == "text 1 to embed is too long"
    assert not find("How heavy?")["retrieval"]["error"]


def test_an_index_of_another_embedding_model_stops_all_but_keyword_search(monkeypatch: pytest.MonkeyPatch):
    engine = Engine(hit(None))
    engine.settings = replace(Engine.settings, embedding="other")
    use(monkeypatch, engine=engine)
    for mode in ("hybrid", "vector"):
        with pytest.raises(UserErrorException, match=r"made with the embedding model other .* not with fake"):
            find(mode=mode)
    assert find(mode="keyword")["enough"]


def test_an_empty_question_is_a_row_with_an_error(monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, Model(), Engine(hit(0.5)))
    found = find(question=" ")
    assert "empty" in found["retrieval"]["error"]
    assert "empty" in answer([], found["retrieval"]["error"], question=" ")["error"]


def test_an_index_or_model_that_is_not_there_stops(monkeypatch: pytest.MonkeyPatch):
    def missing(*_: Any) -> None:
        raise ModelNotFoundError("no such thing")

    use(monkeypatch)
    monkeypatch.setattr(promptflow_rag, "open_index", missing)
    with pytest.raises(UserErrorException, match="no such thing"):
        find()
    monkeypatch.setattr(promptflow_rag, "load_model", missing)
    with pytest.raises(UserErrorException, match="no such thing"):
        choose([passage()])


def passage(number: int | None = None) -> dict[str, Any]:
    return promptflow_rag.to_records([hit(0.5)])[0] | {"number": number}


def choose(passages: list[dict[str, Any]], enough: bool = True, tokens: int = 300) -> list[int | None]:
    packed = promptflow_rag.choose(passages, enough, model="m", connection=None, most_tokens=tokens, most_passages=9)
    return [record["number"] for record in packed]


def test_passages_fill_the_budget_or_half_the_context(monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, Model())
    assert choose([passage()] * 10, tokens=150) == [1, 2, *[None] * 8]
    assert choose([passage()] * 10, tokens=100_000)[6:] == [7, None, None, None]
    assert choose([passage()], enough=False) == [None]
    assert choose([]) == []


def answer(
    passages: list[dict[str, Any]], problem: str = "", question: str = "How heavy?", model: str = "m"
) -> dict[str, Any]:
    return promptflow_rag.answer(
        system="Use the passages.",
        question=question,
        chat_history=HISTORY,
        passages=passages,
        problem=problem,
        model=model,
        max_new_tokens=10,
        temperature=0,
    )


def test_the_prompt_is_instructions_example_history_and_passages(monkeypatch: pytest.MonkeyPatch):
    model = Model("8 kg [1].")
    use(monkeypatch, model)
    assert answer([passage(1), passage(None)])["text"] == "8 kg [1]."
    roles = [message.role for message in model.prompts[0]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert model.prompts[0][3].text == "How heavy may a bag be?"
    assert model.prompts[0][-1].text == (
        '<passage number="1" from="a.md: A">\nA bag may weigh 8 kg.\n</passage>\n\nQuestion: How heavy?'
    )


def test_a_failing_model_is_a_row_with_an_error(monkeypatch: pytest.MonkeyPatch, in_a_batch: list[str]):
    use(monkeypatch, Model(EndpointError("busy", status=503)))
    assert answer([passage(1)])["finish_reason"] == "error"
    assert in_a_batch == ["busy"]
    use(monkeypatch, Model(EndpointError("wrong key", status=401)))
    with pytest.raises(UserErrorException, match="wrong key"):
        answer([passage(1)])


def cited(text: str, put_in: bool = True) -> dict[str, Any]:
    completion = Completion(text, "stop", IDENTITY).to_dict()
    return promptflow_rag.cite(completion, "How heavy may a bag be?", [passage(1)], put_in)


def test_invented_citations_are_told():
    assert cited("8 kg [1][4].")["citations"] == {"cited": [1, 4], "invented": [4], "source": "model"}
    assert cited("8 kg [1][4].")["answer"] == "8 kg [1][4]."


def test_citations_are_put_in_where_there_are_none():
    done = cited("A bag may weigh 8 kg.")
    assert done["answer"] == "A bag may weigh 8 kg. [1]"
    assert done["citations"] == {"cited": [1], "invented": [], "source": "attributed"}
    assert done["completion"]["text"] == "A bag may weigh 8 kg."
    assert cited("A bag may weigh 9 kg.")["citations"]["source"] == "none"
    assert cited("A bag may weigh 8 kg.", put_in=False)["citations"]["source"] == "none"


def test_without_an_embedding_model_the_answer_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def missing(*_: Any) -> None:
        raise ModelNotFoundError("no such model")

    monkeypatch.setattr(promptflow_rag, "load_embedding", missing)
    done = cited("A bag may weigh 8 kg.")
    assert done["answer"] == "A bag may weigh 8 kg."
    assert done["citations"]["source"] == "none"
    assert "no such model" in caplog.text


def test_without_a_model_call_the_answer_is_that_it_does_not_know():
    done = promptflow_rag.cite(None, "What?", [passage(None)], True)
    assert done == {
        "answer": "I don't know.",
        "completion": {},
        "citations": {"cited": [], "invented": [], "source": "none"},
    }


def test_without_retrieval_the_model_gets_the_question_alone(monkeypatch: pytest.MonkeyPatch):
    found = promptflow_rag.find(
        "How heavy?", None, index="nowhere", base=Path(), mode="none", top_k=5, min_similarity=0.9
    )
    assert (found["passages"], found["enough"]) == ([], True)
    assert found["retrieval"]["mode"] == "none"
    model = Model("8 kg.")
    use(monkeypatch, model)
    assert answer(found["passages"])["text"] == "8 kg."
    assert [message.role for message in model.prompts[0]] == ["system", "user", "assistant", "user"]
    assert model.prompts[0][-1].text == "How heavy?"


def test_without_a_model_the_best_passage_is_the_answer():
    passages = promptflow_rag.choose(
        [passage(None), passage(None)], True, model="none", connection=None, most_tokens=1500, most_passages=3
    )
    assert [one["number"] for one in passages] == [1, None]
    completion = answer(passages, model="none")
    assert completion["text"] == "A bag may weigh 8 kg. [1]"
    assert completion["model"]["name"] == "none"
    noted = answer([passage(1) | {"text": "A bag may weigh 8 kg.[12]"}], model="none")
    assert noted["text"] == "A bag may weigh 8 kg.(12) [1]"
    with pytest.raises(UserErrorException, match="neither passages nor a model"):
        answer([], model="none")

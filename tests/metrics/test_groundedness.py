import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bakeoff.metrics.citations import score_citations
from bakeoff.metrics.claim_text import content_words, stem
from bakeoff.metrics.groundedness import GroundednessScore, SupportCheck, Thresholds, groundedness
from bakeoff.models.load import load_embedding
from bakeoff.retrieval.documents import read_documents
from bakeoff.retrieval.reading_report import ReadingReport

DATA = Path(__file__).parents[2] / "data" / "rag"
LEAST_ACCURACY = 0.82

DOMESTIC = (
    "Bags on domestic flights > Cabin bags\n\nA passenger may bring one cabin bag of up to 8 kg. Big bags cost EUR 35."
)
ABROAD = "Bags on international flights > Cabin bags\n\nA passenger may bring one cabin bag of up to 10 kg."
FERRY = """Ferry to Tarn > Prices

| | Single | Return |
| --- | --- | --- |
| Adult | EUR 31 | EUR 56 |
| Child | EUR 15 | EUR 27 |

Dogs are not allowed in the restaurant. The Sea Holly sails at 20:00, and the Marsh Marigold sails at 21:30."""


def embed(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of hashed stems: texts are near where they share words."""
    vectors = np.full((len(texts), 512), 1e-6, dtype=np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        for word in content_words(text):
            vector[zlib.crc32(stem(word).encode()) % 512] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def check(question: str = "") -> SupportCheck:
    return SupportCheck(embed, question, Thresholds(coverage=0.5, similarity=0.3, margin=0.05))


@pytest.mark.parametrize(
    ("claim", "passages"),
    [
        ("A passenger may bring one cabin bag of up to 8 kg.", [DOMESTIC]),
        ("A cabin bag may weigh eight kilograms [1].", [DOMESTIC]),
        ("Big bags cost €35.", [DOMESTIC]),
        ("A cabin bag may have 8 kg on domestic and 10 kg on international flights.", [DOMESTIC, ABROAD]),
        ("An adult single costs 31 euros.", [FERRY]),
        ("No, dogs are not allowed in the restaurant.", [FERRY]),
        ("The Sea Holly sails at 8 pm.", [FERRY]),
    ],
)
def test_supported(claim, passages):
    assert check().objections(claim, passages) == []
    assert check()(claim, passages)


@pytest.mark.parametrize(
    ("claim", "passages", "objection"),
    [
        ("A passenger may bring one cabin bag of up to 9 kg.", [DOMESTIC], "no passage has the value 9 (kg)"),
        ("A cabin bag may measure 8 cm.", [DOMESTIC], "no passage has the value 8 (cm)"),
        ("A cabin bag on international flights may have 8 kg.", [DOMESTIC, ABROAD], "8 (kg) stands elsewhere"),
        ("An adult single costs EUR 56.", [FERRY], "56 (currency) stands elsewhere"),
        ("A child single costs EUR 31.", [FERRY], "31 (currency) stands elsewhere"),
        ("The Marsh Marigold sails at 20:00.", [FERRY], "20:00 stands elsewhere"),
        ("The single costs EUR 31 to Merrow.", [FERRY], "no passage names merrow"),
        ("Dogs are allowed in the restaurant.", [FERRY], "negated"),
        ("Big bags do not cost EUR 35.", [DOMESTIC], "negated"),
        ("Big bags cost EUR 35, and they need a padlock with wheels.", [DOMESTIC], "speaks of padlock, wheels"),
        ("Smoking harms your lungs badly.", [FERRY], "no passage speaks of smoking, harms, lungs, badly"),
        ("Big bags cost EUR 35.", [], "there is no passage"),
        ("Big bags cost EUR 35.", [" "], "there is no passage"),
        ("Yes.", [FERRY], "nothing that can be looked up"),
        ("", [FERRY], "nothing that can be looked up"),
    ],
)
def test_not_supported(claim, passages, objection):
    found = check().objections(claim, passages)
    assert any(objection in text for text in found), found
    assert not check()(claim, passages)


def test_a_sentence_near_nothing_is_not_supported_whatever_its_words():
    strict = SupportCheck(embed, thresholds=Thresholds(coverage=0, similarity=0.9, margin=1))
    assert (
        "no passage says anything near it" in strict.objections("A bag of a passenger may cost a lot.", [DOMESTIC])[0]
    )


@pytest.mark.parametrize(
    ("question", "answer", "supported"),
    [
        ("What does an adult single to Tarn cost?", "EUR 31", True),
        ("What does an adult single to Tarn cost?", "31 euros.", True),
        ("What does an adult single to Tarn cost?", "EUR 32", False),
        ("What does an adult single to Tarn cost?", "EUR 27", False),
        ("Is EUR 32 the price?", "EUR 32", False),
        ("Which ship sails at 20:00?", "The Sea Holly", True),
        ("Which ship sails at 20:00?", "The Sea Horse", False),
        ("Are dogs allowed in the restaurant?", "No", False),
    ],
)
def test_short_answers_are_judged_by_their_value_and_the_question(question, answer, supported):
    assert check(question)(answer, [FERRY]) is supported


def test_numbers_of_the_question_may_be_repeated():
    claim = "For 3 adults a single costs EUR 31 each."
    assert check("What do 3 adults pay for a single?")(claim, [FERRY])
    assert not check()(claim, [FERRY])


def test_wrapped_lines_and_lists_are_read_as_sentences():
    passage = "We do not pay for\n- bags that are older than\n  9 years\n- straps and locks"
    assert check()("There are bags that are older than 9 years.", [passage])
    assert not check()("There are bags that are older than 8 years.", [passage])


def test_vectors_are_kept():
    asked: list[str] = []

    def counting(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return embed(texts)

    supports = SupportCheck(counting)
    for _ in range(2):
        supports("Big bags cost EUR 35.", [DOMESTIC, ABROAD])
    supports("A cabin bag of up to 10 kg is free.", [ABROAD])
    assert len(asked) == len(set(asked))


def test_groundedness_counts_the_sentences_of_an_answer():
    answer = "Big bags cost EUR 35 [1]. Big bags cost EUR 50 [1].\n- An adult single costs EUR 31."
    assert groundedness(answer, [DOMESTIC, FERRY], check()) == GroundednessScore(3, 2)
    assert GroundednessScore(3, 2).share == pytest.approx(2 / 3)


def test_an_empty_answer_is_grounded_in_nothing():
    assert groundedness("", [DOMESTIC], check()) == GroundednessScore(0, 0)
    assert GroundednessScore(0, 0).share == 0


def test_it_scores_citations():
    answer = (
        "A cabin bag may have 8 kg on domestic flights [1]. A cabin bag may have 8 kg on international flights [2]."
    )
    score = score_citations(answer, [DOMESTIC, ABROAD], check())
    assert (score.sentences, score.supported, score.citations, score.relevant) == (2, 1, 2, 1)


def test_agreement_with_the_hand_labels_on_the_embedded_model():
    texts = {
        (document.path, " > ".join(section.heading_path)): section.text
        for document in read_documents(DATA, ReadingReport())
        for section in document.sections
    }
    rows = [json.loads(line) for line in (DATA / "groundedness.jsonl").read_text(encoding="utf-8").splitlines()]
    test = [row for row in rows if row["split"] == "test"]
    agreed = 0
    for row in test:
        passages = [f"{p['heading']}\n\n{texts[p['document'], p['heading']]}" for p in row["passages"]]
        supports = SupportCheck(load_embedding().embed, row["question"])
        agreed += supports(row["sentence"], passages) is row["supported"]
    assert len(test) == 100
    assert agreed / len(test) >= LEAST_ACCURACY

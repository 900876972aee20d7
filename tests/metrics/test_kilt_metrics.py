import json
from pathlib import Path

import pytest

from bakeoff.errors import InputError
from bakeoff.metrics import kilt, kilt_records, kilt_rouge, text
from bakeoff.metrics.summary import mean

CONFORMANCE = Path(__file__).parents[3] / "shared" / "benchmarks" / "kilt" / "conformance"
OUR_NAMES = {
    "em": "exact_match",
    "f1": "f1",
    "rougel": "rouge_l",
    "KILT-em": "kilt_exact_match",
    "KILT-f1": "kilt_f1",
    "KILT-rougel": "kilt_rouge_l",
    "Rprec": "r_precision",
}
"""The names of KILT's script and ours; `recall@5` is `recall_at_5` and so on."""


def conformance_cases(kind):
    if not CONFORMANCE.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{CONFORMANCE} is absent"))]
    cases = json.loads((CONFORMANCE / "expected.json").read_text(encoding="utf-8"))[kind]
    return [pytest.param(case, id=f"{case['gold']}-{case['guess']}") for case in cases]


def record_pairs(case):
    files = [(CONFORMANCE / case[side]).read_text(encoding="utf-8") for side in ("gold", "guess")]
    golds, guesses = ([json.loads(line) for line in file.splitlines()] for file in files)
    assert [gold["id"] for gold in golds] == [guess["id"] for guess in guesses]
    return list(zip(golds, guesses, strict=True))


def retrieval_scores(gold, guess, rank_keys, ks):
    ranking = kilt_records.guess_ranking(guess, rank_keys)
    return kilt.score_retrieval(ranking, kilt_records.gold_evidence(gold, rank_keys), ks)


def all_scores(gold, guess, ks):
    retrieval = retrieval_scores(gold, guess, kilt_records.PAGE, ks)
    answer, references = kilt_records.guess_answer(guess), kilt_records.gold_answers(gold)
    return retrieval | kilt.score_answer(answer, references, retrieval["r_precision"])


def means(rows):
    return {name: mean([row[name] for row in rows]) for name in rows[0]}


def in_our_names(expected):
    return {OUR_NAMES.get(name, name.replace("@", "_at_")): value for name, value in expected.items()}


@pytest.mark.parametrize("case", conformance_cases("downstream"))
def test_answers_score_as_in_kilt(case):
    got = means([all_scores(gold, guess, case["ks"]) for gold, guess in record_pairs(case)])
    for expected in map(in_our_names, case["expected"].values()):
        assert {name: got[name] for name in expected} == expected


@pytest.mark.parametrize("case", conformance_cases("retrieval"))
def test_retrieval_scores_as_in_kilt(case):
    expected = in_our_names(case["expected"])
    for rank_keys in case["rank_keys"]:
        got = means([retrieval_scores(gold, guess, rank_keys, case["ks"]) for gold, guess in record_pairs(case)])
        assert {name: got[name] for name in expected} == expected


SETS = [{"a", "b"}, {"c"}, {"d", "e", "f"}]


@pytest.mark.parametrize(
    ("ranking", "merged"),
    [
        (["b", "c", "d", "x", "a", "e"], [True, False, True, False]),
        (["c"], [True]),
        (["x", "b"], [False, False]),
        (["a", "a", "x", "b", "b"], [False, True]),
        (["f", "e", "d"], [True]),
        ([], []),
    ],
)
def test_an_evidence_set_stands_where_its_last_id_stands(ranking, merged):
    assert kilt.evidence_ranking(ranking, SETS) == merged


def test_an_id_of_two_evidence_sets_counts_in_both():
    sets = [{"a"}, {"a", "b"}]
    assert kilt.evidence_ranking(["a", "b"], sets) == [True, True]
    assert kilt.precision_at_k(["a", "b"], sets, 2) == 1
    assert kilt.recall_at_k(["a"], sets, 2) == 0.5


def test_retrieval_over_several_evidence_sets():
    ranking = ["b", "c", "d", "x", "a", "e"]
    assert kilt.score_retrieval(ranking, SETS, (1, 2, 3)) == {
        "r_precision": 1 / 2,
        "precision_at_1": 1,
        "recall_at_1": 1 / 3,
        "success_rate_at_1": 1,
        "precision_at_2": 1 / 2,
        "recall_at_2": 1 / 3,
        "success_rate_at_2": 1,
        "precision_at_3": 2 / 3,
        "recall_at_3": 2 / 3,
        "success_rate_at_3": 1,
    }


def test_r_precision_takes_the_best_set():
    assert kilt.r_precision(["a", "c"], SETS) == 0.5
    assert kilt.r_precision(["c", "a"], SETS) == 1
    assert kilt.r_precision(["d", "x", "f", "e"], SETS) == pytest.approx(2 / 3)


def test_equal_sets_count_once_and_empty_sets_are_never_found():
    assert kilt.recall_at_k(["a"], [{"a"}, ["a"]], 1) == 1
    assert kilt.recall_at_k(["a"], [{"a"}, set()], 1) == 0.5


@pytest.mark.parametrize(("ranking", "sets"), [([], SETS), (["a"], []), (["a"], [set()]), ([], [])])
def test_nothing_to_find_or_nothing_found_is_zero(ranking, sets):
    assert set(kilt.score_retrieval(ranking, sets, (1, 5)).values()) == {0}


def test_k_must_be_a_rank():
    with pytest.raises(InputError, match="k is 0"):
        kilt.score_retrieval(["a"], SETS, (0,))


def test_credit_needs_the_whole_provenance():
    full = kilt.score_answer("the Paris", ["London", " Paris "], 1.0)
    assert full["accuracy"] == full["kilt_accuracy"] == 0
    assert full["exact_match"] == full["kilt_exact_match"] == full["f1"] == full["kilt_f1"] == 1
    assert full["rouge_l"] == full["kilt_rouge_l"] == pytest.approx(2 / 3)
    partly = kilt.score_answer(" Paris\n", ["London", " Paris "], 0.99)
    assert {name: score for name, score in partly.items() if name.startswith("kilt_")} == {
        "kilt_accuracy": 0,
        "kilt_exact_match": 0,
        "kilt_f1": 0,
        "kilt_rouge_l": 0,
    }
    assert partly["accuracy"] == partly["exact_match"] == partly["f1"] == 1


@pytest.mark.parametrize(("answer", "references"), [("", ["a"]), (" \n", ["the"]), ("Paris", []), ("Paris", [" "])])
def test_no_answer_and_no_reference_score_zero(answer, references):
    assert set(kilt.score_answer(answer, references, 1.0).values()) == {0}


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [
        ("suicide", "suicide", 0.999999995),
        ("a suicide", "suicide", 2 * 0.5 / (1.5 + 1e-8)),
        ("Suicide", "suicide", 0),
        ("ran", "running", 0),
        ("a b a b", "a b", 0.999999995),
        ("one two. three four", "three four. one two", 0.999999995),
        ("1.5", "1.5", 0.999999995),
        ("...", "x", 0),
        ("", "x", 0),
        ("x", "...", 0),
        ("x . . y", "x y", 2 * (2 / 3) / (2 / 3 + 1 + 1e-8)),
        ("a b a", "a a b", 0.999999995),
        ("a a b", "a b a", 2 * 0.25 / (1 + 1e-8)),
    ],
)
def test_rouge_l_of_the_rouge_package(answer, reference, score):
    """By hand from its definition: sentences at full stops, distinct words, no stemming, 1e-8 in F.

    "x . . y" has three distinct words, the empty one among them, and two in common with "x y". "a b a" and "a a b"
    have two longest common subsequences, "a b" and "a a": which one counts depends on the order. `rouge` 1.0.0 and
    1.0.1 give the same values, and the same on 5,900 random texts of such pieces.
    """
    assert kilt_rouge.rouge_l(answer, [reference]) == pytest.approx(score, abs=1e-12)


def test_rouge_l_takes_the_best_reference_and_differs_from_googles():
    assert kilt_rouge.rouge_l("Paris is big", ["London", "Paris is big"]) == 0.999999995
    assert kilt_rouge.rouge_l("Paris", []) == 0
    assert text.rouge_l("Paris!", ["paris"]) == 1
    assert kilt_rouge.rouge_l("Paris!", ["paris"]) == 0


GOLD = {
    "id": "q1",
    "output": [
        {"answer": " Paris ", "provenance": [{"wikipedia_id": 7, "start_paragraph_id": " 2"}]},
        {"answer": "Paris"},
        {"answer": " "},
        {"provenance": []},
    ],
}


def test_gold_records():
    assert kilt_records.gold_answers(GOLD) == ["Paris"]
    assert kilt_records.gold_evidence(GOLD) == [{("7",)}, set()]
    assert kilt_records.gold_evidence(GOLD, ("wikipedia_id", "start_paragraph_id")) == [{("7", "2")}, set()]
    with pytest.raises(InputError, match="'q1'.*section"):
        kilt_records.gold_evidence(GOLD, ("wikipedia_id", "section"))


def test_guess_records():
    guess = {"id": 1, "output": [{"answer": 12, "provenance": [{"wikipedia_id": 7}, {"title": "x"}]}]}
    assert kilt_records.guess_answer(guess) == "12"
    assert kilt_records.guess_ranking(guess) == [("7",)]
    assert kilt_records.guess_answer({"id": 1, "output": [{}]}) == ""
    assert kilt_records.guess_ranking({"id": 1, "output": [{}]}) == []
    for output in ([], [{}, {}]):
        with pytest.raises(InputError, match="one output"):
            kilt_records.guess_answer({"id": 1, "output": output})
    for record in ({"id": 1}, {"id": 1, "output": "x"}, {"id": 1, "output": ["x"]}):
        with pytest.raises(InputError, match="list of objects"):
            kilt_records.gold_answers(record)

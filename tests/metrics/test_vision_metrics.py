import pytest

from bakeoff.errors import InputError
from bakeoff.metrics.vision import FieldScore, anls, exact_match, relaxed_correct, score_fields


@pytest.mark.parametrize(
    ("answer", "score"),
    [("The Coca", 0.0), ("CocaCola", 0.89), ("Coca cola", 1.0), ("Cola", 0.0), ("Cat", 0.0)],
)
def test_anls_of_the_competition_example(answer, score):
    # Robust Reading Competition, DocVQA task page, as in shunk031/ANLS tests/metrics/score_test.py
    assert anls(answer, ["Coca Cola", "Coca Cola Company"]) == pytest.approx(score, abs=0.005)


@pytest.mark.parametrize(
    ("answer", "references", "score"),
    [
        # huggingface/evaluate, metrics/anls/README.md: the questions of the DocVQA sample
        ("Denver Broncos", ["Denver Broncos", "Denver R. Broncos"], 1.0),
        ("12/15/89", ["12/15/88"], 7 / 8),
        ("Dear dr. Lobo", ["Dear Dr. Lobo", "Dr. Lobo"], 1.0),
        # deepopinion/anls_star_metric, tests/test_anls_star.py
        ("St. Louis Children's Hospital", ["st. louis children's hospital", "st. louis children hospital"], 1.0),
        (" Test    Hello\n\n", ["Test Hello "], 1.0),
        ("what", ["a"], 0.0),
    ],
)
def test_anls_of_published_examples(answer, references, score):
    assert anls(answer, references) == pytest.approx(score)


def test_anls_at_the_threshold_and_of_nothing():
    assert anls("abxy", ["abcd"]) == 0.5
    assert anls("axyz", ["abcd"]) == 0
    assert anls("", [""]) == 1
    assert anls("", ["Paris"]) == anls("Paris", []) == 0
    assert anls("xyz" + " " * 100, ["abc"]) == 0


PIX2STRUCT = [
    ("abc", "abc"),
    ("abc", "Abc"),
    ("Abc", "abc"),
    ("100%", "96%"),
    ("100%", "94%"),
    ("100%", "0.96"),
    ("100%", "0.94"),
    ("Don't", "Won't"),
]


def test_the_test_suite_of_pix2struct():
    # google-research/pix2struct, pix2struct/metrics_test.py, test_pix2struct_metrics: anls 47.5, relaxed 62.5
    assert sum(anls(answer, [target]) for answer, target in PIX2STRUCT) / 8 == pytest.approx(0.475)
    assert sum(relaxed_correct(answer, [target]) for answer, target in PIX2STRUCT) / 8 == 0.625


@pytest.mark.parametrize(
    ("answer", "reference", "correct"),
    [
        ("105", "100", True),
        ("95", "100", True),
        ("105.1", "100", False),
        ("-95", "-100", True),
        ("95", "-100", False),
        ("0", "0", True),
        ("0.0", "0", False),
        ("96", "96%", False),
        ("1,234", "1,234", True),
        ("1234", "1,234", False),
        ("$5", "5", False),
        (" 42\n", "41", True),
        ("nan", "5", False),
        ("", "5", False),
        ("Yes", "yes", True),
        ("2,01", "2.01", False),
    ],
)
def test_relaxed_accuracy_as_pix2struct_defines_it(answer, reference, correct):
    # worked out from `relaxed_correctness` in pix2struct/metrics.py at commit 5b086ef
    assert relaxed_correct(answer, [reference]) is correct


def test_relaxed_accuracy_takes_the_best_reference():
    assert relaxed_correct("51", ["a half", "50"])
    assert not relaxed_correct("51", [])


@pytest.mark.parametrize(
    ("answer", "reference", "equal"),
    [
        ("  total  DUE.", "Total due", True),
        ("Cafe\u0301", "CAFÉ", True),
        ("12.50", "1250", False),
        ("-5", "5", False),
        ("Total: 5", "Total 5", False),
    ],
)
def test_exact_match_keeps_the_punctuation_of_values(answer, reference, equal):
    assert exact_match(answer, ["something else", reference]) is equal


def test_fields_right_wrong_missing_and_spurious_are_counted_apart():
    expected = {"Invoice No": "A-17", "total": ["12.50", "EUR 12.50"], "date": "2026-01-02", "vendor": "Hill Ltd."}
    given = {"invoice no": "a-17", "Total": "eur 12.50", "date": "2026-01-03", "vendor": " ", "IBAN": "X1"}
    score = score_fields(given, expected)
    assert score == FieldScore(right=2, wrong=1, missing=1, spurious=1)
    assert score.accuracy == 0.5
    assert score.precision == 0.5


def test_blank_fields_are_no_fields_and_numbers_are_compared_as_printed():
    assert score_fields({"a": None, "b": 3}, {"a": "", "b": "3"}) == FieldScore(1, 0, 0, 0)
    assert score_fields({"a": "x"}, {"a": None}) == FieldScore(0, 0, 0, 1)
    assert score_fields({}, {}).accuracy == score_fields({}, {}).precision == 0


def test_fields_that_cannot_be_compared():
    with pytest.raises(InputError, match="'items' has a list"):
        score_fields({"items": ["12.50", "13.50"]}, {"items": "12.50"})
    with pytest.raises(InputError, match="differ in case"):
        score_fields({"Total": "1", "total": "2"}, {"total": "2"})

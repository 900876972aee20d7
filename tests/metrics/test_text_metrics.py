import pytest

from bakeoff.metrics.text import (
    corpus_bleu,
    corpus_chrf,
    exact_match,
    length_ratio,
    normalize_answer,
    rouge_l,
    sentence_bleu,
    sentence_chrf,
    token_f1,
    word_count,
)

# The example of sacreBLEU's README: BLEU = 48.53, chrF2 = 59.73.
SACREBLEU_ANSWERS = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
SACREBLEU_REFERENCES = [
    ["The dog bit the man.", "The dog had bit the man."],
    ["It was not unexpected.", "No one was surprised."],
    ["The man bit him first.", "The man had bitten the dog."],
]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Eiffel-Tower!", "eiffeltower"),
        ("a cat, an owl and the dog", "cat owl and dog"),
        ("Theatre", "theatre"),
        ("don't", "dont"),
        ("A.", ""),
        ("a-b", "ab"),
        ("\tline\nbreak ", "line break"),
        ("“Élan”", "“élan”"),
    ],
)
def test_normalisation_follows_the_squad_script(text, normal):
    """evaluate-v1.1.py: lower, then remove string.punctuation (ASCII only), then articles, then white space."""
    assert normalize_answer(text) == normal


def test_exact_match_takes_any_reference():
    assert exact_match("the PARIS.", ["London", "Paris"])
    assert not exact_match("Paris, France", ["London", "Paris"])


@pytest.mark.parametrize(
    ("answer", "reference", "f1"),
    [
        ("in Paris France", "Paris", 0.5),
        ("Paris Paris", "Paris", 2 / 3),
        ("London", "Paris", 0.0),
        ("", "Paris", 0.0),
        ("the", "a", 0.0),
    ],
)
def test_f1_follows_the_squad_script(answer, reference, f1):
    assert token_f1(answer, [reference]) == pytest.approx(f1)


def test_f1_takes_the_best_reference():
    assert token_f1("big red dog", ["cat", "red dog", "big red dog"]) == 1.0


def test_rouge_l_of_published_examples():
    """Lin 2004, section 3 (S1 and S3; S2 differs by stemming), and the example of rouge-score's README."""
    assert rouge_l("the gunman kill police", ["police killed the gunman"]) == pytest.approx(0.5)
    assert rouge_l("police kill the gunman", ["police killed the gunman"]) == 1.0
    fox, log = "The quick brown fox jumps over the lazy dog", "The quick brown dog jumps on the log."
    assert rouge_l(log, [fox]) == pytest.approx(2 * 5 / (8 + 9))


def test_corpus_scores_of_the_sacrebleu_readme():
    assert corpus_bleu(SACREBLEU_ANSWERS, SACREBLEU_REFERENCES) == pytest.approx(48.53, abs=0.005)
    assert corpus_chrf(SACREBLEU_ANSWERS, SACREBLEU_REFERENCES) == pytest.approx(59.73, abs=0.005)


def test_corpus_scores_with_different_numbers_of_references():
    ragged = [["one two three four five"], ["a", "six seven eight nine"]]
    assert corpus_bleu(["one two three four five", "six seven eight nine"], ragged) == 100.0
    assert corpus_chrf(["one two three four five", "six seven eight nine"], ragged) == pytest.approx(100)
    assert corpus_bleu([], []) == corpus_chrf([], []) == 0.0


def test_chrf_by_hand():
    """The answer ab for abc: precision 1 and recall 2/3 and 1/2 in orders 1 and 2, no n-grams beyond; beta 2."""
    recall = (2 / 3 + 1 / 2) / 2
    assert sentence_chrf("ab", ["abc"]) == pytest.approx(100 * 5 * recall / (4 + recall))


def test_sentence_bleu_of_a_short_answer_uses_effective_order():
    assert sentence_bleu("Paris", ["Paris"]) == 100.0
    assert corpus_bleu(["Paris"], [["Paris"]]) == 0.0


@pytest.mark.parametrize("metric", [token_f1, rouge_l, sentence_bleu, sentence_chrf])
def test_bounds_hold_for_any_texts(metric):
    texts = ["", " ", "!?", "x", "a b c d e f", "Straße 東京 🎉", "1,234.5 %", "<|im_end|>", "word " * 300]
    top = 1.0 if metric in (token_f1, rouge_l) else 100.0
    for answer in texts:
        for reference in texts:
            assert 0.0 <= metric(answer, [reference]) <= top
    assert metric("a plain english sentence", ["a plain english sentence"]) == pytest.approx(top)


def test_lengths():
    assert word_count(" two\nwords ") == 2
    assert length_ratio("one two three", "one two") == 1.5

import pytest

from bakeoff.metrics.ocr import character_errors, total_errors, word_errors


@pytest.mark.parametrize(
    ("truth", "text", "cer", "wer"),
    [
        # jiwer, tests/test_cer.py and tests/test_wer.py
        ("This is a test", "This is a test", 0, 0),
        ("This is a test", "", 1, 1),
        ("This is a test", "This test", 5 / 14, 0.5),
        # Morris, Maier and Green 2004, as in jiwer's test_known_values
        ("X", "X", 0, 0),
        ("X", "X X Y Y", 6, 3),
        ("X Y X", "X Z", 3 / 5, 2 / 3),
        ("X", "Y", 1, 1),
        ("X", "Y Z", 3, 2),
        # jiwer, tests/test_empty_ref.py
        ("", "", 0, 0),
        ("", "a", 1, 1),
        ("", "abd", 3, 1),
        ("abc", "", 1, 1),
        # jiwer, tests/test_measures.py
        (
            "i am a short ground truth",
            "i am a considerably longer and very much incorrect hypothesis",
            None,
            7 / 6,
        ),
    ],
)
def test_published_examples(truth, text, cer, wer):
    if cer is not None:
        assert character_errors(text, truth).rate == pytest.approx(cer)
    assert word_errors(text, truth).rate == pytest.approx(wer)


def corpus_rate(count, truths, texts):
    return total_errors(count(text, truth) for text, truth in zip(texts, truths, strict=True)).rate


def test_corpus_rates_of_jiwer():
    # tests/test_cer.py, test_permutations_invariance and test_return_dict
    assert corpus_rate(character_errors, ["i", "am i good"], ["i am", "i good"]) == pytest.approx(0.6)
    assert corpus_rate(character_errors, ["i", "am i good"], ["i am", "y good"]) == pytest.approx(0.7)
    # tests/test_empty_ref.py, test_multiple_one_empty_ref
    assert corpus_rate(word_errors, ["hello world", ""], ["hello world", "done"]) == pytest.approx(1 / 2)
    assert total_errors([]).rate == 0


def test_the_corpus_rate_of_the_hugging_face_metric_card():
    # huggingface/evaluate, metrics/cer and metrics/wer: the example of both cards
    truths = ["this is the reference", "there is another one"]
    texts = ["this is the prediction", "there is an other sample"]
    assert corpus_rate(character_errors, truths, texts) == pytest.approx(0.34146341463414637)
    assert corpus_rate(word_errors, truths, texts) == pytest.approx(0.5)


def test_unicode_and_white_space_do_not_count_but_case_and_punctuation_do():
    assert character_errors("Cafe\u0301\n\n 12,50", "Café 12,50").errors == 0
    assert character_errors("cafe 12.50", "Café 12,50").errors == 3
    assert word_errors("Total\t12,50\nEUR", "Total 12,50 EUR").errors == 0

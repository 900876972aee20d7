from itertools import pairwise

import pytest
from benchmarks_data import MMLU_DEV, MMLU_TEST

from bakeoff.benchmarks import mmlu
from bakeoff.benchmarks.items import Answer
from bakeoff.errors import InputError

LETTER_PROMPT = """The following are multiple choice questions (with answers) about us foreign policy.

Example 0 of us_foreign_policy?
A. w
B. x
C. y
D. z
Answer: A

Example 1 of us_foreign_policy?
A. w
B. x
C. y
D. z
Answer: B

Who signed treaty 0?
A. a king
B. a president
C. a mayor
D. a general of the army
Answer:"""

CLOZE_PROMPT = """The following are questions about us foreign policy.
Question: Who signed treaty 0?
Answer:"""


def test_the_letter_prompt_is_that_of_the_published_template() -> None:
    item = mmlu.letter_items(MMLU_TEST, MMLU_DEV, 2)[6]
    assert item.prompt == LETTER_PROMPT
    assert item.choices == (" A", " B", " C", " D")
    assert (item.stratum, item.group, item.reference) == ("us_foreign_policy", "social_sciences", 1)


def test_a_question_is_stripped_and_no_shots_leave_the_description() -> None:
    item = mmlu.letter_items(MMLU_TEST, [], 0)[1]
    assert item.prompt == (
        "The following are multiple choice questions (with answers) about anatomy.\n\n"
        "Which bone is number 1?\nA. rib\nB. ulna\nC. tibia\nD. skull\nAnswer:"
    )


def test_the_cloze_prompt_is_that_of_the_published_template() -> None:
    item = mmlu.cloze_items(MMLU_TEST, [], 0)[6]
    assert item.prompt == CLOZE_PROMPT
    assert item.choices == (" a king", " a president", " a mayor", " a general of the army")


def test_braces_in_a_question_stay() -> None:
    row = MMLU_TEST[0] | {"question": "What is {x}?", "choices": ["{0}", "{", "}", "%s"]}
    assert "What is {x}?\nA. {0}\nB. {\nC. }\nD. %s\nAnswer:" in mmlu.letter_items([row], [], 0)[0].prompt


def test_the_likeliest_letter_is_the_answer() -> None:
    item = mmlu.letter_items(MMLU_TEST, [], 0)[6]
    assert mmlu.score_letters(item, Answer((-2.0, -1.0, -3.0, -4.0))) == {"acc": 1.0}
    assert mmlu.score_letters(item, Answer((-1.0, -1.0, -3.0, -4.0))) == {"acc": 0.0}, "the first of equals is taken"


def test_cloze_is_normalised_by_characters_without_the_space() -> None:
    """Lengths 6, 11, 7, 21: -5.4 over 6 is -0.9, -9.8 over 11 is -0.891; 7 and 12 would turn it round."""
    item = mmlu.cloze_items(MMLU_TEST, [], 0)[6]
    assert mmlu.score_cloze(item, Answer((-5.4, -9.8, -70.0, -210.0))) == {"acc": 0.0, "acc_norm": 1.0}
    assert mmlu.score_cloze(item, Answer((-5.3, -9.8, -70.0, -210.0))) == {"acc": 0.0, "acc_norm": 0.0}


def test_the_57_subjects_lie_in_four_groups() -> None:
    assert len(mmlu.GROUP_OF) == 57
    sizes = [list(mmlu.GROUP_OF.values()).count(g) for g in ("stem", "humanities", "social_sciences", "other")]
    assert sizes == [19, 13, 12, 13]
    assert all(a < b for group in mmlu.LETTERS_DEFINITION.texts["groups"].values() for a, b in pairwise(group))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (MMLU_TEST[0] | {"subject": "cooking"}, "row 1: MMLU has no subject 'cooking'"),
        (MMLU_TEST[0] | {"choices": ["a", "b"]}, "row 1: MMLU has four choices"),
        (MMLU_TEST[0] | {"answer": 4}, "an answer from 0 to 3"),
    ],
)
def test_a_malformed_row_is_named(row: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        mmlu.letter_items([row], [], 0)


def test_too_few_examples_are_an_error() -> None:
    with pytest.raises(InputError, match="anatomy has 5 examples in dev, not 6"):
        mmlu.letter_items(MMLU_TEST, MMLU_DEV, 6)

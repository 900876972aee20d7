import pytest

from bakeoff.benchmarks import hellaswag
from bakeoff.benchmarks.items import Answer
from bakeoff.errors import InputError

ROW = {
    "activity_label": "Baking bread",
    "ctx_a": "[header] How to bake [title] Mix the flour. [step] Take  a bowl.",
    "ctx_b": "then the baker",
    "endings": ["kneads.", " waits [substeps] a long, long while.", "sings.", "goes  home."],
    "label": "1",
}


def test_the_prompt_is_the_cleaned_context() -> None:
    (item,) = hellaswag.items([ROW], [], 0)
    assert item.prompt == "Baking bread: How to bake. Mix the flour. Take a bowl. Then the baker"
    assert item.choices == (" kneads.", " waits a long, long while.", " sings.", " goes home.")
    assert item.reference == 1


def test_without_a_second_part_the_context_ends_bare() -> None:
    (item,) = hellaswag.items([ROW | {"ctx_a": "A man bakes.", "ctx_b": ""}], [], 0)
    assert item.prompt == "Baking bread: A man bakes."


def test_acc_norm_divides_by_characters() -> None:
    """Lengths 7, 25, 6, 10."""
    (item,) = hellaswag.items([ROW], [], 0)
    assert hellaswag.score(item, Answer((-7.0, -20.0, -9.0, -30.0))) == {"acc": 0.0, "acc_norm": 1.0}
    assert hellaswag.score(item, Answer((-7.0, -25.5, -9.0, -30.0))) == {"acc": 0.0, "acc_norm": 0.0}
    assert hellaswag.score(item, Answer((-7.0, -6.0, -9.0, -30.0))) == {"acc": 1.0, "acc_norm": 1.0}


@pytest.mark.parametrize("label", ["", "4", -1])
def test_a_row_without_a_label_is_an_error(label: object) -> None:
    with pytest.raises(InputError, match="row 1: the label"):
        hellaswag.items([ROW | {"label": label}], [], 0)


def test_the_card_s_prompt_is_not_trimmed() -> None:
    """As the source's `prompt_hellaswag` gives it, whose prompt ends with a space."""
    (item,) = hellaswag.card_items([ROW | {"ctx_a": "A man bakes.", "ctx_b": ""}], [], 0)
    assert item.prompt == "Baking bread: A man bakes. "
    assert item.choices == (" kneads.", "  waits a long, long while.", " sings.", " goes home.")

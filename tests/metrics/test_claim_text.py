import pytest

from bakeoff.metrics.claim_text import content_words, is_negated, names_in, stem, values_in


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("EUR 45", "€45"),
        ("EUR 45", "45 euros"),
        ("EUR 1,500", "1500 EUR"),
        ("EUR 3.50", "€3.50"),
        ("30%", "thirty percent"),
        ("half of the price", "50%"),
        ("8 pm", "20:00"),
        ("9:10 a.m.", "09:10"),
        ("12 am", "00:00"),
        ("two weeks", "14 days"),
        ("24 hours", "1 day"),
        ("one year", "12 months"),
        ("half an hour", "30 minutes"),
        ("5 working days", "5 days"),
        ("8 kg", "eight kilograms"),
        ("a 10-night stay", "10 nights"),
        ("14,000 points", "14000"),
        ("2 working days", "2"),
        ("\u017fix days", "6 days"),  # the long s of old print
    ],
)
def test_one_value_in_two_notations(one, other):
    (first,), (second,) = values_in(one), values_in(other)
    assert first.equals(second)
    assert second.equals(first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("EUR 45", "EUR 54"),
        ("8 kg", "8 cm"),
        ("EUR 8", "8 kg"),
        ("8%", "EUR 8"),
        ("8 pm", "08:00"),
        ("2 days", "2 hours"),
    ],
)
def test_other_values(one, other):
    (first,), (second,) = values_in(one), values_in(other)
    assert not first.equals(second)


@pytest.mark.parametrize("text", ["", "the one for Tavora", "P6 and LK410", "weighty words"])
def test_no_values(text):
    assert values_in(text) == []


def test_values_in_their_order():
    assert [str(value) for value in values_in("55 x 40 cm for EUR 3.50 from 9:05 at 20%")] == [
        "55",
        "40 (cm)",
        "3.5 (currency)",
        "9:05",
        "20 (percent)",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [("bags", "bag"), ("closes", "closed"), ("closing", "close"), ("Sundays", "Sunday"), ("ferries", "ferry")],
)
def test_stems(one, other):
    assert stem(one.lower()) == stem(other.lower())


def test_content_words_leave_out_function_words_and_values():
    assert content_words("The bag may weigh 8 kg, and the bag costs EUR 5.") == ["bag", "weigh", "costs"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("You may enter Halvia with EUR 5.", ["halvia"]),
        ("Bags go to Port Sallow, coach B.", ["port", "sallow", "b"]),
        ("8 kg on LK 410.", ["lk"]),
        ("Bags are free, as I said.", []),
    ],
)
def test_names(text, names):
    assert names_in(text) == names


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("Bags are not taken.", True),
        ("They don't fly.", True),
        ("Only dogs.", True),
        ("No, dogs may come.", False),
        ("It is free of charge.", False),
        ("It can be changed without a fee.", False),
        ("It costs nothing.", False),
        ("Notes are taken.", False),
    ],
)
def test_negation(text, negated):
    assert is_negated(text) is negated

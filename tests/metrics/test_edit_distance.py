import random

import pytest
from nltk import edit_distance as nltk_edit_distance

from bakeoff.metrics.edit_distance import edit_distance


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("kitten", "sitting", 3),  # Wikipedia, "Levenshtein distance"
        ("uninformed", "uniformed", 1),
        ("saturday", "sunday", 3),  # Wikipedia, "Wagner-Fischer algorithm"
        ("rain", "shine", 3),  # the docstring of nltk.metrics.distance.edit_distance
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        (["this", "is", "a", "test"], ["this", "test"], 2),
    ],
)
def test_known_distances(first, second, distance):
    assert edit_distance(first, second) == distance


def test_random_strings_against_nltk():
    rng = random.Random(0)
    for _ in range(200):
        first, second = ("".join(rng.choices("abcé", k=rng.randrange(15))) for _ in range(2))
        assert edit_distance(first, second) == nltk_edit_distance(first, second), (first, second)


def test_long_texts():
    assert edit_distance("ab" * 1000, "ba" * 1000) == 2

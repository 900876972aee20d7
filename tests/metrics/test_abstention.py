import pytest

from bakeoff.metrics.abstention import AbstentionScore, is_abstention, score_abstentions


@pytest.mark.parametrize(
    "answer",
    [
        "I don't know.",
        "I don’t know the answer to that question.",
        "I do not know [1].",
        "I'm sorry, but I don't know.",
        "Sorry, I really do not know.",
        "Unfortunately, I couldn't find any information about pets in the documents.",
        "I could not find this in the provided documents.",
        "I did not find an answer.",
        "I do not have enough information to answer.",
        "I don't have any information about that.",
        "I have no information on airport lounges.",
        "I'm not sure.",
        "I cannot answer this question based on the passages.",
        "I can't answer that.",
        "I cannot tell from the context whether dogs are allowed.",
        "I'm unable to determine this from the given passages.",
        "The passages do not mention dogs.",
        "The provided documents do not contain any information about pets.",
        "The documents don't say. You may ask the help centre.",
        "The context does not explicitly state the fee.",
        "The information provided does not specify the fee.",
        "The passages provided contain no information on this.",
        "None of the sources mention a refund.",
        "Based on the provided documents, there is no information about visas.",
        "According to the passages, it is not stated in the text.",
        "There is no mention of pets.",
        "There isn't enough information to answer.",
        "No information is available.",
        "No information about this was found.",
        "Not enough information.",
        "Not mentioned.",
        "Not stated in the documents.",
        "It is not covered by the help centre.",
        "The answer is not given in the passages.",
        "This question cannot be answered from the documents.",
        "The answer can't be determined.",
        "Unknown",
        "It seems that the articles do not cover this.",
        "**I don't know.**",
        "Answer: I don't know.",
        "I'm afraid I don't know.",
    ],
)
def test_abstentions(answer):
    assert is_abstention(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Paris",
        "No.",
        "No, pets are not allowed [1].",
        "The fee is 30 EUR [1].",
        "I don't know exactly, but the fee is 30 EUR.",
        "The fee is 30 EUR. I don't know more.",
        "Breakfast is not included in the price.",
        "Not included.",
        "Not available on Sundays.",
        "It is not included in the fare.",
        "There is no fee.",
        "There is no information desk at the airport.",
        "No information is required.",
        "You do not have to answer this question.",
        "Your documents do not have to be originals.",
        "The fare does not include meals.",
        "The information desk does not open on Sundays.",
        "You cannot find lockers in the terminal.",
        "If you don't know your number, call us.",
        "I'm sorry, the train is late.",
        "Unknown passengers are not allowed on board.",
        "The answer is 12.",
        "Travel documents do not need a stamp.",
        "I can't help with that.",
    ],
)
def test_answers_are_not_abstentions(answer):
    assert not is_abstention(answer)


@pytest.mark.timeout(10)
def test_long_answers_are_quick_to_judge():
    for text in (
        "sorry, but " * 20_000,
        "the provided " * 20_000,
        "i cannot tell " * 20_000,
        "in the documents, " * 20_000,
    ):
        assert not is_abstention(text)


def test_abstention_precision_and_recall():
    """Three of four abstentions are right, three of five unanswerable questions are caught."""
    rows = [(False, True)] * 3 + [(True, True)] + [(False, False)] * 2 + [(True, False)] * 4
    score = score_abstentions(rows)
    assert score == AbstentionScore(abstained=4, unanswerable=5, both=3)
    assert (score.precision, score.recall) == (0.75, 0.6)


@pytest.mark.parametrize("rows", [[], [(True, False)], [(True, True)], [(False, False)]])
def test_shares_are_defined_where_nothing_counts(rows):
    score = score_abstentions(rows)
    assert (score.precision, score.recall) == (0, 0)

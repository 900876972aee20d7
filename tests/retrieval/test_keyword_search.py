from bakeoff.retrieval.keywords import MOST_WORDS, query_words


def test_stop_words_go_unless_there_is_nothing_else():
    assert query_words("What is the fee for a Bag? the bag") == ["fee", "bag"]
    assert query_words("to be or not to be") == ["not"]
    assert query_words("What is it?") == ["what", "is", "it"]


def test_query_syntax_is_only_words():
    assert query_words('fee AND (bag OR -"pet") +text:boom ^2') == ["fee", "bag", "pet", "text", "boom", "2"]


def test_there_is_a_limit_and_punctuation_is_nothing():
    assert len(query_words(" ".join(f"w{n}" for n in range(10_000)))) == MOST_WORDS
    assert query_words("?!… --- ()") == []

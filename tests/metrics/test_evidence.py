from bakeoff.metrics.evidence import evidence_in, value_clauses


def test_a_table_cell_comes_with_its_row_and_column():
    passage = "Prices\n\nAll in euros.\n| Who | Single | Return |\n|---|:-:|---|\n| Adult | 31 | 56 |\n\nDogs pay less."
    assert [piece.text for piece in evidence_in(passage)] == [
        "Prices. All in euros.",
        "Prices. Who Adult, Single: 31",
        "Prices. Who Adult, Return: 56",
        "Prices. Dogs pay less.",
    ]


def test_a_row_that_is_short_or_alone_is_no_fault():
    assert [piece.text for piece in evidence_in("| a | b |")] == []
    assert [piece.text for piece in evidence_in("| a | b | c |\n|---|---|---|\n| d | e |")] == ["a d, b: e"]


def test_sentences_are_cut_at_contrasts_and_between_values():
    passage = "It costs EUR 4 and a large one EUR 7; dogs are\nfree, but cats are not."
    assert [piece.text for piece in evidence_in(passage)] == [
        "It costs EUR 4",
        "a large one EUR 7",
        "dogs are free",
        "but cats are not.",
    ]


def test_words_around_a_piece_are_those_of_heading_sentence_and_the_sentence_before():
    first, second = evidence_in("Ferry rules\n\nDogs sail. They cost EUR 4.")
    assert first.own == {"dog", "sail"}
    assert first.around == {"ferr", "rul", "dog", "sail"}
    assert second.own == {"cost"}
    assert second.around == {"ferr", "rul", "dog", "sail", "cost"}


def test_a_first_line_that_is_a_sentence_is_no_heading():
    assert [piece.text for piece in evidence_in("Dogs sail.\n\nCats sail.")] == ["Dogs sail.", "Cats sail."]


def test_nothing_gives_no_evidence():
    assert evidence_in(" \n\n ") == []


def test_clauses_without_a_value_stay_with_the_one_before():
    assert value_clauses("A bag may have 8 kg here and 10 kg abroad, without a fee") == [
        "A bag may have 8 kg here",
        "10 kg abroad without a fee",
    ]

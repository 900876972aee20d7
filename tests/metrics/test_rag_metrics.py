import json
import math

import pytest

from bakeoff.errors import InputError
from bakeoff.metrics.abstention import score_abstentions
from bakeoff.metrics.rag import BLAMES, FIGURES, GENERATION, aggregate, score_row
from bakeoff.metrics.rag_retrieval import RETRIEVAL, Gold, Passage, covers, gold_ranking, read_passages, shown
from bakeoff.models.base import Completion, ModelIdentity
from bakeoff.retrieval.chunks import chunk
from bakeoff.retrieval.documents import Document
from bakeoff.retrieval.sections import Section

MODEL = ModelIdentity("tiny", "onnx")
METRICS = [metric.name for metric in (*RETRIEVAL, *GENERATION, *FIGURES)]
BAGS = {"document": "articles/bags.md", "heading": "Bags > Cabin"}
FEES = {"document": "articles/fees.md", "heading": "Fees > Gate"}
EVIDENCE = ("citation_recall", "citation_precision", "groundedness", "invented_citations")


def hit(document, *headings, number=None, text="text", context="", **fields):
    return {
        "number": number,
        "document": document,
        "heading_path": list(headings),
        "context": context,
        "text": text,
    } | {
        "id": "0",
        "page": None,
        "score": 0.5,
        "similarity": 0.5,
        **fields,
    }


CABIN = hit("bags.md", "Bags", "Cabin", number=1, text="A cabin bag may weigh 8 kg.", context="Bags > Cabin")
OTHER = hit("bags.md", "Bags", "Hold", number=2, text="A checked bag may weigh 20 kg.", context="Bags > Hold")
GATE = hit("fees.md", "Fees", "Gate", text="A bag too large costs EUR 35.", context="Fees > Gate")


def completion(finish_reason="stop", **fields):
    known = {"total_time": 2.0, "prompt_tokens": 90, "completion_tokens": 4}
    return Completion("", finish_reason, MODEL, **(known | fields)).to_dict()


def stands_in(claim, passages):
    """Supported where the passages hold the claim's text."""
    return any(claim.strip(". ") in passage for passage in passages)


def row(answer="A cabin bag may weigh 8 kg [1].", passages=(CABIN, OTHER, GATE), **more):
    record = {
        "completion": completion(),
        "retrieval": {"query": "q", "mode": "hybrid", "seconds": 0.01, "enough": True, "engine": "local"},
        "ground_truth": "8 kg",
        "gold": [BAGS],
        "answerable": True,
        "supports": stands_in,
    }
    return score_row(
        answer=answer, passages=list(passages) if isinstance(passages, tuple) else passages, **record | more
    )


def unanswerable(answer, **more):
    return row(answer, **{"answerable": False, "gold": [], "ground_truth": "I don't know."} | more)


def statuses(record, metrics):
    return {record[f"{metric}_status"] for metric in metrics}


def test_a_right_answer_from_the_first_passage():
    record = row(category="single_hop", row_id="single_hop-001")
    assert (record["id"], record["category"], record["outcome"]) == ("single_hop-001", "single_hop", "answered")
    assert (record["abstained"], record["blame"]) == (False, "none")
    ones = ("recall_at_1", "recall_at_5", "recall_retrieved", "recall_shown", "reciprocal_rank", "ndcg_at_5")
    assert [record[f"{metric}_score"] for metric in (*ones, "r_precision", "complete_at_5")] == [1.0] * 8
    assert record["precision_at_5_score"] == 0.2
    # Articles go: "cabin bag may weigh 8 kg" has 6 words, 2 of them right.
    assert record["f1_score"] == record["kilt_f1_score"] == pytest.approx(2 * (2 / 6) / (1 + 2 / 6))
    assert record["exact_match_score"] == 0.0
    assert record["contains_answer_score"] == 1.0
    assert [record[f"{metric}_score"] for metric in EVIDENCE] == [1.0, 1.0, 1.0, 0.0]
    assert (record["retrieval_latency_score"], record["generation_latency_score"]) == (0.01, 2.0)
    assert (record["prompt_tokens_score"], record["completion_tokens_score"]) == (90.0, 4.0)
    assert record["abstention_score"] == 0.0
    assert statuses(record, ("abstention_precision", "abstention_recall")) == {"skipped"}


def test_citations_do_not_count_in_the_comparison_with_the_reference():
    assert row("8 kg [1]")["exact_match_score"] == 1.0


def test_two_gold_passages_at_ranks_one_and_three():
    record = row(gold=[BAGS, FEES])
    assert record["recall_at_1_score"] == record["r_precision_score"] == record["recall_shown_score"] == 0.5
    assert record["recall_at_5_score"] == record["recall_retrieved_score"] == record["complete_at_5_score"] == 1.0
    assert record["ndcg_at_5_score"] == pytest.approx((1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3)))
    assert record["kilt_f1_score"] == 0.0 < record["f1_score"]
    assert "R-precision" in record["kilt_f1_reason"]


def test_nothing_retrieved_scores_zero():
    record = row("I don't know.", passages=[], completion={})
    assert {record[f"{metric.name}_score"] for metric in RETRIEVAL} == {0.0}


@pytest.mark.parametrize("document", ["articles/x.md", "x.md", "data/rag/articles/x.md"])
def test_the_same_file_under_a_longer_or_shorter_path(document):
    passage = Passage(1, document, "X > A", "", "text")
    assert covers(passage, Gold("articles/x.md", "X > A"))
    assert not covers(passage, Gold("articles/xx.md", "X > A"))
    assert not covers(passage, Gold("other/articles/y.md", "X > A"))
    assert not covers(passage, Gold("articles/x.md", "X"))
    assert not covers(passage, Gold("articles/x.md", "X > A > B"))


def test_paths_that_only_end_alike_are_different_files():
    assert not covers(Passage(1, "max.md", "X", "", ""), Gold("x.md", "X"))
    assert not covers(Passage(1, "fees/index.md", "X", "", ""), Gold("index.md", "X"))
    assert not covers(Passage(1, "b/x.md", "X", "", ""), Gold("a/x.md", "X"))


def test_small_sections_that_chunking_joined_cover_each_section():
    headings = [("T",), ("T", "A"), ("T", "A", "B"), ("T", "A", "C"), ("T", "D")]
    sections = tuple(Section(path, None, f"Few words {path[-1]}.") for path in headings)
    document = Document("t.md", "T", "", sections)
    joined = chunk(document, lambda text: len(text.split()), max_tokens=60, overlap=0)
    assert len(joined) < len(headings)
    hits = [hit(c.document, *c.heading_path, text=c.text, context=c.context) for c in joined]
    passages = read_passages(hits)
    for path in headings:
        assert any(covers(passage, Gold("t.md", " > ".join(path))) for passage in passages), path
    assert not any(covers(passage, Gold("t.md", "T > E")) for passage in passages)


def test_an_ancestor_without_the_section_does_not_cover_it():
    assert not covers(Passage(1, "x.md", "X", "", "What A says.\n\nB\nText of B."), Gold("x.md", "X > A"))


def test_the_rank_of_a_section_is_that_of_its_first_passage():
    passages = read_passages([OTHER | {"number": None}, OTHER | {"number": None}, CABIN, CABIN | {"number": 2}])
    gold = Gold("articles/bags.md", "Bags > Cabin")
    assert gold_ranking(passages, [gold]) == [("bags.md", "Bags > Hold")] * 2 + [gold] * 2
    assert row(passages=(OTHER | {"number": None}, OTHER | {"number": None}, CABIN))["reciprocal_rank_score"] == 0.5


def test_a_passage_of_two_gold_sections_has_a_rank_for_each():
    both = hit("x.md", "X", number=1, text="A\nFirst.\n\nB\nSecond.")
    record = row(passages=(both,), gold=[{"document": "x.md", "heading": f"X > {name}"} for name in "AB"])
    assert record["recall_at_1_score"] == 0.5
    assert record["r_precision_score"] == record["ndcg_at_5_score"] == record["recall_shown_score"] == 1.0


def test_shown_passages_come_by_their_numbers():
    passages = read_passages([CABIN | {"number": 2}, GATE, OTHER | {"number": 1}])
    assert [passage.heading for passage in shown(passages)] == ["Bags > Hold", "Bags > Cabin"]


def test_a_citation_points_to_the_context_and_text_of_its_passage():
    seen = []

    def supports(claim, passages):
        seen.append((claim, list(passages)))
        return True

    row("It may weigh 20 kg [2].", supports=supports)
    assert seen[0] == ("It may weigh 20 kg.", ["Bags > Hold\n\nA checked bag may weigh 20 kg."])


@pytest.mark.parametrize(
    ("answer", "recall", "precision", "grounded", "invented"),
    [
        ("A cabin bag may weigh 8 kg. A checked bag may weigh 20 kg [1][2].", 0.5, 0.5, 1.0, 0.0),
        ("A cabin bag may weigh 8 kg [1]. It is blue [1].", 0.5, 0.5, 0.5, 0.0),
        ("A cabin bag may weigh 8 kg [2].", 0.0, 0.0, 1.0, 0.0),
        ("A cabin bag may weigh 8 kg [1][9].", 0.0, 0.0, 1.0, 0.5),
        ("A cabin bag may weigh 8 kg.", 0.0, 0.0, 1.0, None),
        ("", 0.0, 0.0, 0.0, None),
    ],
)
def test_citations_and_groundedness(answer, recall, precision, grounded, invented):
    record = row(answer)
    assert [record[f"{metric}_score"] for metric in EVIDENCE] == [recall, precision, grounded, invented]
    assert record["invented_citations_status"] == ("skipped" if invented is None else "scored")


def test_an_abstention_has_nothing_to_cite():
    assert statuses(row("I don't know."), EVIDENCE) == {"skipped"}


def test_where_support_cannot_be_decided_only_what_needs_it_fails():
    def broken(claim, passages):
        raise InputError("no such embedding model")

    record = row(supports=broken)
    assert statuses(record, EVIDENCE[:3]) == {"failed"}
    assert "no such embedding model" in record["groundedness_reason"]
    assert statuses(record, ("invented_citations", "f1", "recall_at_5")) == {"scored"}


@pytest.mark.parametrize(
    ("answer", "contained"),
    [("It weighs 8 kg.", 1.0), ("It weighs 18 kg.", 0.0), ("8 or 9 kg", 0.0), ("Eight KG it is", 1.0), ("", 0.0)],
)
def test_contains_answer_looks_for_whole_words_in_their_order(answer, contained):
    assert row(answer, aliases=["eight kg"])["contains_answer_score"] == contained


@pytest.mark.parametrize(
    ("record", "part"),
    [
        (lambda: row("8 kg"), "none"),
        (lambda: row("A long sentence that says 8 kg and quite a lot of other words too"), "none"),
        (lambda: row("8 kg", passages=()), "none"),
        (lambda: row("20 kg", passages=(OTHER | {"number": 1},)), "retrieval"),
        (lambda: row("20 kg", gold=[BAGS, BAGS | {"heading": "Bags > Gone"}]), "retrieval"),
        (lambda: row("I don't know.", passages=(OTHER | {"number": 1},)), "retrieval"),
        (
            lambda: row("I don't know.", passages=(GATE,), gold=[FEES], completion={}, retrieval={"enough": False}),
            "threshold",
        ),
        (lambda: row("20 kg", gold=[BAGS, FEES]), "packing"),
        (lambda: row("I don't know."), "abstention"),
        (lambda: row("I don't know whether it is 8 kg."), "abstention"),
        (lambda: row("20 kg"), "generation"),
        (lambda: row(""), "generation"),
        (lambda: unanswerable("I don't know."), "none"),
        (lambda: unanswerable("8 kg [1]."), "generation"),
        (lambda: row("", completion=completion("error")), "unknown"),
        (lambda: row("20 kg", passages="junk"), "unknown"),
        (lambda: row("20 kg", answerable="nan"), "unknown"),
        (lambda: row("20 kg", ground_truth="nan"), "unknown"),
        (lambda: row("20 kg", gold=[]), "unknown"),
    ],
)
def test_blame(record, part):
    assert record()["blame"] == part


def test_unanswerable_rows_are_judged_by_abstention_only():
    right, wrong = unanswerable("I don't know."), unanswerable("A cabin bag may weigh 8 kg [1].")
    for record in (right, wrong):
        answers = ("exact_match", "f1", "contains_answer", "kilt_exact_match", "kilt_f1")
        assert statuses(record, (*(metric.name for metric in RETRIEVAL), *answers)) == {"skipped"}
        assert "abstention" in record["f1_reason"]
    assert (right["abstention_precision_score"], right["abstention_recall_score"]) == (1.0, 1.0)
    assert (wrong["abstention_precision_status"], wrong["abstention_recall_score"]) == ("skipped", 0.0)
    assert (right["abstention_passed"], wrong["abstention_passed"]) == (True, False)
    assert wrong["groundedness_score"] == 1.0


def test_an_unanswerable_row_whose_answer_failed_counts_against_abstention_only():
    record = unanswerable("", completion=completion("error"))
    assert statuses(record, ("exact_match", "f1", "contains_answer", "kilt_f1", "recall_at_5")) == {"skipped"}
    assert statuses(record, ("abstention", "abstention_precision", "abstention_recall")) == {"failed"}


def test_an_abstention_without_asking_the_model_has_no_generation_figures():
    record = row("I don't know.", passages=(), completion={})
    assert record["outcome"] == "answered"
    assert statuses(record, ("generation_latency", "prompt_tokens", "completion_tokens")) == {"skipped"}
    assert record["retrieval_latency_score"] == 0.01


@pytest.mark.parametrize(
    ("answer", "finish_reason", "outcome"),
    [
        ("20 kg", "stop", "answered"),
        ("I cannot answer this question.", "stop", "answered"),
        ("I'm sorry, but I can't help with that.", "stop", "refused"),
        ("A cabin bag may", "length", "truncated"),
        ("", "content_filter", "filtered"),
        ("", "error", "errored"),
        (None, "stop", "unparsable"),
    ],
)
def test_what_became_of_the_answer_leaves_retrieval_alone(answer, finish_reason, outcome):
    record = row(answer, completion=completion(finish_reason, error="HTTP 503"))
    assert record["outcome"] == outcome
    failed = outcome in ("filtered", "errored", "unparsable")
    answered = ("exact_match", "f1", "contains_answer", "kilt_f1", "abstention", "generation_latency")
    assert statuses(record, answered) == {"failed" if failed else "scored"}
    assert statuses(record, [metric.name for metric in RETRIEVAL]) == {"scored"}
    assert record["retrieval_latency_status"] == "scored"
    if outcome == "errored":
        assert "HTTP 503" in record["kilt_f1_reason"]


@pytest.mark.parametrize(
    ("field", "value", "metrics", "named"),
    [
        ("passages", "nan", ("recall_at_5", "kilt_f1", "groundedness"), "passages"),
        ("passages", None, ("recall_at_5", "kilt_f1", "invented_citations"), "passages"),
        ("passages", {"a": 1}, ("recall_shown",), "passages"),
        ("passages", [5], ("recall_at_5", "groundedness"), "passages: number 1"),
        ("passages", [CABIN, {**OTHER, "text": None}], ("recall_at_5", "groundedness"), "number 2: text"),
        ("passages", [{**CABIN, "document": 3}], ("recall_at_5",), "document"),
        ("passages", [{**CABIN, "heading_path": "Bags"}], ("recall_at_5",), "heading_path"),
        ("passages", [{**CABIN, "heading_path": [1]}], ("recall_at_5",), "heading_path"),
        ("passages", [{**CABIN, "number": True}], ("recall_at_5",), "number is"),
        ("passages", [{**CABIN, "number": 2}], ("recall_at_5",), "number"),
        ("passages", [CABIN, CABIN], ("recall_at_5",), "number"),
        ("passages", [{}], ("recall_at_5",), "heading_path"),
        ("gold", "nan", ("recall_at_5", "kilt_exact_match"), "gold"),
        ("gold", None, ("recall_at_5",), "gold"),
        ("gold", ["articles/bags.md"], ("recall_at_5",), "gold: number 1"),
        ("gold", [BAGS, {"document": "x.md"}], ("recall_at_5",), "gold: number 2: heading"),
        ("answerable", "nan", ("recall_at_5", "f1", "kilt_f1", "abstention", "abstention_recall"), "answerable"),
        ("answerable", None, ("recall_at_5", "abstention_precision"), "answerable"),
        ("retrieval", "nan", ("retrieval_latency",), "retrieval"),
        ("retrieval", {"seconds": "fast"}, ("retrieval_latency",), "seconds"),
        ("completion", None, ("f1", "citation_recall", "abstention"), "completion"),
        ("completion", {"finish_reason": "stop", "total_time": -1}, ("generation_latency",), "total_time"),
    ],
)
def test_a_malformed_field_fails_what_needs_it_and_is_named(field, value, metrics, named):
    record = row(**{field: value})
    assert statuses(record, metrics) == {"failed"}
    assert [metric for metric in metrics if named not in record[f"{metric}_reason"]] == []
    assert "scored" in statuses(record, METRICS)


@pytest.mark.parametrize("ground_truth", ["", "nan", None])
def test_without_ground_truth_the_comparison_is_skipped(ground_truth):
    record = row(ground_truth=ground_truth, aliases="nan")
    assert statuses(record, ("exact_match", "f1", "contains_answer", "kilt_f1")) == {"skipped"}
    assert statuses(record, ("recall_at_5", "groundedness")) == {"scored"}


def test_without_gold_passages_retrieval_is_skipped():
    assert statuses(row(gold=[]), ("recall_at_5", "r_precision", "kilt_f1")) == {"skipped"}


@pytest.mark.parametrize("odd", [None, 3, math.nan, [], {"x": 1}, [[1]], "\ud83d", "a" * 5000, b"x", object()])
def test_nothing_makes_a_row_raise(odd):
    for field in (
        "answer",
        "completion",
        "passages",
        "retrieval",
        "ground_truth",
        "aliases",
        "gold",
        "answerable",
        "question",
    ):
        record = row(**{field: odd})
        assert statuses(record, METRICS) <= {"scored", "failed", "skipped"}
        assert record["blame"] in BLAMES
        assert all(v is None or math.isfinite(v) for k, v in record.items() if k.endswith("_score"))


def assert_loggable(metrics):
    assert all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in metrics.values())
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


@pytest.mark.parametrize("expected", [0, None])
def test_aggregate_of_no_rows(expected):
    metrics = aggregate([], expected)
    assert_loggable(metrics)
    assert metrics["rows_expected"] == metrics["f1"] == metrics["recall_at_5"] == metrics["abstention_f1"] == 0
    assert metrics["rows_expected_known"] == (expected is not None)
    assert [metrics[f"blame_{part}"] for part in BLAMES] == [0] * 7
    assert "retrieval_latency" not in metrics
    assert "generation_latency_p95" not in metrics


def test_aggregate_of_mixed_rows():
    rows = [
        row("8 kg [1]", category="single_hop"),
        row("I don't know.", category="single_hop"),
        row("20 kg [2].", passages=(OTHER | {"number": 1},), retrieval={"seconds": 0.03}),
        unanswerable("I don't know.", completion={}, category="unanswerable"),
        unanswerable("I don't know."),
        unanswerable("8 kg [1]."),
        row("", completion=completion("error")),
        None,
        "junk",
    ]
    metrics = aggregate(rows, 8)
    assert_loggable(metrics)
    assert (metrics["rows_answered"], metrics["rows_errored"], metrics["rows_missing"]) == (6, 1, 1)
    assert {part: metrics[f"blame_{part}"] for part in BLAMES} == {
        "none": 3,
        "retrieval": 1,
        "threshold": 0,
        "packing": 0,
        "abstention": 1,
        "generation": 1,
        "unknown": 1,
    }
    assert metrics["recall_at_5"] == 0.75
    assert (metrics["recall_at_5_rows_scored"], metrics["recall_at_5_rows_expected"]) == (4, 5)
    assert metrics["exact_match"] == pytest.approx(1 / 3)
    assert metrics["exact_match_worst_case"] == pytest.approx(1 / 5)
    abstentions = [(r["answerable"], r["abstained"]) for r in rows[:6]]
    assert metrics["abstention_precision"] == score_abstentions(abstentions).precision == pytest.approx(2 / 3)
    assert metrics["abstention_recall"] == score_abstentions(abstentions).recall == pytest.approx(2 / 3)
    assert metrics["abstention_f1"] == pytest.approx(2 / 3)
    assert metrics["abstention"] == 0.5
    assert metrics["retrieval_latency_p50"] == 0.01
    assert 0.01 < metrics["retrieval_latency_p95"] <= 0.03
    assert metrics["generation_latency_p95"] == 2.0
    assert metrics["prompt_tokens_total"] == 5 * 90
    assert metrics["category_single_hop_abstention"] == 0.5
    assert metrics["category_unanswerable_abstention"] == 1.0
    assert metrics["category_unanswerable_f1_rows_scored"] == 0


def test_aggregate_takes_no_nan_and_no_unknown_blame_from_a_row():
    spoiled = row() | {"f1_score": math.nan, "retrieval_latency_score": math.inf, "blame": ["x"], "abstained": "yes"}
    metrics = aggregate([spoiled, row()], 2)
    assert_loggable(metrics)
    assert metrics["f1_rows_scored"] == metrics["retrieval_latency_rows_scored"] == 1
    assert (metrics["blame_unknown"], metrics["blame_none"]) == (1, 1)

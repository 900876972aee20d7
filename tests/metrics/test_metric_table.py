from rich.console import Console

from bakeoff.metrics.chat import aggregate, score_row
from bakeoff.metrics.table import blame_line, code_line, number, outcome_line, print_metrics

COMPLETION = {"finish_reason": "stop", "prompt_tokens": 9, "completion_tokens": 4, "total_time": 1.0}


def rows() -> list[dict[str, object]]:
    answers = [
        ("Paris", "facts", {}),
        ("Rome", "facts", {}),
        ("", "sums", {"finish_reason": "error", "error": "HTTP 500"}),
    ]
    return [
        score_row(answer=answer, completion=COMPLETION | change, ground_truth="Paris", category=category)
        for answer, category, change in answers
    ]


def printed(metrics: dict[str, float]) -> str:
    console = Console(width=120, highlight=False)
    with console.capture() as capture:
        print_metrics(metrics, console)
    return capture.get()


def test_failed_and_missing_rows_are_shown() -> None:
    text = printed(aggregate(rows(), 4))
    assert "4 rows expected: 2 answered, 1 errored, 1 missing" in text
    (line,) = [line.split() for line in text.splitlines() if line.strip().startswith("exact match")]
    assert line[2] == "0.5"
    assert line[-2:] == ["50%", "0.25"]


def test_categories_have_their_own_lines() -> None:
    lines = [line.split() for line in printed(aggregate(rows(), 3)).splitlines()]
    assert ["facts", "2", "0.5", "0.5", "0.5"] in lines
    assert any(line[:2] == ["sums", "1"] for line in lines)


def test_nothing_arrived() -> None:
    assert outcome_line(aggregate([], 5)) == "5 rows expected: 5 missing"
    assert outcome_line({}) == "0 rows expected: none arrived"
    printed(aggregate([], 0))


def test_numbers() -> None:
    assert [number(n) for n in (None, 0.12345, 12227, 0)] == ["-", "0.123", "12,227", "0"]


def test_where_answers_were_lost_is_one_line() -> None:
    counts = {"blame_none": 42.0, "blame_packing": 19.0, "blame_generation": 206.0, "blame_retrieval": 0.0}
    assert blame_line(counts) == "where answers were lost: 206 generation, 19 packing; 42 right"
    assert blame_line({"blame_none": 3.0}) == "where answers were lost: nowhere; 3 right"


def test_what_became_of_code_is_one_line() -> None:
    counts = {"code_drew": 6.0, "code_unparsable": 9.0, "code_denied": 0.0, "category_bar_rows": 15.0}
    assert code_line(counts) == "what became of the code: 9 unparsable, 6 drew"
    assert code_line({"code_drew": 0.0}) == "what became of the code: there was none"

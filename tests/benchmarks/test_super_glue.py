"""Prompts and scores are lm-evaluation-harness's on the same rows: perf/lm_eval_requests.py compares both."""

from pathlib import Path

import pytest
from benchmarks_data import ScriptedModel, write_rows
from suite_rows import PASSAGE, SUPER_GLUE_ROWS, write_suite

from bakeoff.benchmarks.data import subset
from bakeoff.benchmarks.items import Answer, Item
from bakeoff.benchmarks.registry import TASKS
from bakeoff.benchmarks.run import Settings, run_task
from bakeoff.benchmarks.suite import run_suite
from bakeoff.benchmarks.super_glue import SUPER_GLUE, detokenize
from bakeoff.errors import InputError


def items(name: str) -> list[Item]:
    return TASKS[f"super_glue_{name}"].items(SUPER_GLUE_ROWS[name], [], 0)


def figures(name: str, picked: list[int]) -> dict[str, float]:
    from bakeoff.benchmarks.figures import summarise_figures

    asked = [(item, Answer(picked=choice)) for item, choice in zip(items(name), picked, strict=True)]
    return summarise_figures(TASKS[f"super_glue_{name}"].figures, asked, len(asked))


@pytest.mark.parametrize(
    ("name", "prompt", "choices"),
    [
        ("boolq", f"{PASSAGE}\nQuestion: does mara keep bees?\nAnswer:", (" no", " yes")),
        (
            "cb",
            "The cook salted the soup.\nQuestion: The soup was salted by the cook.. True, False, or Neither?\nAnswer:",
            (" True", " False", " Neither"),
        ),
        ("copa", "The ice melted because", ("  the sun shone.", "  a bell rang.")),
        (
            "multirc",
            f"{PASSAGE}\nQuestion: Who works with bees?\nAnswer:",
            (" Mara\nIs the answer correct? no", " Mara\nIs the answer correct? yes"),
        ),
        (
            "wic",
            "Sentence 1: A bank of clouds.\nSentence 2: The bank closed.\nQuestion: Is the word 'bank' used in the "
            "same way in the two sentences above?\nAnswer:",
            (" no", " yes"),
        ),
        (
            "wsc",
            'Passage: Jan told Mara that *he* couldn\'t find the smoker."Look again,"she said.\nQuestion: In the '
            'passage above, does the pronoun "*he*" refer to "*Jan*"?\nAnswer:',
            (" no", " yes"),
        ),
        (
            "axb",
            "The cook salted the soup.\nQuestion: The soup was salted by the cook. True or False?\nAnswer:",
            (" True", " False"),
        ),
    ],
)
def test_prompts_and_choices(name: str, prompt: str, choices: tuple[str, ...]) -> None:
    item = items(name)[0]
    assert (item.prompt, item.choices) == (prompt, choices)


def test_record_fills_each_entity_into_the_gap() -> None:
    item = items("record")[0]
    assert item.prompt == (
        "Mara keeps bees on a roof. Jan builds the hives.\n\n"
        "  - Mara sells honey on Saturdays.\n  - Jan Berg learned carpentry in Bern.\n"
    )
    assert item.choices == tuple(
        f"   - On weekends {entity} stands at the market." for entity in ("Bern", "Jan", "Jan Berg", "Mara")
    )


def test_record_scores_its_best_answer() -> None:
    """Jan Berg and Jan are answers to the second query; Jan Berg to the first shares no word with Mara."""
    score = TASKS["super_glue_record"].score
    first, second = items("record")
    jan_berg = Answer((-3.0, -2.0, -1.0, -4.0))
    assert score(first, jan_berg) == {"f1": 0, "em": 0}
    assert score(second, jan_berg) == {"f1": 1, "em": 1}
    with pytest.raises(InputError, match="row 1: ReCoRD needs"):
        TASKS["super_glue_record"].items([SUPER_GLUE_ROWS["record"][0] | {"query": "No gap."}], [], 0)


def test_multirc_f1a_counts_options_and_em_whole_questions() -> None:
    """Labels 1 0 | 1 1 0. Picked 1 0 | 1 0 0: precision 1, recall 2/3; one of two questions is exact."""
    found = figures("multirc", [1, 0, 1, 0, 0])
    assert found["f1a"] == pytest.approx(0.8)
    assert found["em"] == 0.5


def test_a_subset_takes_whole_questions() -> None:
    chosen = subset(items("multirc"), 1, seed=4)
    assert len({item.unit for item in chosen}) == 1
    assert len(chosen) in (2, 3)


def test_ax_g_parity_is_the_share_of_pairs_answered_alike() -> None:
    found = figures("axg", [1, 1, 0, 1])
    assert found["gender_parity"] == 0.5
    with pytest.raises(InputError, match="pairs of rows"):
        TASKS["super_glue_axg"].items(SUPER_GLUE_ROWS["axg"][:3], [], 0)


def test_detokenize() -> None:
    assert detokenize("did n't ( see ) it , ok .") == "didn't (see) it, ok."


def test_an_error_is_left_out_of_figures_and_counted(tmp_path: Path) -> None:
    write_rows(tmp_path / "axb.jsonl", SUPER_GLUE_ROWS["axb"])
    model = ScriptedModel(
        lambda prompt, choice: float(choice == " False"), fails=lambda prompt: "harbour at noon" in prompt
    )
    metrics = run_task(
        TASKS["super_glue_axb"],
        model,  # type: ignore[arg-type]
        Settings(data=tmp_path),
        tmp_path / "out",
        lambda line: None,
    ).metrics
    assert (metrics["mcc"], metrics["mcc_rows_scored"], metrics["mcc_rows_failed"]) == (0, 3, 1)
    assert metrics["acc"] == pytest.approx(1 / 3)


def test_shared_passages_widen_the_interval(tmp_path: Path) -> None:
    rows = [
        {"passage": f"{PASSAGE} {i // 10}", "question": f"is it {i}", "label": int(i < 20)} for i in range(40)
    ]  # four passages, right on two of them
    write_rows(tmp_path / "boolq.jsonl", rows)
    model = ScriptedModel(lambda prompt, choice: float(choice == " yes"))
    metrics = run_task(TASKS["super_glue_boolq"], model, Settings(data=tmp_path), tmp_path, lambda line: None).metrics  # type: ignore[arg-type]
    assert metrics["acc"] == 0.5
    assert metrics["acc_stderr"] == pytest.approx(0.25, rel=0.05)
    assert metrics["acc_ci_low"] == 0


def test_the_whole_suite(tmp_path: Path) -> None:
    passages = {"boolq": "passage", "multirc": "paragraph", "record": "passage", "wsc": "text"}
    rows = SUPER_GLUE_ROWS | {"wsc": SUPER_GLUE_ROWS["wsc"] * 2}
    for name, passage in passages.items():  # one passage says nothing about others: each row gets its own
        rows[name] = [row | {passage: f"{row[passage]} {i}"} for i, row in enumerate(rows[name])]
    rows["multirc"] = [row | {"idx": row["idx"] | {"paragraph": row["idx"]["question"]}} for row in rows["multirc"]]
    write_suite(tmp_path / "data", rows)
    model = ScriptedModel(lambda prompt, choice: -float(len(choice)))
    result = run_suite(SUPER_GLUE, model, Settings(data=tmp_path / "data"), tmp_path / "out", lambda line: None)  # type: ignore[arg-type]
    assert result.missing == []
    assert 0 < result.average["average"] < 1
    assert result.average["average_ci_low"] < result.average["average"] < result.average["average_ci_high"]

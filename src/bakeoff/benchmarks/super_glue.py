"""SuperGLUE (Wang et al. 2019, arXiv:1905.00537): its tasks on their validation sets, as in lm-evaluation-harness
0.4.13 (versions in definitions/super_glue.yaml), with the official figures, and the average of the leaderboard.

The harness lacks AX-b and AX-g (here with the prompt of RTE, as SuperGLUE gives them to a model of RTE) and F1a and EM
of MultiRC. Its own `multirc` counts the choice "no" as right for a true answer (its choices are yes, no; the label of
a true answer is 1): that accuracy is 1 minus the one here. The average: each of the eight tasks once, where it has two
figures with their mean, AX left out.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bakeoff.benchmarks.data import Record, Source
from bakeoff.benchmarks.definition import definition
from bakeoff.benchmarks.figures import Asked, Figure, Floats, confusion, f1_of, macro_f1, matthews, share
from bakeoff.benchmarks.items import Answer, Item, likeliest
from bakeoff.benchmarks.labels import Items, checked_label, chosen, label_item, label_items, right
from bakeoff.benchmarks.suite import Suite
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import InputError
from bakeoff.metrics.summary import Metric
from bakeoff.metrics.text import exact_match, token_f1

DEFINITION = definition("super_glue")
ACC = Metric("acc", 1, binary=True)


def copa_items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
    """Items whose choices are the two alternatives. Raises InputError for a question that is not cause or effect."""
    texts = DEFINITION.texts["copa"]
    made = []
    for number, row in enumerate(questions, 1):
        if row["question"] not in texts["connectors"]:
            raise InputError(f"row {number}: COPA asks for cause or effect, not {row['question']!r}")
        fields = {"premise": row["premise"].strip()[:-1], "connector": texts["connectors"][row["question"]]}
        options = tuple(row[name][0].lower() + row[name][1:] for name in ("choice1", "choice2"))
        label = checked_label(row, 2, f"{number}")
        prompt = texts["prompt"].format(**fields)
        choices = tuple(texts["choice"].format(choice=option) for option in options)
        made.append(Item(f"{number}", "", prompt, choices, label, "", f"{prompt} ...", options, label))
    return made


def multirc_items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
    """An item for each answer option of each question; its id is `paragraph-question-answer` of the row's idx."""
    texts = DEFINITION.texts["multirc"]
    ids = [tuple(row["idx"][part] for part in ("paragraph", "question", "answer")) for row in questions]
    return [
        replace(label_item("-".join(map(str, at)), texts, row, row, f"{at[0]}"), unit=f"{at[0]}-{at[1]}")
        for at, row in zip(ids, questions, strict=True)
    ]


def exact_questions(asked: Asked) -> Floats:
    """Terms of EM: for the first option of each question (whether all of its options are judged right, 1)."""
    all_right: dict[str, bool] = {}
    for item, answer in asked:
        all_right[item.unit] = all_right.get(item.unit, True) and chosen(item, answer) == item.reference
    terms = np.zeros((len(asked), 2))
    for i, (item, _) in enumerate(asked):
        if (exact := all_right.pop(item.unit, None)) is not None:
            terms[i] = exact, 1
    return terms


def record_items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
    """Items whose choices are the query with each entity in the gap. Raises InputError for a query without a gap."""
    texts = DEFINITION.texts["record"]
    made = []
    for number, row in enumerate(questions, 1):
        if "@placeholder" not in row["query"] or not row["answers"]:
            raise InputError(f"row {number}: ReCoRD needs @placeholder in its query, and answers")
        text, *highlights = row["passage"].strip().split("\n@highlight\n")
        entities = sorted(set(row["entities"]))
        line = texts["choice"].format(query=row["query"])
        made.append(
            Item(
                id=f"{number}",
                stratum="",
                prompt=f"{text}\n\n" + "".join(texts["highlight"].format(highlight=one) for one in highlights),
                choices=tuple(line.replace("@placeholder", entity) for entity in entities),
                reference={"entities": entities, "answers": sorted(set(row["answers"]))},
                cluster=row["passage"],
            )
        )
    return made


def score_record(item: Item, answer: Answer) -> Mapping[str, float]:
    """f1 and em of the likeliest entity against its best answer, texts normalised as for SQuAD."""
    entity, answers = item.reference["entities"][likeliest(answer.logprobs)], item.reference["answers"]
    return {"f1": token_f1(entity, answers), "em": float(exact_match(entity, answers))}


def axg_items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
    """RTE's items; the two rows of a pair, which differ in the gender of a pronoun, follow each other."""
    texts = DEFINITION.texts["rte"]
    if len(questions) % 2:
        raise InputError(f"AX-g has pairs of rows, not {len(questions)} rows")
    items = [label_item(f"{number + 1}", texts, row, row, f"{number // 2}") for number, row in enumerate(questions)]
    return [replace(item, unit=item.cluster) for item in items]


def same_in_pair(asked: Asked) -> Floats:
    """Terms of gender parity: for each pair with both answers (whether they are the same, 1), at its second."""
    first: dict[str, int] = {}
    terms = np.zeros((len(asked), 2))
    for i, (item, answer) in enumerate(asked):
        choice = chosen(item, answer)
        if item.cluster in first:
            terms[i] = choice == first[item.cluster], 1
        first[item.cluster] = choice
    return terms


def detokenize(text: str) -> str:
    """Without the spaces that tokenisation left around punctuation (the harness's `general_detokenize`)."""
    for spaced, plain in ((" n't", "n't"), (" )", ")"), ("( ", "("), ('" ', '"'), (' "', '"')):
        text = text.replace(spaced, plain)
    return re.sub(r" (['.,])", r"\1", text)


def _pronoun(row: Record) -> Mapping[str, Any]:
    """The passage with stars around the pronoun, whose index counts words."""
    before = " ".join(row["text"].split()[: row["span2_index"]])
    after = row["text"][len(before) + len(row["span2_text"]) + 1 :]
    passage = detokenize(f"{before} *{row['span2_text']}*{after}")
    return {"passage": passage, "pronoun": row["span2_text"], "noun": row["span1_text"]}


def _word(row: Record) -> Mapping[str, Any]:
    return {**row, "word": row["sentence1"][row["start1"] : row["end1"]]}


def _source(name: str, columns: tuple[str, ...], split: str = "validation", config: str = "") -> Source:
    revision = "3de24cf8022e94f4ee4b9d55a6f539891524d646"
    return Source((name,), "aps/super_glue", revision, f"{config or name}/{split}-00000-of-00001.parquet", columns)


def _task(
    name: str,
    summary: str,
    questions: Source,
    items: Items | None = None,
    figures: tuple[Figure, ...] = (),
    cluster: str = "",
    fields: Callable[[Record], Mapping[str, Any]] = lambda row: row,
) -> Task:
    made = items or label_items(DEFINITION.texts[name], cluster, fields)
    return Task(f"super_glue_{name}", summary, DEFINITION, questions, made, right, (ACC,), figures=figures)


RECORD = Task(
    name="super_glue_record",
    summary="which entity fills the gap: F1, EM",
    definition=DEFINITION,
    questions=_source("record", ("passage", "query", "entities", "answers")),
    items=record_items,
    score=score_record,
    likelihood_only=True,
    metrics=(Metric("f1", 1), Metric("em", 1, binary=True)),
)
NLI = ("premise", "hypothesis", "label")
SUPER_GLUE = Suite(
    name="super_glue",
    summary="the eight tasks of SuperGLUE, AX-b, AX-g and the average",
    tasks=(
        _task("boolq", "yes or no", _source("boolq", ("question", "passage", "label")), cluster="passage"),
        _task(
            "cb",
            "what a speaker is committed to: accuracy, macro F1",
            _source("cb", NLI),
            figures=(Figure("f1", confusion(3, chosen), macro_f1(3)),),
            cluster="premise",
        ),
        _task("copa", "cause or effect", _source("copa", ("premise", "choice1", "choice2", "label")), copa_items),
        _task(
            "multirc",
            "which answers are true: F1a, EM",
            _source("multirc", ("paragraph", "question", "answer", "idx", "label")),
            multirc_items,
            (Figure("f1a", confusion(2, chosen), f1_of(1, 2)), Figure("em", exact_questions, share)),
        ),
        RECORD,
        _task("rte", "whether one sentence follows from another", _source("rte", NLI), cluster="premise"),
        _task(
            "wic",
            "whether a word means the same twice",
            _source("wic", ("sentence1", "sentence2", "start1", "end1", "label")),
            fields=_word,
        ),
        _task(
            "wsc",
            "what a pronoun means",
            _source("wsc", ("text", "span1_text", "span2_text", "span2_index", "label"), config="wsc.fixed"),
            cluster="text",
            fields=_pronoun,
        ),
        _task(
            "axb",
            "entailment, the diagnostic set: MCC",
            _source("axb", ("sentence1", "sentence2", "label"), "test"),
            figures=(Figure("mcc", confusion(2, chosen), matthews),),
        ),
        _task(
            "axg",
            "the same for her as for him: accuracy, parity",
            _source("axg", NLI, "test"),
            axg_items,
            (Figure("gender_parity", same_in_pair, share),),
        ),
    ),
    average=(
        (("super_glue_boolq", "acc"),),
        (("super_glue_cb", "acc"), ("super_glue_cb", "f1")),
        (("super_glue_copa", "acc"),),
        (("super_glue_multirc", "f1a"), ("super_glue_multirc", "em")),
        (("super_glue_record", "f1"), ("super_glue_record", "em")),
        (("super_glue_rte", "acc"),),
        (("super_glue_wic", "acc"),),
        (("super_glue_wsc", "acc"),),
    ),
)

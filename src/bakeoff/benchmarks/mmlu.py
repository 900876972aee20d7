"""MMLU (Hendrycks et al. 2021, arXiv:2009.03300), by letters and as cloze.

`mmlu`: lm-evaluation-harness 0.4.13, tasks `mmlu_*` version 1.0, group `mmlu` version 2: the log-likelihoods of the
letters after five examples of the subject; the mean over all questions (that is, weighted by subject size), the four
groups, and each subject. `mmlu_cloze`: huggingface/smollm text/evaluation/tasks.py `mmlu_cf`, what the cards of
small models report: the answer texts after the question alone, the likeliest for each character.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bakeoff.benchmarks.data import Record, Source
from bakeoff.benchmarks.definition import definition
from bakeoff.benchmarks.items import Answer, Item, likeliest
from bakeoff.benchmarks.tasks import Task
from bakeoff.errors import InputError
from bakeoff.metrics.summary import Metric

LETTERS_DEFINITION = definition("mmlu")
CLOZE_DEFINITION = definition("mmlu_cloze")
COLUMNS = ("question", "subject", "choices", "answer")
REPOSITORY, REVISION = "cais/mmlu", "c30699e8356da336a370243923dbaf21066bb9fe"
QUESTIONS = Source(("test", "validation"), REPOSITORY, REVISION, "all/test-00000-of-00001.parquet", COLUMNS)
EXAMPLES = Source(("dev",), REPOSITORY, REVISION, "all/dev-00000-of-00001.parquet", COLUMNS)


def letter_items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
    """Items whose choices are the letters, after the first `shots` examples of the subject in the file's order.

    Raises InputError for a row without four choices or with an unknown subject, and for a subject with fewer examples.
    """
    texts = LETTERS_DEFINITION.texts
    by_subject: dict[str, list[str]] = defaultdict(list)
    for number, row in enumerate(examples, 1):
        by_subject[row["subject"]].append(_asked(row, f"dev row {number}") + texts["answered"].format(**_right(row)))
    items = []
    for number, row in enumerate(questions, 1):
        subject = row["subject"]
        if len(by_subject[subject]) < shots:
            raise InputError(f"{subject} has {len(by_subject[subject])} examples in dev, not {shots}: lower --shots")
        description = texts["description"].format(subject=subject.replace("_", " "))
        prompt = description + "".join(by_subject[subject][:shots]) + _asked(row, f"row {number}")
        items.append(
            Item(
                id=f"{number}",
                stratum=subject,
                group=GROUP_OF[subject],
                prompt=prompt,
                choices=tuple(f" {letter}" for letter in texts["letters"]),
                reference=int(row["answer"]),
                question=description + row["question"].strip(),
                options=tuple(row["choices"]),
                answer=int(row["answer"]),
            )
        )
    return items


def cloze_items(questions: Sequence[Record], examples: Sequence[Record], shots: int) -> list[Item]:
    """Items whose choices are the answer texts; there are no examples. Raises InputError for a malformed row."""
    items = []
    for number, row in enumerate(questions, 1):
        _check(row, f"row {number}")
        fields = {"subject": row["subject"].replace("_", " "), "question": row["question"]}
        items.append(
            Item(
                id=f"{number}",
                stratum=row["subject"],
                group=GROUP_OF[row["subject"]],
                prompt=CLOZE_DEFINITION.texts["prompt"].format(**fields),
                choices=tuple(f" {choice}" for choice in row["choices"]),
                reference=int(row["answer"]),
            )
        )
    return items


def score_letters(item: Item, answer: Answer) -> Mapping[str, float]:
    """acc: whether the right letter is the likeliest."""
    return {"acc": float(likeliest(answer.logprobs) == item.reference)}


def score_cloze(item: Item, answer: Answer) -> Mapping[str, float]:
    """acc, and acc_norm: by character, the space in front not counted (lighteval's `ignore_first_space`)."""
    lengths = [max(1, len(choice) - 1) for choice in item.choices]
    return {
        "acc": float(likeliest(answer.logprobs) == item.reference),
        "acc_norm": float(likeliest(answer.logprobs, lengths) == item.reference),
    }


def _asked(row: Record, where: str) -> str:
    _check(row, where)
    fields = dict(zip("ABCD", row["choices"], strict=True))
    question: str = LETTERS_DEFINITION.texts["question"].format(question=row["question"].strip(), **fields)
    return question


def _right(row: Record) -> dict[str, str]:
    return {"letter": LETTERS_DEFINITION.texts["letters"][int(row["answer"])]}


def _check(row: Record, where: str) -> None:
    if row["subject"] not in GROUP_OF:
        raise InputError(f"{where}: MMLU has no subject {row['subject']!r}")
    if len(row["choices"]) != 4 or int(row["answer"]) not in range(4):
        raise InputError(f"{where}: MMLU has four choices and an answer from 0 to 3")


GROUP_OF: dict[str, str] = {
    subject: group for group, subjects in LETTERS_DEFINITION.texts["groups"].items() for subject in subjects
}
LETTERS = Task(
    name="mmlu",
    summary="57 subjects, four choices: the letter, five examples",
    definition=LETTERS_DEFINITION,
    questions=QUESTIONS,
    examples=EXAMPLES,
    shots=5,
    items=letter_items,
    score=score_letters,
    metrics=(Metric("acc", 1, binary=True),),
)
CLOZE = Task(
    name="mmlu_cloze",
    summary="the same questions: the answer's text, no examples",
    definition=CLOZE_DEFINITION,
    questions=QUESTIONS,
    items=cloze_items,
    score=score_cloze,
    likelihood_only=True,
    metrics=(Metric("acc", 1, binary=True), Metric("acc_norm", 1, binary=True)),
)

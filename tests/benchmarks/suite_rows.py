"""Rows of GLUE and SuperGLUE written for these tests, in the Hugging Face columns, by file name."""

from pathlib import Path
from typing import Any

from benchmarks_data import write_rows

SENTENCES = [
    ("The cook salted the soup.", "The soup was salted by the cook."),
    ("A boat left the harbour at noon.", "No boat left the harbour."),
    ("She sold her bicycle to Tom.", "Tom has a bicycle"),
    ("It rained all night.", "The morning was sunny."),
]
PASSAGE = "Mara keeps bees on a roof in the old town. She sells the honey on Saturdays. Her brother Jan builds hives."
RECORD_PASSAGE = (
    "Mara keeps bees on a roof. Jan builds the hives.\n@highlight\nMara sells honey on Saturdays\n@highlight\n"
    "Jan Berg learned carpentry in Bern"
)


def pairs(first: str, second: str, labels: tuple[float, ...]) -> list[dict[str, Any]]:
    return [{first: a, second: b, "label": label} for (a, b), label in zip(SENTENCES, labels, strict=True)]


GLUE_ROWS: dict[str, list[dict[str, Any]]] = {
    "cola": [
        {"sentence": "The dog barked.", "label": 1},
        {"sentence": "Dog the barked at.", "label": 0},
        {"sentence": "We ate and left.", "label": 1},
        {"sentence": "Him ate and leaves.", "label": 0},
    ],
    "sst2": [{"sentence": "a warm , clever film ", "label": 1}, {"sentence": "two hours too long ", "label": 0}],
    "mrpc": pairs("sentence1", "sentence2", (1, 0, 1, 0)),
    "qqp": pairs("question1", "question2", (1, 0, 0, 1)),
    "stsb": pairs("sentence1", "sentence2", (4.8, 1.0, 3.2, 0.4)),
    "mnli_matched": pairs("premise", "hypothesis", (0, 2, 0, 1)),
    "mnli_mismatched": pairs("premise", "hypothesis", (0, 2, 1, 2)),
    "qnli": [
        {"question": "Who keeps bees?", "sentence": "Mara keeps bees.", "label": 0},
        {"question": "Where is Bern?", "sentence": "Mara keeps bees.", "label": 1},
    ],
    "rte": pairs("sentence1", "sentence2", (0, 1, 0, 1)),
    "wnli": pairs("sentence1", "sentence2", (1, 0, 1, 0)),
}
SUPER_GLUE_ROWS: dict[str, list[dict[str, Any]]] = {
    "boolq": [
        {"passage": PASSAGE, "question": "does mara keep bees", "label": 1},
        {"passage": PASSAGE, "question": "does jan sell honey", "label": 0},
    ],
    "cb": pairs("premise", "hypothesis", (0, 1, 0, 2)),
    "copa": [
        {
            "premise": "The ice melted.",
            "choice1": "The sun shone.",
            "choice2": "A bell rang.",
            "question": "cause",
            "label": 0,
        },
        {
            "premise": "He dropped the glass. ",
            "choice1": "It grew.",
            "choice2": "It broke.",
            "question": "effect",
            "label": 1,
        },
    ],
    "multirc": [
        {
            "paragraph": PASSAGE,
            "question": question,
            "answer": answer,
            "label": label,
            "idx": {"paragraph": 0, "question": number, "answer": at},
        }
        for number, (question, answers) in enumerate(
            [
                ("Who works with bees?", [("Mara", 1), ("The mayor", 0)]),
                ("What does Jan build?", [("Hives", 1), ("Homes for bees", 1), ("Boats", 0)]),
            ]
        )
        for at, (answer, label) in enumerate(answers)
    ],
    "record": [
        {
            "passage": RECORD_PASSAGE,
            "query": "On weekends @placeholder stands at the market.",
            "entities": ["Mara", "Jan Berg", "Bern", "Jan"],
            "answers": ["Mara"],
        },
        {
            "passage": RECORD_PASSAGE,
            "query": "The roof's hives came from @placeholder.",
            "entities": ["Mara", "Jan", "Jan Berg", "Bern", "Mara"],
            "answers": ["Jan Berg", "Jan"],
        },
    ],
    "rte": pairs("premise", "hypothesis", (0, 1, 0, 1)),
    "wic": [
        {
            "sentence1": "A bank of clouds.",
            "sentence2": "The bank closed.",
            "word": "bank",
            "start1": 2,
            "end1": 6,
            "start2": 4,
            "end2": 8,
            "label": 0,
        },
        {
            "sentence1": "They run daily.",
            "sentence2": "He runs home.",
            "word": "run",
            "start1": 5,
            "end1": 8,
            "start2": 3,
            "end2": 7,
            "label": 1,
        },
    ],
    "wsc": [
        {
            "text": 'Jan told Mara that he could n\'t find the smoker . " Look again , " she said.',
            "span1_index": 0,
            "span2_index": 4,
            "span1_text": "Jan",
            "span2_text": "he",
            "label": 1,
        }
    ],
    "axb": pairs("sentence1", "sentence2", (0, 1, 0, 1)),
    "axg": [
        {
            "premise": f"The {job} called the guest because {word} was late.",
            "hypothesis": f"The {job} was late.",
            "label": 1,
        }
        for job in ("waiter", "driver")
        for word in ("he", "she")
    ],
}


def write_suite(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    for name, of_task in rows.items():
        write_rows(folder / f"{name}.jsonl", of_task)

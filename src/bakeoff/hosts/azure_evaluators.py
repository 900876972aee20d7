"""Our evaluations as custom evaluators of `azure.ai.evaluation.evaluate()`: callables of query, response, and so on.

    from azure.ai.evaluation import evaluate
    evaluate(data="answers.jsonl", evaluators={"chat": chat_evaluator, "judge": JudgeEvaluator("gpt-4o", connection)})

They need nothing of that package. Each gives plain numbers: for a metric `<m>` its score (NaN, which `evaluate` leaves
out of its means, where there is none) and `<m>_failed`, 1 where it should have one: its mean is the share of failures
that the mean of `<m>` hides.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.hosts.promptflow_judge import judge_row
from bakeoff.metrics import chat, safety
from bakeoff.metrics.judge import CRITERIA

EVALUATIONS = Path(__file__).parents[3] / "evaluations"


def chat_evaluator(*, response: str, ground_truth: str) -> dict[str, float]:
    """evaluations/chat without what needs the completion record: exact match, F1, ROUGE-L, BLEU, chrF, refusal."""
    row = chat.score_row(answer=response, completion={}, ground_truth=ground_truth)
    return _figures(row, [metric.name for metric in chat.QUALITY] + ["refusal"])


def safety_evaluator(*, response: str, category: str, secret: str = "", ground_truth: str = "") -> dict[str, float]:
    """evaluations/safety: `right` and `safe`, by the category of the row (data/safety)."""
    row = safety.score_row(answer=response, completion={}, category=category, secret=secret, ground_truth=ground_truth)
    return _figures(row, ["right", "safe"])


class JudgeEvaluator:
    """evaluations/judge: the criteria that the row has texts for, each from 1 to 5, with the judge's reason.

    judge, connection: as in the flow. criteria: those to ask for; none stands for all. instructions: a folder with a
    `.jinja2` file for each, by default those of evaluations/judge.
    """

    def __init__(
        self,
        judge: str,
        connection: Any = None,
        criteria: Sequence[str] = (),
        max_new_tokens: int = 200,
        instructions: Path = EVALUATIONS / "judge",
    ):
        self.judge, self.connection, self.max_new_tokens = judge, connection, max_new_tokens
        self.criteria = list(criteria) or [criterion.name for criterion in CRITERIA]
        names = [*self.criteria, "preference"]
        self.instructions = {n: (instructions / f"{n}.jinja2").read_text(encoding="utf-8") for n in names}

    def __call__(
        self, *, response: str, query: str = "", context: str = "", ground_truth: str = ""
    ) -> dict[str, float | str]:
        """Judge one answer; raises UserErrorException as `judge_row` does."""
        row = judge_row(
            instructions=self.instructions,
            judge=self.judge,
            connection=self.connection,
            criteria=self.criteria,
            repeats=1,
            max_new_tokens=self.max_new_tokens,
            prices=(0, 0),
            sdk_evaluators=(),
            question=query,
            answer=response,
            other_answer="",
            ground_truth=ground_truth,
            context=context,
            labels={},
            category="",
            row_id="",
        )
        reasons = {f"{name}_reason": str(row[f"{name}_reason"]) for name in self.criteria}
        return {**_figures(row, [*self.criteria, "judge_calls", "judge_latency"]), **reasons}


def _figures(row: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, float]:
    scores = {name: math.nan if row[f"{name}_score"] is None else float(row[f"{name}_score"]) for name in metrics}
    return scores | {f"{name}_failed": float(row[f"{name}_status"] == "failed") for name in metrics}

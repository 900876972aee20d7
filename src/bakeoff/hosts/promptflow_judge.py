"""The content of the node of evaluations/judge: ask the judge for each criterion, read its replies strictly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptflow.exceptions import UserErrorException

from bakeoff.errors import BakeoffError, EndpointError, InputError
from bakeoff.hosts.promptflow_rows import stop_if_unusable
from bakeoff.hosts.promptflow_tracing import complete
from bakeoff.hosts.sdk_evaluators import sdk_score
from bakeoff.metrics import answers
from bakeoff.metrics.judge import CRITERIA, EFFORT, Winner, preference_of, read_labels
from bakeoff.metrics.judge_prompt import context_text, judged_texts
from bakeoff.metrics.judge_reply import SCORE_SCHEMA, WINNER_SCHEMA, score_of, winner_of
from bakeoff.metrics.rows import Score, failed, scored, skipped
from bakeoff.models.base import ChatModel, Completion, Message, Parameters
from bakeoff.models.load import load_model


@dataclass
class Asked:
    """What judging a row took: the replies so far."""

    judge: ChatModel
    max_new_tokens: int
    replies: list[Completion] = field(default_factory=list)

    def reply(self, instructions: str, texts: Mapping[str, str], schema: Mapping[str, Any]) -> Completion:
        """The judge's reply; a failure that concerns this row alone is one with the finish reason `error`."""
        messages = [Message("system", instructions), Message("user", judged_texts(texts))]
        try:
            found = complete(self.judge, messages, Parameters(self.max_new_tokens, json_schema=schema))
        except (InputError, EndpointError) as error:
            stop_if_unusable(error)
            found = Completion("", "error", self.judge.identity, error=str(error))
        self.replies.append(found)
        return found


def judge_groundedness(
    row: Mapping[str, Any], passages: Any, instructions: str, judge: str, connection: Any, max_new_tokens: int
) -> dict[str, Any]:
    """The record of a RAG answer with `judged_groundedness` (1 to 5) and the judge's effort; as it is without a judge.

    What cannot be scored and what does not apply is what it is for `groundedness` without a judge. Raises
    UserErrorException as `judge_row` does.
    """
    name, record = "judged_groundedness", dict(row)
    if not judge and connection is None:
        return record
    asked = _judge(judge, connection, max_new_tokens)
    texts = {"context": context_text(passages), "answer": record["answer"]}
    if record["groundedness_status"] == "skipped":
        found = skipped(record["groundedness_reason"])
    elif record["outcome"] not in ("answered", "refused", "truncated"):
        found = failed(record["groundedness_reason"])
    elif missing := [text for text, content in texts.items() if not content.strip()]:
        found = skipped(f"the row has no {missing[0]}")
    else:
        found = score_of(asked.reply(instructions, texts, SCORE_SCHEMA))
    return record | {"judged": [name]} | found.fields(name) | judge_effort(asked.replies)


def _judge(judge: str, connection: Any, max_new_tokens: int) -> Asked:
    if not judge and connection is None:
        raise UserErrorException("no judge is named: give `judge`, a local model, or the deployment of its connection")
    try:
        return Asked(load_model(judge, connection), max_new_tokens)
    except BakeoffError as error:
        raise UserErrorException(str(error)) from None


def judge_row(
    *,
    instructions: Mapping[str, str],
    judge: str,
    connection: Any,
    criteria: Sequence[str],
    repeats: int,
    max_new_tokens: int,
    prices: tuple[float, float],
    sdk_evaluators: Sequence[str],
    question: str,
    answer: str,
    other_answer: str,
    ground_truth: str,
    context: Any,
    labels: Any,
    category: str,
    row_id: str,
) -> dict[str, Any]:
    """The record of one judged row.

    instructions: by criterion, and for `preference`. criteria: those to ask for; none stands for all that the row has
    the texts for. repeats: 2 asks each twice. prices: of 1,000,000 prompt and completion tokens, both 0 where they are
    unknown. sdk_evaluators: names of evaluators of `sdk_evaluators`, asked with the same judge. labels: what people
    said, by criterion and for `preference`.
    Raises UserErrorException where no row can succeed: no judge, an unknown criterion, a key that is refused.
    """
    known = [criterion.name for criterion in CRITERIA]
    if unknown := sorted(set(criteria) - {*known, "preference"}):
        raise UserErrorException(f"criteria has {', '.join(unknown)}: use {', '.join([*known, 'preference'])}")
    if repeats not in (1, 2):
        raise UserErrorException(f"repeats is {repeats}: use 1, or 2 to compare the judge with itself")
    asked = _judge(judge, connection, max_new_tokens)
    texts = {
        "question": question,
        "answer": answer,
        "ground_truth": ground_truth,
        "context": context_text(context),
    }
    usable, problem = read_labels(labels)
    record: dict[str, Any] = {
        "id": row_id or answers.content_id(question, answer),
        "category": category,
        "outcome": "answered" if answer.strip() else "errored",
        "answer": answer,
        "words": len(answer.split()),
        "labels_problem": problem,
        "judged": [*known, "preference", *sdk_evaluators],
    }
    wanted = list(criteria) or [*known, "preference"]
    for criterion in CRITERIA:
        missing = [name for name in criterion.texts if not texts[name].strip()]
        if criterion.name not in wanted or missing:
            why = f"the row has no {missing[0]}" if criterion.name in wanted else "not asked for"
            record |= skipped(why).fields(criterion.name)
            continue
        shown = {name: texts[name] for name in criterion.texts}
        scores = [score_of(asked.reply(instructions[criterion.name], shown, SCORE_SCHEMA)) for _ in range(repeats)]
        record |= scores[0].fields(criterion.name)
        if repeats == 2 and all(score.status == "scored" for score in scores):
            record[f"{criterion.name}_twice"] = [int(score.score or 0) for score in scores]
    try:
        for name in sdk_evaluators:
            record |= sdk_score(name, asked.judge, texts).fields(name)
    except InputError as error:
        raise UserErrorException(str(error)) from None
    record |= _preference(asked, instructions["preference"], question, answer, other_answer, "preference" in wanted)
    record |= {f"human_{name}": value for name, value in usable.items()}
    return record | judge_effort(asked.replies, prices)


def _preference(
    asked: Asked, instructions: str, question: str, answer: str, other: str, wanted: bool
) -> dict[str, Any]:
    if not (wanted and other.strip() and answer.strip()):
        nothing = skipped("there is no second answer" if wanted else "not asked for")
        return {**nothing.fields("preference"), **nothing.fields("position_flip")}
    orders: list[Winner | None] = []
    sides: tuple[tuple[Winner, str], ...] = (("answer", answer), ("other", other))
    for (first_name, first), (second_name, second) in (sides, sides[::-1]):
        shown = {"question": question, "first_answer": first, "second_answer": second}
        try:
            place = winner_of(asked.reply(instructions, shown, WINNER_SCHEMA))
        except InputError:
            orders.append(None)
            continue
        orders.append({"first": first_name, "second": second_name}.get(place, "tie"))
    preference, flip = preference_of(orders)
    lengths = len(answer.split()) - len(other.split())
    found = {**preference.fields("preference"), **flip.fields("position_flip")}
    found["longer"] = "answer" if lengths > 0 else "other" if lengths < 0 else ""
    return found | ({"preference_orders": orders} if None not in orders else {})


def judge_effort(replies: Sequence[Completion], prices: tuple[float, float] = (0, 0)) -> dict[str, Any]:
    """The judge's own calls, tokens, seconds and cost, apart from what the judged answer took."""
    figures = dict.fromkeys(EFFORT, skipped("the judge was not asked")) | {"judge_calls": scored(len(replies))}
    if replies:
        prompt = _sum([reply.prompt_tokens for reply in replies])
        completion = _sum([reply.completion_tokens for reply in replies])
        figures |= {
            "judge_prompt_tokens": prompt,
            "judge_completion_tokens": completion,
            "judge_latency": scored(sum(reply.total_time for reply in replies)),
            "judge_cost": _cost(prompt, completion, prices),
        }
    return {key: value for name, score in figures.items() for key, value in score.fields(name).items()}


def _cost(prompt: Score, completion: Score, prices: tuple[float, float]) -> Score:
    if prices == (0, 0):
        return skipped("the judge's prices are not given")
    if prompt.score is None or completion.score is None:
        return failed("the judge's endpoint gives no token counts")
    return scored((prompt.score * prices[0] + completion.score * prices[1]) / 1e6)


def _sum(counts: Sequence[int | None]) -> Score:
    known = [count for count in counts if count is not None]
    return scored(sum(known)) if len(known) == len(counts) else failed("the judge's endpoint gives no token counts")

from pathlib import Path
from typing import Any

from promptflow.core import tool

from bakeoff.hosts.promptflow_judge import judge_groundedness
from bakeoff.hosts.promptflow_types import ModelConnection


@tool
def judge_line(
    row: dict[str, Any],
    passages: list[dict[str, Any]],
    judge: str,
    max_new_tokens: int,
    connection: ModelConnection = None,
) -> dict[str, Any]:
    """The row, with what a judge says of its groundedness where one is named."""
    instructions = Path(__file__).with_name("groundedness.jinja2").read_text(encoding="utf-8")
    return judge_groundedness(row, passages, instructions, judge, connection, max_new_tokens)

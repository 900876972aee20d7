"""Between a flow and its evaluation: each row with the outputs that the evaluation is to score."""

from pathlib import Path

from bakeoff.hosts.submission.steps.line_files import LINE_NUMBER, ROWS_FILE, FlowOutputs, line_of, read_lines
from bakeoff.hosts.submission.steps.split import copy_other_files

OUTPUTS = "run.outputs."


def join(rows: Path, outputs: Path, joined: Path) -> None:
    """Write the rows that have outputs, with each output in a column `run.outputs.<name>`.

    A row without outputs is left out, as Prompt Flow does; `merge` counts it as missing.
    """
    joined.mkdir(parents=True, exist_ok=True)
    with FlowOutputs(outputs) as found, (joined / ROWS_FILE).open("w", encoding="utf-8") as target:
        for row in read_lines(rows / ROWS_FILE):
            given = found.of(row[LINE_NUMBER])
            if given is not None:
                target.write(line_of(row | {f"{OUTPUTS}{name}": value for name, value in given.items()}))
    copy_other_files(rows, joined)

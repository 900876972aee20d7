"""A Prompt Flow batch whose workers share one model, through the real `pf`."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from running_server import until

ROOT = Path(__file__).parents[2]
ROWS = 12


def test_a_batch_outlives_its_server(pf: Any, smollm2: Path, tmp_path: Path) -> None:
    questions = (ROOT / "data/chat/questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) | {"chat_history": []} for line in questions[: 12 * ROWS : 12]]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    name, servers = "chat_shared_kill", tmp_path / "servers"
    mapping = ("--set", f"column_mapping.model={smollm2}", "column_mapping.max_new_tokens=16")
    arguments = ("run", "create", "--file", ROOT / "flows/chat/run.yaml", "--data", data, "--name", name, *mapping)

    def pids() -> list[int]:
        return [json.loads(path.read_text(encoding="utf-8"))["pid"] for path in servers.glob("*.json")]

    with ThreadPoolExecutor(1) as executor:
        done = executor.submit(pf, *arguments, env={"BAKEOFF_CACHE": str(tmp_path)})
        artifacts = pf.run_folder(name) / "flow_artifacts"
        until(lambda: done.done() or len(list(artifacts.glob("*.jsonl"))) >= 2)
        (killed,) = pids()
        os.kill(killed, signal.SIGKILL)
        done.result()
    output = pf.run_folder(name) / "flow_outputs" / "output.jsonl"
    answers = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [answer["line_number"] for answer in answers] == list(range(ROWS))
    assert {answer["completion"]["finish_reason"] for answer in answers} <= {"stop", "length"}
    logs = (pf.run_folder(name) / "logs.txt").read_text(encoding="utf-8")
    assert "not shared" not in logs

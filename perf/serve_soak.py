"""2,000 short requests to `bakeoff serve` from 32 clients: right answers, proper refusals, and memory that stays flat.

    python perf/serve_soak.py [--requests 2000] [--clients 32]

Of 100 requests 70 ask one of 40 questions and compare the answer with the one a single client got, 15 go away after the
first piece of a long answer, 12 are malformed and 3 are larger than the server takes. Memory is the proportional set
size of all the server's processes, after each tenth of the requests.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests/serving")]
from running_server import running_server  # noqa: E402
from soak_clients import ANSWER_TOKENS, memory, soak  # noqa: E402

NAME = "smollm2-135m-instruct"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=32)
    options = parser.parse_args()
    rows = [json.loads(line) for line in (ROOT / "data/chat/questions.jsonl").open(encoding="utf-8")]
    with running_server(NAME) as server:
        client = server.client()
        expected = {}
        for row in rows[::5][:40]:
            made = client.chat.completions.create(
                model=NAME,
                messages=[{"role": "user", "content": row["question"]}],
                max_tokens=ANSWER_TOKENS,
                temperature=0,
            )
            expected[row["question"]] = made.choices[0].message.content or ""
        address = server.url.removeprefix("http://").removesuffix("/v1")
        processes = [server.process, *server.process.children(recursive=True)]
        table = Table("requests", "as they should", "seconds", "MB")
        total: Counter[str] = Counter()
        for tenth in range(10):
            started = time.perf_counter()
            total += soak(address, NAME, expected, options.requests // 10, options.clients, tenth)
            table.add_row(
                f"{sum(total.values()):,}",
                ", ".join(f"{count} {kind}" for kind, count in sorted(total.items())),
                f"{time.perf_counter() - started:.0f}",
                f"{memory(processes) / 1e6:.1f}",
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

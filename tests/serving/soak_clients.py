"""Many clients at once that ask, go away in mid-answer, and send what is no request; every answer is checked."""

import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

MALFORMED = (b"", b'{"model": ', b"[]", b'{"model": "nobody", "messages": [{"role": "user", "content": "Hi"}]}')
OVERSIZED = b" " * (33 * 2**20)
ANSWER_TOKENS = 6
KINDS = {"answer": 70, "gone": 15, "malformed": 12, "oversized": 3}


def soak(address: str, model: str, expected: Mapping[str, str], requests: int, clients: int, seed: int) -> Counter[str]:
    """How many requests of each kind went as they should.

    address: host and port. expected: the greedy answer to each question, of ANSWER_TOKENS at most. Raises
    AssertionError for an answer that is not the question's, and for a refusal that is no OpenAI error object.
    """
    of_thread = threading.local()
    questions = list(expected)
    plan = random.Random(seed)
    kinds = plan.choices(list(KINDS), list(KINDS.values()), k=requests)
    asked = [plan.choice(questions) for _ in kinds]

    def connection() -> http.client.HTTPConnection:
        if getattr(of_thread, "connection", None) is None:
            of_thread.connection = http.client.HTTPConnection(address, timeout=300)
        kept: http.client.HTTPConnection = of_thread.connection
        return kept

    def one(kind: str, question: str) -> str:
        body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0}
        if kind == "answer":
            status, answer = send(connection(), json.dumps(body | {"max_tokens": ANSWER_TOKENS}).encode())
            assert status == 200, answer
            assert answer["choices"][0]["message"]["content"] == expected[question]
        elif kind == "gone":
            leaving = http.client.HTTPConnection(address, timeout=300)
            leaving.request("POST", "/v1/chat/completions", json.dumps(body | {"max_tokens": 400, "stream": True}))
            response = leaving.getresponse()
            assert response.status == 200
            assert response.read(5) == b"data:"
            leaving.close()
            response.close()
        else:
            sent = OVERSIZED if kind == "oversized" else MALFORMED[len(question) % len(MALFORMED)]
            status, answer = send(connection(), sent)
            assert status == (413 if kind == "oversized" else 404 if b"nobody" in sent else 400)
            assert set(answer["error"]) == {"message", "type", "param", "code"}
        return kind

    with ThreadPoolExecutor(clients) as executor:
        return Counter(executor.map(one, kinds, asked))


def send(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, dict[str, Any]]:
    connection.request("POST", "/v1/chat/completions", body)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def memory(processes: Sequence[psutil.Process]) -> int:
    """Bytes: the sum of the proportional set sizes, or of the unique ones where there are no others."""
    infos = [process.memory_full_info() for process in processes]
    return sum(getattr(info, "pss", info.uss) for info in infos)

"""Counters of the server in Prometheus's text format (https://prometheus.io/docs/instrumenting/exposition_formats)."""

from collections import Counter
from collections.abc import Iterator

from bakeoff.serving.models import Models

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Requests by path and status, their seconds, and tokens by model and kind (prompt, completion)."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.tokens: Counter[tuple[str, str]] = Counter()
        self._within: Counter[float] = Counter()
        self._seconds = 0.0

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count a request; status 499: the client went away."""
        self.requests[path, status] += 1
        self._seconds += seconds
        for bound in BUCKETS:
            self._within[bound] += seconds <= bound

    def text(self, models: Models) -> str:
        return "".join(f"{line}\n" for line in self._lines(models))

    def _lines(self, models: Models) -> Iterator[str]:
        yield from _head("bakeoff_requests_total", "counter", "HTTP requests by path and status.")
        for (path, status), count in self.requests.items():
            yield f'bakeoff_requests_total{{path="{path}",status="{status}"}} {count}'
        yield from _head("bakeoff_request_seconds", "histogram", "Seconds from a request to the end of its answer.")
        total = self.requests.total()
        for bound in BUCKETS:
            yield f'bakeoff_request_seconds_bucket{{le="{bound}"}} {self._within[bound]}'
        yield f'bakeoff_request_seconds_bucket{{le="+Inf"}} {total}'
        yield f"bakeoff_request_seconds_sum {self._seconds}"
        yield f"bakeoff_request_seconds_count {total}"
        yield from _head("bakeoff_tokens_total", "counter", "Tokens read and written.")
        for (model, kind), count in self.tokens.items():
            yield f'bakeoff_tokens_total{{model="{_escaped(model)}",kind="{kind}"}} {count}'
        for name, what in (("running", "Answers under way."), ("waiting", "Requests in the queue.")):
            yield from _head(f"bakeoff_{name}", "gauge", what)
            for model, pool in models.loaded.items():
                yield f'bakeoff_{name}{{model="{_escaped(model)}"}} {getattr(pool, name)}'
        yield from _head("bakeoff_memory_bytes", "gauge", "Memory of a loaded model's processes.")
        for model, pool in models.loaded.items():
            yield f'bakeoff_memory_bytes{{model="{_escaped(model)}"}} {pool.memory()}'


def _head(name: str, kind: str, what: str) -> tuple[str, str]:
    return f"# HELP {name} {what}", f"# TYPE {name} {kind}"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

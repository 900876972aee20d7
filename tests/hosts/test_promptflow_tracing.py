import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from promptflow.tracing import trace as traced
from promptflow.tracing._openai_utils import OpenAIMetricsCalculator
from promptflow.tracing._tracer import Tracer

from bakeoff.hosts.promptflow_tracing import complete
from bakeoff.models.base import Completion, Image, Message, ModelIdentity, Parameters

ANSWER = Completion("Paris", "stop", ModelIdentity("m", "onnx"), 30, 8, time_to_first_token=0.2, total_time=0.5)
MESSAGES = [Message("system", "Be brief."), Message("user", "Look!", (Image(b"12345", "image/png"),))]


class FakeModel:
    identity = ANSWER.model

    def __init__(self, result: Completion | Exception = ANSWER):
        self.result = result

    def complete(self, messages: Sequence[Message], parameters: Parameters) -> Completion:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Tracing as Prompt Flow switches it on; the exporter holds the finished spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setenv("PF_DISABLE_TRACING", "false")
    monkeypatch.setattr(trace, "get_tracer", lambda name: provider.get_tracer(name))
    Tracer.start_tracing("run", "chat")
    yield exporter
    Tracer.end_tracing("run")


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_call_is_an_llm_span_with_messages_answer_and_tokens(spans: InMemorySpanExporter) -> None:
    node = traced(lambda: complete(FakeModel(), MESSAGES, Parameters(max_new_tokens=7)))  # type: ignore[arg-type]
    assert node() is ANSWER
    call, parent = spans.get_finished_spans()
    recorded = attributes(call)
    assert recorded["span_type"] == "LLM"
    assert recorded["llm.response.model"] == "m"
    assert json.loads(recorded["llm.generated_message"]) == {"role": "assistant", "content": "Paris"}
    assert [recorded[f"llm.usage.{name}_tokens"] for name in ("prompt", "completion", "total")] == [30, 8, 38]
    inputs = json.loads(recorded["inputs"])
    assert inputs["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "[image/png, 5 bytes]\nLook!"},
    ]
    assert inputs["max_new_tokens"] == 7
    assert json.loads(recorded["output"])["completion"]["time_to_first_token"] == 0.2
    assert call.parent is not None
    assert call.parent.span_id == parent.context.span_id


def test_the_tokens_add_up_to_prompt_flows_totals(spans: InMemorySpanExporter) -> None:
    complete(FakeModel(), MESSAGES)  # type: ignore[arg-type]
    complete(FakeModel(), MESSAGES)  # type: ignore[arg-type]
    totals = [OpenAIMetricsCalculator().get_openai_metrics_from_api_call(call) for call in Tracer.end_tracing("run")]
    assert totals == [{"prompt_tokens": 30, "completion_tokens": 8, "total_tokens": 38}] * 2


def test_unknown_tokens_are_left_out(spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture) -> None:
    complete(FakeModel(Completion("Paris", "stop", ANSWER.model)), MESSAGES)  # type: ignore[arg-type]
    (call,) = spans.get_finished_spans()
    assert not [name for name in attributes(call) if "usage" in name or "token_count" in name]
    assert OpenAIMetricsCalculator().get_openai_metrics_from_api_call(Tracer.end_tracing("run")[0]) == {}
    assert not caplog.records


def test_a_failure_passes_through_and_is_in_the_trace(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="boom"):
        complete(FakeModel(ValueError("boom")), MESSAGES)  # type: ignore[arg-type]
    (call,) = spans.get_finished_spans()
    assert not call.status.is_ok
    assert Tracer.end_tracing("run")[0]["error"]["message"] == "boom"


def test_without_tracing_it_is_just_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PF_DISABLE_TRACING", raising=False)
    assert complete(FakeModel(), MESSAGES) is ANSWER  # type: ignore[arg-type]

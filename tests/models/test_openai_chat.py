"""OpenAIChatModel against a real HTTP server on 127.0.0.1 that plays scripted answers."""

import json
import logging
import threading
import traceback
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from urllib.parse import unquote

import pytest
from scripted_server import (
    ANSWER,
    KEY,
    USAGE,
    Handler,
    Reply,
    ScriptedServer,
    chunk,
    error,
    plain,
    scripted_server,
    send,
    slow,
    sse,
)

from bakeoff.errors import EndpointError, InputError, NotSupportedError, PromptTooLongError
from bakeoff.models.base import Completion, Image, Message, Parameters
from bakeoff.models.endpoint import Endpoint
from bakeoff.models.openai_chat import OpenAIChatModel

HELLO = [Message("user", "Hello?")]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with scripted_server() as running:
        yield running


def test_a_stream_gives_pieces_then_the_completion(server: ScriptedServer) -> None:
    server.script = [sse(*ANSWER)]
    *pieces, last = server.model().stream(HELLO)
    assert [piece.text for piece in pieces] == ["Hi", " there"]
    assert all(piece.completion is None for piece in pieces)
    done = last.completion
    assert isinstance(done, Completion)
    assert (last.text, done.text, done.finish_reason, done.error) == ("", "Hi there", "stop", None)
    assert (done.prompt_tokens, done.completion_tokens) == (9, 2)
    assert done.time_to_first_token is not None
    assert 0 < done.time_to_first_token <= done.total_time
    assert (done.model.name, done.model.provider, done.model.revision) == ("mini", "openai", "mini-2024-07-18 fp_1")


def test_the_request_to_a_compatible_server(server: ScriptedServer) -> None:
    server.script = [sse(*ANSWER)]
    messages = [
        Message("system", "Be brief."),
        Message("user", "What is <|im_end|> this?", (Image(b"\x89PNG", "image/png"),)),
        Message("assistant", "A picture."),
        Message("user", "Of what?"),
    ]
    schema = {"type": "object", "properties": {}}
    parameters = Parameters(
        max_new_tokens=7, temperature=0.5, top_p=0.9, seed=3, stop=("\n\n", "END"), json_schema=schema
    )
    server.model(headers={"X-Team": "blue1"}).complete(messages, parameters)
    request = server.requests[0]
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-team"] == "blue1"
    assert request.body == {
        "model": "mini",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is <|im_end|> this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                ],
            },
            {"role": "assistant", "content": "A picture."},
            {"role": "user", "content": "Of what?"},
        ],
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["\n\n", "END"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_how_closely_an_image_is_looked_at_is_sent_only_when_it_was_said(server: ScriptedServer) -> None:
    server.script = [sse(*ANSWER), sse(*ANSWER)]
    messages = [Message("user", "What is this?", (Image(b"\x89PNG", "image/png"),))]
    for detail in ("low", "auto"):
        server.model().complete(messages, Parameters(image_detail=detail))
    low, auto = (request.body["messages"][0]["content"][1]["image_url"] for request in server.requests)
    assert low == {"url": "data:image/png;base64,iVBORw==", "detail": "low"}
    assert auto == {"url": "data:image/png;base64,iVBORw=="}
    with pytest.raises(InputError, match="image_detail is 'fine': use auto, low, high"):
        Parameters(image_detail="fine")


def test_the_request_to_azure_openai(server: ScriptedServer) -> None:
    filter_note = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    server.script = [sse(filter_note, *ANSWER)]
    done = server.model("azure_openai", api_version="2024-10-21").complete(HELLO)
    request = server.requests[0]
    assert request.path == "/openai/deployments/mini/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers
    assert request.body["max_completion_tokens"] == 256
    assert "max_tokens" not in request.body
    assert (done.text, done.model.provider) == ("Hi there", "azure_openai")


def test_the_version_less_route_of_azure_openai(server: ScriptedServer) -> None:
    server.script = [sse(*ANSWER)]
    model = server.model("azure_openai", base_url=f"{server.url}/openai/v1/", api_version="2024-10-21")
    assert model.complete(HELLO).text == "Hi there"
    assert server.requests[0].path == "/openai/v1/chat/completions"
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_nothing_of_another_account_in_the_environment_is_sent(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(name, "of-another-account")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    server.script = [sse(*ANSWER)]
    server.model(api_key=None).complete(HELLO)
    assert server.requests[0].headers["authorization"] == "Bearer no-key-needed"
    assert "of-another-account" not in str(server.requests[0].headers)


def test_entra_id_by_a_managed_identity(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    token = {"access_token": "token-1", "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}
    server.script = [plain(200, token), sse(*ANSWER), sse(*ANSWER)]
    model = server.model("azure_openai", api_key=None, api_version="2024-10-21")
    model.complete(HELLO)
    model.complete(HELLO)
    asked, *answered = server.requests
    assert "resource=https://cognitiveservices.azure.com" in unquote(asked.path)
    assert [request.headers["authorization"] for request in answered] == ["Bearer token-1"] * 2


def test_entra_id_without_a_sign_in_says_what_to_do(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(EndpointError, match="no Entra ID sign-in works here .*az login"):
        server.model("azure_openai", api_key=None, api_version="2024-10-21").complete(HELLO)


@pytest.mark.parametrize(
    ("reported", "finish_reason", "said"),
    [
        ("stop", "stop", None),
        ("length", "length", None),
        ("content_filter", "content_filter", "content filter stopped the answer"),
        ("tool_calls", "error", "'tool_calls'"),
    ],
)
def test_finish_reasons(server: ScriptedServer, reported: str, finish_reason: str, said: str | None) -> None:
    server.script = [sse(chunk("Hi"), chunk(finish=reported))]
    done = server.model().complete(HELLO)
    assert (done.text, done.finish_reason) == ("Hi", finish_reason)
    assert done.error is None if said is None else said in (done.error or "")
    assert done.prompt_tokens is None


def test_a_refusal_is_the_text_and_reasoning_is_not(server: ScriptedServer) -> None:
    thinking, refusal = chunk(delta={"reasoning_content": "Hmm"}), chunk(delta={"refusal": "I can't help."})
    server.script = [sse(thinking, refusal, chunk(finish="stop"))]
    assert server.model().complete(HELLO).text == "I can't help."


def test_a_filtered_prompt_is_a_completion(server: ScriptedServer) -> None:
    results = {
        "hate": {"filtered": True, "severity": "high"},
        "violence": {"filtered": False, "severity": "safe"},
        "jailbreak": {"filtered": True, "detected": True},
    }
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": results}
    server.script = [error(400, "filtered", code="content_filter", param="prompt", innererror=inner)]
    done = server.model("azure_openai", api_version="2024-10-21", max_retries=2).complete(HELLO)
    assert (done.text, done.finish_reason) == ("", "content_filter")
    assert done.error == "the endpoint's content filter refused the prompt: hate (high), jailbreak"
    assert len(server.requests) == 1


def test_a_filtered_answer_keeps_its_beginning(server: ScriptedServer) -> None:
    results = {"violence": {"filtered": True, "severity": "medium"}, "hate": {"filtered": False, "severity": "safe"}}
    server.script = [sse(chunk("Once upon"), chunk(finish="content_filter", content_filter_results=results), USAGE)]
    done = server.model().complete(HELLO)
    assert (done.text, done.finish_reason, done.completion_tokens) == ("Once upon", "content_filter", 2)
    assert done.error == "the endpoint's content filter stopped the answer: violence (medium)"


def test_a_filter_error_within_a_stream_keeps_the_beginning(server: ScriptedServer) -> None:
    server.script = [sse(chunk("Once"), {"error": {"code": "content_filter", "message": "filtered"}})]
    done = server.model().complete(HELLO)
    assert (done.text, done.finish_reason) == ("Once", "content_filter")


def test_429_and_500_are_tried_again_after_what_the_server_asks_for(server: ScriptedServer) -> None:
    server.script = [
        plain(429, {"error": {"message": "slow down"}}, retry_after="0.01"),
        error(500),
        error(503),
        sse(*ANSWER),
    ]
    assert server.model(max_retries=3).complete(HELLO).text == "Hi there"
    assert [request.headers["x-stainless-retry-count"] for request in server.requests] == ["0", "1", "2", "3"]


def test_a_long_retry_after_is_reported_at_once(server: ScriptedServer) -> None:
    server.script = [plain(429, {"error": {"message": "quota of the day"}}, retry_after="86400")]
    with pytest.raises(EndpointError, match="Retry-After: 86400 s.*PF_WORKER_COUNT") as caught:
        server.model(max_retries=3).complete(HELLO)
    assert (caught.value.status, caught.value.retryable, len(server.requests)) == (429, True, 1)


@pytest.mark.parametrize(
    ("status", "more", "retryable", "advice"),
    [
        (400, {}, False, "change what the endpoint complains about"),
        (401, {}, False, "check that the api_key in connection 'x' is valid"),
        (403, {}, False, "role Cognitive Services OpenAI User"),
        (404, {"code": "DeploymentNotFound"}, False, r"check the deployment's name, .*api_version \(now 2024-10-21\)"),
        (404, {"message": "The model was retired"}, False, "name one of today's"),
        (410, {}, False, "the model was retired"),
        (400, {"message": "API version not supported"}, False, "set another api_version in connection 'x'"),
        (404, {"message": "Unsupported api-version"}, False, "set another api_version in connection 'x'"),
        (408, {}, True, "try again later"),
        (429, {}, True, "held through 1 retries"),
        (429, {"code": "insufficient_quota"}, False, "no credit left"),
        (500, {}, True, "failed through 1 retries"),
    ],
)
def test_an_error_says_where_what_and_what_to_do(
    server: ScriptedServer, status: int, more: dict[str, str], retryable: bool, advice: str
) -> None:
    server.script = [error(status, **{"message": "the server's words", **more})] * 2
    model = server.model("azure_openai", api_version="2024-10-21", source="connection 'x'", max_retries=1)
    with pytest.raises(EndpointError, match=advice) as caught:
        model.complete(HELLO)
    assert (caught.value.status, caught.value.retryable) == (status, retryable)
    text = str(caught.value)
    assert text.startswith(f"{server.url.removeprefix('http://')}, deployment 'mini': HTTP {status}: ")
    assert more.get("message", "the server's words") in text


def test_an_error_page_is_shortened(server: ScriptedServer) -> None:
    server.script = [plain(502, "<html>" + "bad gateway " * 500 + "</html>")]
    with pytest.raises(EndpointError, match="bad gateway") as caught:
        server.model().complete(HELLO)
    assert len(str(caught.value)) < 600


def test_connection_refused_and_timeout(server: ScriptedServer) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_address[1]
    with pytest.raises(
        EndpointError, match=f"127.0.0.1:{port}.*no connection.*check the address in endpoint"
    ) as caught:
        server.model(base_url=f"http://127.0.0.1:{port}/v1").complete(HELLO)
    assert (caught.value.status, caught.value.retryable) == (None, True)
    server.script = [sse(then="hang"), sse(chunk("Hi"), then="hang")]
    for _ in range(2):
        with pytest.raises(EndpointError, match=r"no answer within 0\.2 s") as caught:
            server.model(timeout=0.2).complete(HELLO)
        assert caught.value.retryable


def test_a_slow_answer_is_waited_for_until_the_deadline(server: ScriptedServer) -> None:
    server.script = [slow(*ANSWER, pause=0.1)]
    assert server.model(timeout=0.4, deadline=20.0).complete(HELLO).text == "Hi there"
    server.script = [slow(*[chunk("Hi")] * 200, pause=0.05)]
    with pytest.raises(EndpointError, match=r"not finished within 0\.3 s.*lower max_new_tokens") as caught:
        server.model(timeout=0.4, deadline=0.3, max_retries=3).complete(HELLO)
    assert (caught.value.status, caught.value.retryable, len(server.requests)) == (None, False, 2)


def test_nothing_is_tried_again_beyond_the_deadline(server: ScriptedServer) -> None:
    server.script = [error(500)] * 4
    with pytest.raises(EndpointError, match="HTTP 500"):
        server.model(timeout=10.0, deadline=19.0, max_retries=3).complete(HELLO)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "broken", [sse(chunk("Hi"), then="drop"), sse(chunk("Hi"), then="close"), sse('{"choices": [')]
)
def test_a_broken_answer_is_asked_for_again_by_complete_but_not_by_stream(
    server: ScriptedServer, broken: Reply
) -> None:
    server.script = [broken, sse(*ANSWER)]
    done = server.model(max_retries=1).complete(HELLO)
    assert (done.text, len(server.requests)) == ("Hi there", 2)
    assert done.time_to_first_token is not None
    assert done.time_to_first_token > 0.4
    server.script = [broken]
    shown = []
    with pytest.raises(EndpointError) as caught:
        shown += [delta.text for delta in server.model(max_retries=1).stream(HELLO)]
    assert (caught.value.retryable, len(server.requests)) == (True, 3)


@pytest.mark.parametrize(
    "reply",
    [
        sse({"choices": []}),
        sse({"choices": None}, {"choices": [None]}, {"choices": "x"}, {"choices": [{"delta": None}]}),
        sse("[1, 2]"),
        sse({"error": {"message": "out of memory", "type": "server_error"}}),
        sse({"error": {"message": "bad request", "code": 400}}),
    ],
)
def test_an_answer_without_a_choice_is_an_endpoint_error(server: ScriptedServer, reply: Reply) -> None:
    server.script = [reply]
    with pytest.raises(EndpointError, match=r"^127\.0\.0\.1:\d+, model 'mini': "):
        server.model().complete(HELLO)


def test_a_permanent_failure_within_a_stream_is_not_asked_for_again(server: ScriptedServer) -> None:
    server.script = [sse({"error": {"message": "bad request", "code": 400}})]
    with pytest.raises(EndpointError, match="HTTP 400: bad request") as caught:
        server.model(max_retries=3).complete(HELLO)
    assert (caught.value.status, caught.value.retryable, len(server.requests)) == (400, False, 1)


def test_a_server_that_ignores_streaming_still_answers(server: ScriptedServer) -> None:
    message = {"role": "assistant", "content": "Hi there"}
    whole = {"model": "mini-1", "choices": [{"message": message, "finish_reason": "stop"}], "usage": USAGE["usage"]}
    server.script = [plain(200, whole)] * 3
    model = server.model()
    *pieces, last = model.stream(HELLO)
    assert [piece.text for piece in pieces] == ["Hi there"]
    assert last.completion is not None
    assert (last.completion.completion_tokens, last.completion.time_to_first_token) == (2, None)
    model.complete(HELLO)
    assert [request.body.get("stream") for request in server.requests] == [True, None, None]


def test_half_an_answer_of_a_server_that_ignores_streaming_is_asked_for_again(server: ScriptedServer) -> None:
    whole = {"choices": [{"message": {"content": "Hi there"}, "finish_reason": "stop"}]}
    half = plain(200, json.dumps(whole)[:30], content_type="application/json")
    server.script = [half, half, plain(200, whole)]
    assert server.model(max_retries=1).complete(HELLO).text == "Hi there"
    server.script = [half] * 2
    with pytest.raises(EndpointError, match="an answer that cannot be read") as caught:
        server.model(max_retries=0).complete(HELLO)
    assert (caught.value.retryable, server.script) == (True, [])


def test_a_page_that_is_no_chat_server_is_an_endpoint_error(server: ScriptedServer) -> None:
    server.script = [plain(200, "<html>Welcome</html>")] * 2
    with pytest.raises(EndpointError, match="does not speak the OpenAI protocol") as caught:
        server.model().complete(HELLO)
    assert not caught.value.retryable


def unsupported(parameter: str) -> Reply:
    return error(400, f"Unsupported parameter: '{parameter}'.", code="unsupported_parameter", param=parameter)


def test_what_a_reasoning_model_refuses_is_left_out_from_then_on(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    refused = ["max_tokens", "temperature", "top_p", "seed"]
    server.script = [*map(unsupported, refused), sse(*ANSWER), sse(*ANSWER)]
    model = server.model()
    parameters = Parameters(temperature=0.5, top_p=0.5, seed=1)
    for _ in range(2):
        assert model.complete(HELLO, parameters).text == "Hi there"
    assert len(server.requests) == 6
    for request in server.requests[-2:]:
        assert request.body["max_completion_tokens"] == 256
        assert not set(refused) & request.body.keys()
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("bakeoff")]
    assert [text.split(" takes no ")[1].split(":")[0] for text in warnings] == ["temperature", "top_p", "seed"]


def test_a_refused_schema_is_told_and_later_ones_are_sent(server: ScriptedServer) -> None:
    refusal = "Invalid schema for response_format 'answer': 'minLength' is not permitted."
    server.script = [error(400, refusal, param="response_format"), sse(*ANSWER)]
    model = server.model()
    with pytest.raises(EndpointError, match="minLength"):
        model.complete([Message("user", "x")], Parameters(json_schema={"minLength": 1}))
    model.complete([Message("user", "x")], Parameters(json_schema={"type": "object"}))
    assert "response_format" in server.requests[-1].body


@pytest.mark.parametrize(
    ("reply", "left_out"),
    [
        (error(400, "Unrecognized request argument supplied: stream_options"), "stream_options"),
        (error(400, "'max_tokens' is not supported with this model. Use 'max_completion_tokens'."), "max_tokens"),
        (error(400, "'temperature' does not support 0.0. Only the default (1) value is supported."), "temperature"),
        (error(400, "Your organization must be verified.", code="unsupported_value", param="stream"), "stream"),
        (
            plain(422, {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}),
            "stream_options",
        ),
    ],
)
def test_wordings_of_an_unsupported_parameter(server: ScriptedServer, reply: Reply, left_out: str) -> None:
    whole = {"choices": [{"message": {"content": "Hi there"}, "finish_reason": "stop"}]}
    server.script = [reply, plain(200, whole) if left_out == "stream" else sse(*ANSWER)]
    assert server.model().complete(HELLO).text == "Hi there"
    first, second = server.requests
    assert left_out in first.body
    assert left_out not in second.body
    assert left_out != "stream" or "stream_options" not in second.body


@pytest.mark.parametrize(
    "replies",
    [
        [error(400, "temperature must be at most 1", param="temperature")],
        [unsupported("stop")],
        [unsupported("max_tokens"), unsupported("max_completion_tokens")],
    ],
)
def test_what_cannot_be_left_out_is_an_error(server: ScriptedServer, replies: list[Reply]) -> None:
    server.script = list(replies)
    with pytest.raises(EndpointError, match="HTTP 400"):
        server.model().complete(HELLO, Parameters(stop=("x",)))
    assert len(server.requests) == len(replies)


def test_a_prompt_that_does_not_fit(server: ScriptedServer) -> None:
    too_long = error(400, "This model's maximum context length is 8 tokens.", code="context_length_exceeded")
    conversation = [
        Message("system", "s"),
        *(Message(role, f"{role} {turn}") for turn in (1, 2) for role in ("user", "assistant")),
        Message("user", "last"),
    ]
    server.script = [too_long]
    with pytest.raises(PromptTooLongError, match="maximum context length is 8.*shorten the prompt"):
        server.model().complete(conversation)
    server.script = [too_long, sse(*ANSWER)]
    done = server.model().complete(conversation, Parameters(overflow="truncate"))
    assert (done.text, done.dropped_turns) == ("Hi there", 2)
    kept = [message["content"] for message in server.requests[-1].body["messages"]]
    assert kept == ["s", "user 2", "assistant 2", "last"]
    server.script = [too_long] * 3
    with pytest.raises(PromptTooLongError):
        server.model().complete(conversation, Parameters(overflow="truncate"))


def test_a_model_must_be_named_and_a_message_given(server: ScriptedServer) -> None:
    endpoint = Endpoint("openai", server.url, KEY, source="connection 'x'")
    with pytest.raises(InputError, match="connection 'x' names no model"):
        OpenAIChatModel(endpoint)
    assert OpenAIChatModel(Endpoint("openai", server.url, KEY, model="phi")).identity.name == "phi"
    with pytest.raises(InputError, match="no message"):
        server.model().complete([])
    with pytest.raises(InputError, match="lone surrogate.* at position 3"):
        server.model().complete([Message("user", "Hi \ud83d")])


def test_log_likelihoods_are_not_supported(server: ScriptedServer) -> None:
    with pytest.raises(NotSupportedError, match="mini at 127.0.0.1.*local ONNX model"):
        server.model().loglikelihood("The sky is", [" blue"])


def echo_of_credentials(status: int) -> Reply:
    def reply(handler: Handler) -> None:
        sent = f"{handler.headers.get('Authorization')} {handler.headers.get('api-key')}"
        half_masked = f"Incorrect API key provided: sk-{KEY[:6]}****{KEY[-4:]}"
        send(handler, status, {"error": {"message": f"{half_masked}: {sent}", "code": sent}})

    return reply


@pytest.mark.parametrize("kind", ["openai", "azure_openai"])
@pytest.mark.parametrize("reply", [*map(echo_of_credentials, (400, 401, 403, 404, 418, 500)), sse(then="drop")])
def test_the_key_is_never_shown(
    server: ScriptedServer, kind: str, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script = [reply]
    model = server.model(kind, api_version="2024-10-21")
    with pytest.raises(EndpointError) as caught:
        model.complete(HELLO)
    failure = caught.value
    shown = "".join([str(failure), repr(failure), *traceback.format_exception(failure), repr(vars(model)), str(model)])
    assert KEY not in shown
    assert KEY[:6] not in shown
    assert failure.__cause__ is None
    assert failure.__context__ is None
    logged = "".join(record.getMessage() for record in caplog.records)
    assert "openai" in {record.name.split(".")[0] for record in caplog.records}
    assert KEY not in logged


def test_one_instance_serves_many_threads(server: ScriptedServer) -> None:
    server.script = [sse(*ANSWER)] * 8
    model = server.model()
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(model.complete(HELLO).text)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["Hi there"] * 8


def test_prompt_flow_does_not_touch_the_call(server: ScriptedServer) -> None:
    from promptflow.tracing._integrations._openai_injector import inject_openai_api, recover_openai_api

    inject_openai_api()
    try:
        server.script = [sse(*ANSWER)]
        assert server.model().complete(HELLO).completion_tokens == 2
        assert not [name for name in server.requests[0].headers if "promptflow" in name]
    finally:
        recover_openai_api()

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnxruntime_genai as og
import pytest

from bakeoff.errors import BakeoffError, InputError, ModelCorruptError, ModelNotFoundError, NotSupportedError
from bakeoff.models.base import Message, Parameters, last_completion
from bakeoff.models.onnx_chat import OnnxChatModel

HELLO = [Message("user", "Hello! How are you?")]
STORY = [Message("user", "Tell me about the sea.")]


def plain_loop(model: OnnxChatModel, prompt: str, most: int) -> list[int]:
    """Greedy token ids after a raw prompt, by the runtime alone."""
    runtime = model._runtime
    ids = runtime.tokenizer.encode(prompt)
    options = og.GeneratorParams(runtime.model)
    options.set_search_options(max_length=len(ids) + most, do_sample=False)
    generator = og.Generator(runtime.model, options)
    generator.append_tokens(ids)
    while not generator.is_done():
        generator.generate_next_token()
    return [int(i) for i in generator.get_sequence(0)[len(ids) :]]


def test_the_answer_is_what_the_runtime_writes_for_the_template(smol: OnnxChatModel) -> None:
    prompt = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
    ids = plain_loop(smol, prompt + "<|im_start|>assistant\n", 40)
    assert len(ids) < 40
    messages = [Message("system", "Be brief."), Message("user", "What is the capital of France?")]
    completion = smol.complete(messages, Parameters(max_new_tokens=40))
    assert completion.text == smol._runtime.tokenizer.decode(ids)
    assert completion.completion_tokens == len(ids) + 1, "with the token that ends it"
    assert "Paris" in completion.text


def test_a_tiny_phi3_writes_what_the_runtime_writes(phi3: OnnxChatModel) -> None:
    ids = plain_loop(phi3, "<|user|>\nhello world<|end|>\n<|assistant|>\n", 60)
    decode = phi3._runtime.tokenizer.create_stream().decode
    completion = phi3.complete([Message("user", "hello world")], Parameters(max_new_tokens=60))
    assert completion.text == "".join(decode(i) for i in ids)
    assert len(completion.text) > 20


def test_a_completion_tells_how_it_came_about(smol: OnnxChatModel) -> None:
    completion = smol.complete(HELLO)
    assert completion.finish_reason == "stop"
    assert completion.text.strip()
    assert "<|im_end|>" not in completion.text
    assert completion.prompt_tokens == len(smol._prompts.build(HELLO, Parameters()).ids)
    assert completion.completion_tokens is not None
    assert completion.completion_tokens > 1
    assert completion.time_to_first_token is not None
    assert 0 < completion.time_to_first_token < completion.total_time
    assert completion.model == smol.identity
    assert completion.model.provider == "onnx"
    assert completion.model.name == "smollm2"
    assert completion.model.revision
    assert completion.model.execution_provider == "cpu"
    json.dumps(completion.to_dict(), allow_nan=False)


def test_max_new_tokens_ends_the_answer(chat: OnnxChatModel) -> None:
    completion = chat.complete(STORY, Parameters(max_new_tokens=3))
    assert completion.finish_reason == "length"
    assert completion.completion_tokens == 3


def test_the_end_of_the_context_ends_the_answer(phi3: OnnxChatModel) -> None:
    question = [Message("user", "a" * 490)]
    completion = phi3.complete(question, Parameters(max_new_tokens=5000))
    assert completion.finish_reason in ("length", "stop")
    assert completion.prompt_tokens is not None
    assert completion.completion_tokens is not None
    assert completion.prompt_tokens + completion.completion_tokens <= 512


def test_the_pieces_of_a_stream_are_the_answer(chat: OnnxChatModel) -> None:
    deltas = list(chat.stream(STORY, Parameters(max_new_tokens=20)))
    *pieces, last = deltas
    assert last.text == ""
    assert last.completion is not None
    assert "".join(d.text for d in pieces) == last.completion.text
    assert all(d.text and d.completion is None for d in pieces)
    assert last.completion.text == chat.complete(STORY, Parameters(max_new_tokens=20)).text


def test_characters_of_several_tokens_arrive_whole(chat: OnnxChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a 😀 漢字 é 👩‍👩‍👧 日本語 end"
    ids = [int(i) for i in chat._runtime.tokenizer.encode(text)]
    assert len(ids) > len(text)
    monkeypatch.setattr(chat, "_tokens", lambda prompt, parameters, top_logprobs: ((i, None) for i in ids))
    deltas = list(chat.stream(STORY))
    assert "".join(d.text for d in deltas).strip() == text
    assert all("\ufffd" not in d.text for d in deltas)


def test_stop_strings_end_the_answer_and_are_not_shown(smol: OnnxChatModel) -> None:
    whole = smol.complete(STORY, Parameters(max_new_tokens=30))
    stop = whole.text[22:37]
    before = whole.text[: whole.text.index(stop)]
    deltas = list(smol.stream(STORY, Parameters(max_new_tokens=30, stop=("never", stop))))
    completion = deltas[-1].completion
    assert completion is not None
    assert completion.text == "".join(d.text for d in deltas) == before
    assert completion.finish_reason == "stop"
    assert completion.completion_tokens is not None
    assert whole.completion_tokens is not None
    assert completion.completion_tokens < whole.completion_tokens


def test_the_beginning_of_a_stop_string_that_never_comes_is_shown(smol: OnnxChatModel) -> None:
    whole = smol.complete(STORY, Parameters(max_new_tokens=10)).text
    stopped = smol.complete(STORY, Parameters(max_new_tokens=10, stop=(whole[-4:] + "never",)))
    assert stopped.text == whole
    assert stopped.finish_reason == "length"


def test_a_seed_repeats_and_another_one_differs(smol: OnnxChatModel) -> None:
    sampled = Parameters(max_new_tokens=20, temperature=1.0, top_p=0.95, seed=1)
    first = smol.complete(STORY, sampled).text
    assert smol.complete(STORY, sampled).text == first
    assert smol.complete(STORY, replace(sampled, seed=2)).text != first


def test_greedy_is_the_default_even_where_the_folder_says_sampling(phi3: OnnxChatModel) -> None:
    assert json.loads((phi3.folder / "genai_config.json").read_text())["search"]["do_sample"] is True
    assert len({phi3.complete(STORY, Parameters(max_new_tokens=20)).text for _ in range(3)}) == 1


def test_sampling_looks_at_more_than_the_runtimes_default_of_50_tokens(phi3: OnnxChatModel) -> None:
    """A nearly flat distribution over 437 tokens: with a hidden top_k of 50 fewer first tokens would be seen."""
    hot = Parameters(max_new_tokens=1, temperature=2.0)
    prompt = phi3._prompts.build(HELLO, hot)
    firsts = {next(phi3._tokens(prompt, replace(hot, seed=seed), None))[0] for seed in range(300)}
    assert len(firsts) > 60


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "rank": {"type": "integer", "maximum": 99}},
    "required": ["city", "rank"],
    "additionalProperties": False,
}


def test_a_json_schema_is_followed(smol: OnnxChatModel) -> None:
    completion = smol.complete(STORY, Parameters(max_new_tokens=100, json_schema=SCHEMA))
    answer = json.loads(completion.text)
    assert completion.finish_reason == "stop"
    assert set(answer) == {"city", "rank"}
    assert isinstance(answer["city"], str)
    assert isinstance(answer["rank"], int)


@pytest.mark.parametrize("schema", [{"type": "no such type"}, {"$ref": "#/nowhere"}])
def test_an_unusable_json_schema_is_an_input_error(smol: OnnxChatModel, schema: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="json_schema"):
        smol.complete(STORY, Parameters(json_schema=schema))
    assert smol.complete(HELLO, Parameters(max_new_tokens=1)).text


def test_a_json_schema_beyond_the_runtime_is_explained(smol: OnnxChatModel) -> None:
    with pytest.raises(NotSupportedError, match="const, enum or pattern"):
        smol.complete(STORY, Parameters(json_schema={"const": "漢字"}))
    assert smol.complete(STORY, Parameters(json_schema={"const": "é"})).text == '"é"'


def test_dropped_turns_are_in_the_completion(phi3: OnnxChatModel) -> None:
    messages = [Message("user", "a" * 300), Message("assistant", "b" * 300), Message("user", "hello")]
    completion = phi3.complete(messages, Parameters(max_new_tokens=5, overflow="truncate"))
    assert completion.dropped_turns == 2


def test_bad_messages_leave_the_model_usable(phi3: OnnxChatModel) -> None:
    with pytest.raises(InputError, match="empty"):
        phi3.complete([Message("user", " ")])
    assert phi3.complete(HELLO, Parameters(max_new_tokens=2)).completion_tokens == 2


def test_a_closed_stream_lets_go_of_the_model(phi3: OnnxChatModel) -> None:
    stream = phi3.stream(STORY)
    next(stream)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(phi3.complete, HELLO, Parameters(max_new_tokens=2))
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        stream.close()
        assert waiting.result(timeout=30).completion_tokens == 2


def test_a_thread_never_waits_for_its_own_stream(phi3: OnnxChatModel) -> None:
    stream = phi3.stream(STORY)
    next(stream)
    with pytest.raises(BakeoffError, match="has not finished"):
        phi3.complete(HELLO)
    with pytest.raises(BakeoffError, match="has not finished"):
        phi3.loglikelihood("a", ["b"])
    last_completion(stream)
    assert phi3.complete(HELLO, Parameters(max_new_tokens=2)).completion_tokens == 2


def test_many_threads_get_their_own_answers(phi3: OnnxChatModel) -> None:
    questions = [[Message("user", f"{i} the city")] for i in range(8)]
    brief = Parameters(max_new_tokens=20)
    alone = [phi3.complete(q, brief).text for q in questions]
    assert len(set(alone)) > 1
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda q: phi3.complete(q, brief).text, questions)) == alone


def test_a_failing_runtime_is_explained(phi3: OnnxChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: Any, options: Any) -> None:
        raise RuntimeError("out of memory")

    phi3._prefixes.forget()
    monkeypatch.setattr(og, "Generator", fail)
    with pytest.raises(BakeoffError, match=r"tiny-phi3.*out of memory"):
        phi3.complete(HELLO)
    monkeypatch.undo()
    assert phi3.complete(HELLO, Parameters(max_new_tokens=2)).completion_tokens == 2


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no configuration": lambda f: (f / "genai_config.json").unlink(),
    "half a configuration": lambda f: (f / "genai_config.json").write_text('{"model": '),
    "empty configuration": lambda f: (f / "genai_config.json").write_text("{}"),
    "no context length": lambda f: (f / "genai_config.json").write_text(
        '{"model": {"type": "phi3", "decoder": {"filename": "model.onnx"}}}'
    ),
    "no graph": lambda f: (f / "model.onnx").unlink(),
    "garbage graph": lambda f: (f / "model.onnx").write_bytes(b"garbage" * 100),
    "half a graph": lambda f: (f / "model.onnx").write_bytes((f / "model.onnx").read_bytes()[:20000]),
    "no tokenizer": lambda f: (f / "tokenizer.json").unlink(),
    "half a tokenizer": lambda f: (f / "tokenizer.json").write_text('{"version": '),
    "no tokenizer configuration": lambda f: (f / "tokenizer_config.json").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_folder_is_named(tiny_phi3: Path, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    folder = Path(shutil.copytree(tiny_phi3, tmp_path / "model"))
    damage(folder)
    with pytest.raises(ModelCorruptError) as caught:
        OnnxChatModel(folder, "damaged")
    assert str(folder) in str(caught.value)


def test_truncated_weights_are_found(smollm2: Path, tmp_path: Path) -> None:
    for name in ("genai_config.json", "model.onnx", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(smollm2 / name, tmp_path / name)
    with (smollm2 / "model.onnx.data").open("rb") as whole:
        (tmp_path / "model.onnx.data").write_bytes(whole.read(1 << 20))
    with pytest.raises(ModelCorruptError, match="pull the model again"):
        OnnxChatModel(tmp_path, "truncated")


def test_a_missing_folder_and_a_file_are_told_apart(tiny_phi3: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        OnnxChatModel(tmp_path / "nowhere", "missing")
    with pytest.raises(ModelCorruptError, match="is a file"):
        OnnxChatModel(tiny_phi3 / "model.onnx", "file")
    with pytest.raises(ModelCorruptError, match="not an onnxruntime-genai model"):
        OnnxChatModel(tmp_path, "empty")


@pytest.mark.parametrize(
    ("provider", "package"), [("cuda", "onnxruntime-genai-cuda"), ("dml", "onnxruntime-genai-directml")]
)
def test_a_provider_that_is_not_built_in_names_the_package(
    tiny_phi3: Path, monkeypatch: pytest.MonkeyPatch, provider: str, package: str
) -> None:
    monkeypatch.setattr(og, f"is_{provider}_available", lambda: False)
    with pytest.raises(NotSupportedError, match=package):
        OnnxChatModel(tiny_phi3, "tiny", provider)


def test_an_unknown_provider_is_an_input_error(tiny_phi3: Path) -> None:
    with pytest.raises(InputError, match="cpu, cuda, dml"):
        OnnxChatModel(tiny_phi3, "tiny", "tpu")

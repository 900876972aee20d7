"""The embedded model as imported: llama.cpp's token ids and next tokens, and the perplexity of its exact weights."""

import json
from pathlib import Path

import numpy as np
import onnxruntime_genai as genai
import pytest
from numpy_llama import NumpyLlama, log_softmax, perplexity
from test_gguf_import import run

HERE = Path(__file__).parent
RECORDED_IDS = HERE / "llama_cpp_token_ids.jsonl"
RECORDED_NEXT = HERE / "llama_cpp_next_tokens.json"


@pytest.fixture(scope="module")
def tokenizer(smollm2: Path) -> genai.Tokenizer:
    return genai.Tokenizer(genai.Model(str(smollm2)))


def test_token_ids_equal_llama_cpp(tokenizer: genai.Tokenizer) -> None:
    rows = [json.loads(line) for line in RECORDED_IDS.open(encoding="utf-8")]
    assert len(rows) == 1000
    different = [row["text"] for row in rows if tokenizer.encode(row["text"]).tolist() != row["ids"]]
    assert not different


def test_next_tokens_agree_with_llama_cpp(smollm2: Path, tokenizer: genai.Tokenizer) -> None:
    """Both round activations to int8, differently: log-probabilities agree to a tenth on average."""
    differences, same_best = [], 0
    prompts = json.loads(RECORDED_NEXT.read_text())["prompts"]
    for prompt in prompts:
        found = log_softmax(run(smollm2, tokenizer.encode(prompt["prompt"]).tolist(), -1)[0])
        recorded = {int(token): value for token, value in prompt["top_logprobs"].items()}
        differences += [abs(found[token] - value) for token, value in recorded.items()]
        same_best += int(found.argmax()) == max(recorded, key=recorded.__getitem__)
    assert np.mean(differences) < 0.15
    assert same_best >= len(prompts) - 2


def test_perplexity_is_that_of_the_exact_weights(smollm2: Path, smollm2_gguf: Path, tokenizer: genai.Tokenizer) -> None:
    ids = tokenizer.encode((HERE / "passage.txt").read_text(encoding="utf-8")).tolist()
    exact = perplexity(NumpyLlama(smollm2_gguf).logits(ids), ids)
    assert perplexity(run(smollm2, ids, 0), ids) == pytest.approx(exact, rel=0.02)

"""Record what llama.cpp makes of the embedded model's GGUF, for the importer's tests to compare with.

    python tests/catalog/gguf/record_llama_cpp.py GGUF

writes llama_cpp_token_ids.jsonl (1,000 varied lines with llama.cpp's token ids) and llama_cpp_next_tokens.json
(its most likely next tokens and their log-probabilities after 24 prompts) beside this file. Needs `xllamacpp`.
"""

import json
import random
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
IDS, NEXT = HERE / "llama_cpp_token_ids.jsonl", HERE / "llama_cpp_next_tokens.json"

# ruff: noqa: E501
WORDS = {
    "english": "the river's old mill can't turn we'll they've I'm SHOUTING CamelCase don’t re-used naïve façade Mr. e.g. U.S.A.",
    "european": "Größe Straße déjà œuvre mañana ¿qué? żółw čeština İstanbul smörgåsbord Ελλάδα καλημέρα Москва привет",
    "asian": "東京 日本語 你好，世界 한국어 हिन्दी ภาษาไทย العربية עברית ไก่ ＡＢＣ１２３",
    "numbers": "1 22 333 4444 1234567890 3.14159 1,000,000 0x1F 1e-9 ½ ² ٣٤٥ ４２ 10:45 2026-11-22 50% $9.99 №5",
    "code": "def f(x): return x[1:]; {'a':1} a!=b a->b // /* */ #include<stdio.h> SELECT * FROM t; __init__ foo_bar \\n </div>",
    "symbols": "!!! ... ??? — – … “quoted” «x» • → ≤ ∑ ∞ © ™ € £ ~~ ^^ `code` || && ### *** ---",
    "emoji": "🙂 👍🏽 👩‍👩‍👧 🇫🇷 ❤️ 🤷‍♀️ 😂😂😂 ☕️",
    "odd": "a\u0301 e\u0301\u0302 zero\u200bwidth soft\u00adhyphen nb\u00a0space thin\u2009space \ufeffbom \u202ertl\u202c \x07bell \x1besc",
}
GAPS = [" "] * 12 + ["  ", "   ", "\t", "\n", "\n\n", " \n ", "\r\n", "\u00a0", "\u3000", "      ", ""]


def lines() -> list[str]:
    """1,000 lines: every script alone, then mixtures with irregular white space at every place."""
    rng = random.Random(135)
    kinds = {kind: words.split(" ") for kind, words in WORDS.items()}
    every = [word for words in kinds.values() for word in words]
    made = list(every)
    while len(made) < 1000:
        pool = every if rng.random() < 0.4 else rng.choice(list(kinds.values()))
        pieces = [rng.choice(pool) + rng.choice(GAPS) for _ in range(rng.randint(2, 24))]
        made.append(rng.choice(["", "", " ", "\n"]) + "".join(pieces))
    return made[:1000]


PROMPTS = [
    "The capital of France is",
    "Water boils at a temperature of",
    "Once upon a time, in a small village by the sea, there lived",
    "def fibonacci(n):\n    if n < 2:\n        return",
    "The three primary colours are red, yellow and",
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nName a fruit that is yellow.<|im_end|>\n<|im_start|>assistant\n",
    "In 1969 the first human being walked on",
]
CONTEXTS = [
    "",
    "Here is a list of well-known facts.\n\n",
    "The old library had 3,482 books, most of them about geology, rivers and maps. " * 6,
]


def main(gguf: str) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = gguf
    parameters.n_ctx = 2048
    server = xllamacpp.Server(parameters)

    def post(path: str, body: dict) -> dict:
        data = json.dumps(body).encode()
        request = urllib.request.Request(server.listening_address + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    with IDS.open("w", encoding="utf-8") as file:
        for line in lines():
            ids = post("/tokenize", {"content": line, "add_special": False, "parse_special": False})["tokens"]
            file.write(json.dumps({"text": line, "ids": ids}, ensure_ascii=True) + "\n")
    recorded = []
    for prompt in (context + prompt for context in CONTEXTS for prompt in PROMPTS):
        body = {"prompt": prompt, "n_predict": 1, "n_probs": 5, "temperature": 0, "cache_prompt": False}
        first = post("/completion", body)["completion_probabilities"][0]
        top = {str(entry["id"]): entry["logprob"] for entry in first["top_logprobs"]}
        recorded.append({"prompt": prompt, "top_logprobs": top})
    NEXT.write_text(json.dumps({"build": xllamacpp.BUILD_INFO, "prompts": recorded}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

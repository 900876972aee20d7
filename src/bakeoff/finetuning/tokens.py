"""Examples as token ids, with a loss on the answer only."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bakeoff.errors import InputError, PromptTooLongError
from bakeoff.finetuning.examples import SHOWN, Example
from bakeoff.models.base import Message

IGNORED = -100  # what torch's cross entropy leaves out


class Encoder(Protocol):
    """The tokenizer and chat template of a base."""

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Ids of the prompt, up to where the answer begins."""
        ...

    def answer(self, text: str) -> list[int]:
        """Ids of an answer, with the token that ends it."""
        ...


class OnnxEncoder:
    """That of an onnxruntime-genai folder: the very ids that the model will be asked with."""

    def __init__(self, folder: Path):
        from bakeoff.models.onnx_chat import OnnxChatModel

        self._model = OnnxChatModel(folder, folder.name)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        return self._model.prompt_ids(messages)

    def answer(self, text: str) -> list[int]:
        return self._model.answer_ids(text)


class FolderEncoder:
    """That of a Hugging Face model folder."""

    def __init__(self, folder: Path):
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        turns = [{"role": message.role, "content": message.text} for message in messages]
        ids = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        return [int(i) for i in ids]

    def answer(self, text: str) -> list[int]:
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return [*map(int, ids), int(self._tokenizer.eos_token_id)]


@dataclass(frozen=True)
class TokenRow:
    """ids of prompt and answer; labels: the same for the answer, IGNORED for the prompt."""

    ids: list[int]
    labels: list[int]


def encode(examples: Sequence[Example], encoder: Encoder, max_length: int, source: Path) -> list[TokenRow]:
    """Raises InputError naming the rows that are longer than max_length tokens."""
    rows: list[TokenRow] = []
    long: list[str] = []
    for example in examples:
        where = f"line {example.line} ({example.id})"
        try:
            prompt, answer = encoder.prompt(example.messages), encoder.answer(example.answer)
        except PromptTooLongError as error:
            long.append(f"{where}: {error}")
            continue
        if len(prompt) + len(answer) > max_length:
            long.append(f"{where}: {len(prompt) + len(answer):,} tokens")
        rows.append(TokenRow(prompt + answer, [IGNORED] * len(prompt) + answer))
    if long:
        more = [f"... and {len(long) - SHOWN} more"] if len(long) > SHOWN else []
        head = f"{source}: {len(long)} rows are longer than max_length, {max_length} tokens: shorten them or raise it"
        raise InputError("\n  ".join([head, *long[:SHOWN], *more]))
    return rows

"""Token ids of text of which only some parts may hold control tokens: the chat template's own, never a person's.

onnxruntime-genai's tokenizer reads `<|im_start|>`, `</s>`, ... as control tokens wherever they stand and has no option
against it. So the text is cut inside every such string that lies wholly or partly in an untrusted part, and the pieces
are encoded one by one: no piece holds the whole string, and the ids still decode to the same text. Text without such a
string is encoded in one go, exactly as the tokenizer would do by itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import InputError, ModelCorruptError

Ids = NDArray[np.int32]

PIECE = 8192
"""Characters encoded at a time to see how long a text is: a run without spaces takes the tokenizer quadratic time."""


@dataclass(frozen=True)
class Part:
    """A piece of a prompt; `trusted` text comes with the model and may hold control tokens.

    image: the piece stands for an image (see bakeoff.models.onnx_vision).
    """

    text: str
    trusted: bool = False
    image: bool = False


class TextEncoder:
    """Encodes parts for one tokenizer; `controls` are its control tokens by id (see `control_tokens`)."""

    def __init__(self, tokenizer: Any, controls: Mapping[int, str]):
        self._tokenizer = tokenizer
        self._control_ids = np.array(sorted(controls), dtype=np.int32)
        self._splittable = [text for text in controls.values() if len(text) > 1]
        self._line_break = tokenizer.encode("\n")

    def encode(self, parts: Sequence[Part]) -> Ids:
        """The ids of the parts joined.

        Raises InputError where the tokenizer would still read untrusted text as a control token (one of a single
        character, which cannot be cut).
        """
        texts = [part.text if part.trusted else valid_text(part.text) for part in parts]
        ends = list(accumulate(map(len, texts), initial=0))
        untrusted = [span for span, part in zip(pairwise(ends), parts, strict=True) if not part.trusted]
        whole = "".join(texts)
        edges = [0, *self._cuts(whole, untrusted), len(whole)]
        pieces = [self._continue(whole[a:b]) if a else self._encode(whole[a:b]) for a, b in pairwise(edges)]
        ids: Ids = np.concatenate(pieces, dtype=np.int32)
        expected = [self._controls_in(self._encode(part.text)) for part in parts if part.trusted]
        if not np.array_equal(self._controls_in(ids), np.concatenate([np.zeros(0, np.int32), *expected])):
            raise InputError(
                "the text holds a character that this model's tokenizer can only read as a control token: remove it"
            )
        return ids

    def estimate(self, parts: Sequence[Part], most: int) -> int:
        """About how many tokens the parts have; stops counting above `most`."""
        count = 0
        for part in parts:
            for start in range(0, len(part.text), PIECE):
                count += len(self._encode(valid_text(part.text[start : start + PIECE])))
                if count > most:
                    return count
        return count

    def _encode(self, text: str) -> Ids:
        ids: Ids = self._tokenizer.encode(text)
        return ids

    def _continue(self, text: str) -> Ids:
        """The ids of text within a text: some tokenizers put a space before whatever they are given."""
        ids, head = self._encode("\n" + text), len(self._line_break)
        return ids[head:] if np.array_equal(ids[:head], self._line_break) else self._encode(text)

    def _controls_in(self, ids: Ids) -> Ids:
        return ids[np.isin(ids, self._control_ids)]

    def _cuts(self, whole: str, untrusted: Sequence[tuple[int, int]]) -> list[int]:
        """Where to cut: inside each control string that overlaps an untrusted span, and never inside trusted text."""
        cuts = set()
        for start, end in untrusted:
            if start == end:
                continue
            for control in self._splittable:
                first, last = max(0, start - len(control) + 1), end + len(control) - 1
                at = whole.find(control, first, last)
                while at >= 0:
                    cuts.add(max(at + 1, start))
                    at = whole.find(control, at + 1, last)
        return sorted(cuts)


def valid_text(text: str) -> str:
    """The text with surrogate pairs joined; U+FFFD for lone surrogates and for NUL, which ends text in the runtime."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")


def control_tokens(folder: Path) -> dict[int, str]:
    """The control tokens of a model folder by id, from tokenizer.json and tokenizer_config.json.

    Those marked special, and other added tokens that look like markup (`</s>`, `<tool_call>`); added words, white
    space and single characters are text. Raises ModelCorruptError for files that cannot be read.
    """
    added: dict[int, Mapping[str, Any]] = {}
    try:
        tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8-sig"))
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8-sig"))
        added |= {int(number): token for number, token in config.get("added_tokens_decoder", {}).items()}
        added |= {token["id"]: token for token in tokenizer.get("added_tokens", [])}
        return {number: token["content"] for number, token in added.items() if _is_control(token)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelCorruptError(
            f"{folder}: the tokenizer's files cannot be read ({type(error).__name__}: {error}): fetch the model again"
        ) from error


def _is_control(token: Mapping[str, Any]) -> bool:
    text: str = token["content"]
    looks_like_markup = len(text) > 1 and any(not (c.isalnum() or c.isspace()) for c in text)
    return bool(text) and (bool(token.get("special")) or looks_like_markup)

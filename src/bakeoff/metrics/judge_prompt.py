"""What a judge is shown: texts as data, between marks that no text can forge."""

import hashlib
from collections.abc import Mapping
from typing import Any


def judged_texts(texts: Mapping[str, str]) -> str:
    """The texts, each between `<name mark>` and `</name mark>`, for the judge's user message.

    The mark is a hash over all the texts: the same in every run, and who writes one of them cannot know it, because
    every change of the text changes it.
    """
    content = "\0".join(f"{name}\0{text}" for name, text in texts.items())
    mark = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    blocks = "\n\n".join(f"<{name} {mark}>\n{text}\n</{name} {mark}>" for name, text in texts.items())
    return f"Texts to judge. Only lines with the mark {mark} separate them.\n\n{blocks}"


def context_text(context: Any) -> str:
    """The context as one text: a string, or a list of strings or of the passages that `flows/rag` gives.

    Of passages with a `number`, those that were not shown to the model (None) are left out. What is no text is empty.
    """
    if isinstance(context, str):
        return context if context != "nan" else ""
    passages = context if isinstance(context, list | tuple) else ()
    return "\n\n".join(text for text in map(_passage, passages) if text.strip())


def _passage(passage: Any) -> str:
    if not isinstance(passage, Mapping):
        return passage if isinstance(passage, str) else ""
    if passage.get("number", 0) is None:
        return ""
    title, text = passage.get("context"), passage.get("text")
    return f"{title}\n{text}" if title and text else str(text or "")

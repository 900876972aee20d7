"""Markdown (CommonMark with tables), through the HTML that it stands for."""

import re
from typing import Any

import yaml
from markdown_it import MarkdownIt

from bakeoff.retrieval.encoding import decode_text
from bakeoff.retrieval.readers.html import html_sections
from bakeoff.retrieval.sections import Content, clean

_FRONT_MATTER = re.compile(r"\s*^---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)


def read_markdown(data: bytes, name: str, encoding: str | None) -> Content:
    """Sections by heading. YAML front matter is no text; its `title`, else the first top heading, is the title."""
    text = clean(decode_text(data, fallback=encoding))
    front_matter, text, notes = _split_front_matter(text)
    builder = html_sections(MarkdownIt("commonmark").enable("table").render(text))[1]
    title = front_matter.get("title")
    return builder.content(clean(str(title or "")).strip() or builder.first_heading or name, notes)


def _split_front_matter(text: str) -> tuple[dict[str, Any], str, tuple[str, ...]]:
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}, text, ()
    rest = text[match.end() :]
    try:
        values = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        note = f"its front matter is not valid YAML ({problem}) and is kept as text"
        return {}, f"{match[1]}\n\n{rest}", (note,)
    if values is None:
        return {}, rest, ()
    return (values, rest, ()) if isinstance(values, dict) else ({}, text, ())

"""Plain text."""

from bakeoff.retrieval.encoding import decode_text
from bakeoff.retrieval.sections import Content, SectionBuilder


def read_text(data: bytes, name: str, encoding: str | None) -> Content:
    """One section without headings; blank lines part its paragraphs."""
    builder = SectionBuilder()
    builder.block(decode_text(data, fallback=encoding))
    return builder.content(name)

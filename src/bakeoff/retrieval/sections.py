"""The text of a document under its headings, as every reader delivers it."""

import re
from dataclasses import dataclass, field

from bakeoff.retrieval.tables import is_table

_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b\u2060\ufeff]|\xad\n?")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Section:
    """Text below one heading, or of one page.

    heading_path: headings from the outermost in. page: 1-based, None where the format has none. text: paragraphs
    parted by blank lines; a list has one item a line, a table is a block of pipe rows (see `tables.pipe_table`).
    """

    heading_path: tuple[str, ...]
    page: int | None
    text: str


@dataclass(frozen=True)
class Content:
    """What a reader found in a file; `notes` tell what of it may be missing or wrong."""

    title: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()


def clean(text: str) -> str:
    """The text without control characters, soft hyphens, zero-width spaces, blank ends of lines and surplus lines."""
    text = re.sub("\r\n?|[\v\x85\u2028]", "\n", text)
    text = re.sub("[\f\u2029]", "\n\n", text)
    text = _SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text))
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n")


@dataclass
class SectionBuilder:
    """Collects headings and blocks in reading order.

    A heading that has neither text nor lower headings becomes text of the section above it.
    """

    first_heading: str | None = None
    _path: list[tuple[int, str]] = field(default_factory=list)
    _blocks: list[str] = field(default_factory=list)  # with the line breaks between them
    _sections: list[Section] = field(default_factory=list)

    def heading(self, level: int, text: str) -> None:
        """Start a section; level 1 is the outermost."""
        if not (text := clean(text)):
            return
        if level == 1 and self.first_heading is None:
            self.first_heading = text
        self._close(followed_by=level)
        while self._path and self._path[-1][0] >= level:
            self._path.pop()
        self._path.append((level, text))

    def block(self, text: str, *, tight: bool = False) -> None:
        """Add a paragraph, table or other block; a tight one (a list item) follows on the next line."""
        if not (text := clean(text)).strip():
            return
        if self._blocks:
            self._blocks.append("\n" if tight and not is_table(self._blocks[-1]) else "\n\n")
        self._blocks.append(text)

    def content(self, title: str, notes: tuple[str, ...] = ()) -> Content:
        """Everything collected. The title's own heading is left out where nothing stands directly below it."""
        self._close(followed_by=0)
        sections = [s for s in self._sections if s != Section((), None, title)]
        return Content(title, tuple(sections or self._sections), notes)

    def _close(self, followed_by: int) -> None:
        path = tuple(text for _, text in self._path)
        if self._blocks:
            self._sections.append(Section(path, None, "".join(self._blocks)))
        elif self._path and followed_by <= self._path[-1][0]:
            self._sections.append(Section(path[:-1], None, path[-1]))
        self._blocks.clear()

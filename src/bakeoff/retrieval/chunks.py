"""Documents cut into chunks that an embedding model can take whole, each knowing where it comes from."""

import hashlib
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bakeoff.errors import InputError
from bakeoff.retrieval.documents import Document
from bakeoff.retrieval.sections import Section
from bakeoff.retrieval.sentences import sentence_spans
from bakeoff.retrieval.tables import rows_of, without_marks
from bakeoff.retrieval.units import Unit, units_of

CountTokens = Callable[[str], int]
SMALLEST_LIMIT = 16
_SMALL_SECTION = 0.1  # of the limit: such sections are joined with neighbours
_MOST_CONTEXT = 0.25  # of the limit
_MOST_CHARACTERS = 25  # a token: a tokenizer may call a long run of letters one unknown token


@dataclass(frozen=True)
class Chunk:
    """A passage of a document.

    id: 16 hex digits, the same as long as the document's path, the chunk's context and text, and how often they came
    before in the document are the same; edits elsewhere leave it alone. document: the document's path. page: where it
    begins, 1-based. text: for people and prompts. start: offset in `Document.text` of its first character, repeated
    table headers aside. tokens: of context and text. context: title and headings, the outer ones left out where they
    would take more than a quarter of the limit.
    """

    id: str
    document: str
    heading_path: tuple[str, ...]
    page: int | None
    text: str
    start: int
    tokens: int
    context: str

    @property
    def embedding_text(self) -> str:
        """The context, a blank line and the text without the marks of tables, which blur a mean of token vectors."""
        return _with_context(self.context, without_marks(self.text))

    @property
    def embedding_texts(self) -> list[str]:
        """`embedding_text`, then each row of its tables by itself: a whole table is like none of its rows."""
        return [self.embedding_text, *(_with_context(self.context, row) for row in rows_of(self.text))]


@dataclass(frozen=True)
class _Part:
    """Text under one heading path, at an offset in the document; cut no further where `whole`."""

    heading_path: tuple[str, ...]
    page: int | None
    text: str
    start: int
    whole: bool = False


def chunk(document: Document, count_tokens: CountTokens, max_tokens: int = 200, overlap: int = 30) -> list[Chunk]:
    """Cut a document at headings and pages, then paragraphs and table rows, sentences, words.

    count_tokens: of the embedding model; special tokens counted or not, as the limit is meant. max_tokens: most tokens
    of context and text; a text has at most 25 characters for each of them, too. overlap: most tokens that a
    chunk repeats of the text before it within a section (whole sentences, else words); a table cut in two repeats its
    header row instead. Sections under a tenth of the limit are joined with a following sibling as small, or with the
    first section below them. Raises InputError for limits
    out of range.
    """
    if max_tokens < SMALLEST_LIMIT:
        raise InputError(f"max_tokens is {max_tokens}: it must be {SMALLEST_LIMIT} or more")
    if not 0 <= overlap <= max_tokens // 2:
        raise InputError(f"overlap is {overlap}: it must lie between 0 and half of max_tokens ({max_tokens // 2})")
    chunks: list[Chunk] = []
    seen: Counter[str] = Counter()
    for part in _parts(document, count_tokens, max_tokens):
        context = _context(document.title, part.heading_path, count_tokens, int(max_tokens * _MOST_CONTEXT))
        for start, text in _cut(part, context, count_tokens, max_tokens, overlap):
            whole = _with_context(context, text)
            content = f"{document.path}\0{part.page}\0{whole}"
            identity = hashlib.sha256(f"{content}\0{seen[content]}".encode()).hexdigest()[:16]
            seen[content] += 1
            tokens = count_tokens(whole)
            chunks.append(
                Chunk(identity, document.path, part.heading_path, part.page, text, part.start + start, tokens, context)
            )
    return chunks


def _with_context(context: str, text: str) -> str:
    return f"{context}\n\n{text}" if context else text


def _context(title: str, heading_path: tuple[str, ...], count_tokens: CountTokens, most: int) -> str:
    names = heading_path if heading_path[:1] == (title,) else (title, *heading_path)
    for first in range(len(names)):
        context = " > ".join(names[first:])
        if count_tokens(context) <= most:
            return context
    return ""


def _parts(document: Document, count_tokens: CountTokens, max_tokens: int) -> Iterator[_Part]:
    """The sections with their offsets, small ones joined."""
    small = max_tokens * _SMALL_SECTION
    offset = 0
    waiting: _Part | None = None
    for section in document.sections:
        part = _Part(section.heading_path, section.page, section.text, offset)
        offset += len(section.text) + 2
        if not section.text.strip():
            continue
        if waiting is not None:
            joined = _join(waiting, section)
            is_small = count_tokens(section.text) < small
            inside = section.heading_path[: len(waiting.heading_path)] == waiting.heading_path
            context = _context(document.title, joined.heading_path, count_tokens, int(max_tokens * _MOST_CONTEXT))
            if (
                _are_near(waiting, section)
                and (is_small or inside)
                and count_tokens(_with_context(context, joined.text)) <= max_tokens
            ):
                part = joined
            else:
                yield waiting
        waiting = part if count_tokens(part.text) < small else None
        if waiting is None:
            yield part
    if waiting is not None:
        yield waiting


def _are_near(part: _Part, section: Section) -> bool:
    common = len(_common(part.heading_path, section.heading_path))
    deepest = max(len(part.heading_path), len(section.heading_path))
    return part.page == section.page and deepest - common <= 1


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return one[:count]


def _join(part: _Part, section: Section) -> _Part:
    """Both texts under what their heading paths share, each below the rest of its own."""
    common = _common(part.heading_path, section.heading_path)
    texts = []
    for path, text in ((part.heading_path, part.text), (section.heading_path, section.text)):
        own = " > ".join(path[len(common) :])
        texts.append(f"{own}\n{text}" if own else text)
    return _Part(common, part.page, "\n\n".join(texts), part.start, whole=True)


def _cut(
    part: _Part, context: str, count_tokens: CountTokens, max_tokens: int, overlap: int
) -> Iterator[tuple[int, str]]:
    """Start and text of each chunk of a part."""

    def fits(text: str) -> bool:
        short = len(text) <= max_tokens * _MOST_CHARACTERS
        return short and count_tokens(_with_context(context, text)) <= max_tokens

    if part.whole or fits(part.text):
        yield 0 if part.whole else len(part.text) - len(part.text.lstrip()), part.text.strip()
        return
    units = units_of(part.text, fits)
    previous, first = 0, 0
    while first < len(units):
        start = units[first].start
        repeated = _overlap_start(part.text, units, previous, first, count_tokens, overlap)
        if fits(part.text[repeated : units[first].end]):
            start = repeated
        after = _first_after(part.text, units, first, start, fits)
        yield start, units[first].lead + part.text[start : units[after - 1].end]
        previous, first = first, after


def _first_after(text: str, units: Sequence[Unit], first: int, start: int, fits: Callable[[str], bool]) -> int:
    """Index of the first unit that has no room in a chunk which begins at `start` with unit `first`."""

    def has_room(index: int) -> bool:
        return fits(units[first].lead + text[start : units[index].end])

    step = 1
    while first + step < len(units) and has_room(first + step):
        step *= 2
    return bisect_left(
        range(len(units)),
        True,
        first + step // 2 + 1,
        min(first + step, len(units)),
        key=lambda index: not has_room(index),
    )


def _overlap_start(
    text: str, units: Sequence[Unit], previous: int, first: int, count_tokens: CountTokens, overlap: int
) -> int:
    """Where the text begins that a chunk starting with unit `first` repeats of the one starting with `previous`."""
    own = units[first].start
    if first == 0 or units[first].lead or text[own] == "|":
        return own
    begin, end = units[previous].start, units[first - 1].end
    sentences = [begin + a for a, _ in sentence_spans(text[begin:end])]
    words = [begin + match.start() for match in re.finditer(r"\S+", text[begin:end])]
    for starts in (sentences, words):
        start = own
        for candidate in reversed(starts):
            if _is_in_table(text, candidate) or count_tokens(text[candidate:own]) > overlap:
                break
            start = candidate
        if start < own:
            return start
    return own


def _is_in_table(text: str, position: int) -> bool:
    return text.startswith("|", text.rfind("\n", 0, position) + 1)

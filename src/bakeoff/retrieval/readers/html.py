"""HTML: headings, paragraphs, lists and tables as text, without scripts, styles, navigation and hidden parts."""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from bakeoff.errors import InputError
from bakeoff.retrieval.encoding import decode_text
from bakeoff.retrieval.sections import Content, SectionBuilder, clean
from bakeoff.retrieval.tables import pipe_table

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_UNSEEN = frozenset(
    """head script style nav template noscript svg iframe object canvas audio video select button""".split()  # noqa: SIM905
)
_BLOCKS = frozenset(_HEADINGS) | frozenset(
    """html body address article aside blockquote caption center dd details dialog div dl dt fieldset figcaption figure
    footer form header hgroup hr legend li main menu ol p pre search section summary table tbody td tfoot th thead tr
    ul""".split()  # noqa: SIM905
)
_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w.:-]+) | <\?xml[^>]{0,100}encoding=["']([\w.:-]+)""", re.I | re.X
)
_DECLARATION_WITHIN = 4096


def read_html(data: bytes, name: str, encoding: str | None) -> Content:
    """Sections by heading; `<title>`, else the first h1, is the title. Link targets are dropped, image texts kept."""
    match = _DECLARED.search(data[:_DECLARATION_WITHIN])
    declared = (match[1] or match[2]).decode("ascii") if match else None
    title, builder = html_sections(decode_text(data, declared, encoding))
    return builder.content(title or builder.first_heading or name)


def html_sections(markup: str) -> tuple[str, SectionBuilder]:
    """The `<title>` (empty where there is none) and the collected text of an HTML page or fragment.

    Rubbish is read as libxml2's forgiving parser reads it. Raises InputError for nesting deeper than that parser goes.
    """
    builder = SectionBuilder()
    parser = lxml_html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        tree = lxml_html.document_fromstring(clean(markup).encode("utf-8"), parser=parser)
    except etree.ParserError:  # nothing but blanks and comments
        return "", builder
    if any(entry.level_name == "FATAL" for entry in parser.error_log):
        raise InputError("is HTML nested too deeply to be read (over 2,000 levels)")
    _Walk(builder).over(tree)
    return " ".join(tree.findtext(".//head/title", "").split()), builder


class _Walk:
    """One pass over a tree in document order, without recursion."""

    def __init__(self, builder: SectionBuilder) -> None:
        self.builder = builder
        self.line: list[str] = []
        self.lists: list[int | None] = []  # the next number of each open list, None in a bulleted one
        self.marker: str | None = None

    def over(self, tree: Any) -> None:
        walker = etree.iterwalk(tree, events=("start", "end"))
        for event, node in walker:
            if event == "end":
                self._leave(node)
            elif _is_unseen(node) or self._take_whole(node):
                walker.skip_subtree()
            else:
                self._enter(node)
        self._flush()

    def _take_whole(self, node: Any) -> bool:
        """Add a heading, a table or preformatted text at once, where this node is one."""
        if node.tag in _HEADINGS:
            self._flush()
            self.builder.heading(int(node.tag[1]), _plain(node))
        elif node.tag == "pre":
            self._flush()
            for line_break in node.iter("br"):
                line_break.tail = f"\n{line_break.tail or ''}"
            self.builder.block("".join(node.itertext()))
        elif node.tag == "table" and _has_cells(node):
            self._flush()
            for caption in node.findall("caption"):
                self.builder.block(_plain(caption))
            self.builder.block(pipe_table(list(_rows(node))))
        else:
            return False
        return True

    def _enter(self, node: Any) -> None:
        if node.tag in _BLOCKS:
            self._flush()
        if node.tag in ("ul", "menu"):
            self.lists.append(None)
        elif node.tag == "ol":
            self.lists.append(_number(node.get("start"), 1))
        elif node.tag == "li":
            self.marker = self._next_marker()
        elif node.tag == "br":
            self.line.append("\n")
        elif node.tag == "img":
            self._add(f" {node.get('alt', '')} ")
        self._add(node.text)

    def _leave(self, node: Any) -> None:
        if node.tag in _BLOCKS:
            self._flush()
        if node.tag in ("ul", "menu", "ol") and self.lists:
            self.lists.pop()
        elif node.tag == "li":
            self.marker = None
        self._add(node.tail)

    def _next_marker(self) -> str:
        if not self.lists or self.lists[-1] is None:
            return "- "
        self.lists[-1] += 1
        return f"{self.lists[-1] - 1}. "

    def _add(self, text: str | None) -> None:
        if text:
            self.line.append(re.sub(r"\s+", " ", text))

    def _flush(self) -> None:
        text = "\n".join(" ".join(line.split()) for line in "".join(self.line).split("\n")).strip()
        self.line.clear()
        if not text:
            return
        if self.lists:
            indent = "  " * (len(self.lists) - 1)
            self.builder.block(indent + (self.marker or "  ") + text, tight=True)
            self.marker = None
        else:
            self.builder.block((self.marker or "") + text)


def _is_unseen(node: Any) -> bool:
    return (
        node.tag in _UNSEEN
        or "hidden" in node.attrib
        or node.get("role") == "navigation"
        or re.search(r"display\s*:\s*none|visibility\s*:\s*hidden", node.get("style", ""), re.I) is not None
    )


def _plain(node: Any) -> str:
    """The node's visible text on one line; blocks and line breaks inside it are parted by a space."""
    parts: list[str] = []
    walker = etree.iterwalk(node, events=("start", "end"))
    for event, inner in walker:
        breaks = inner.tag in _BLOCKS or inner.tag in ("br", "img")
        parts.append(" " if breaks else "")
        if event == "end":
            parts.append("" if inner is node else inner.tail or "")
        elif _is_unseen(inner) and not (inner.tag == "button" and node.tag in _HEADINGS):  # it opens what follows
            walker.skip_subtree()
        else:
            parts += (inner.text or "", inner.get("alt", "") if inner.tag == "img" else "")
    return " ".join("".join(parts).split())


def _has_cells(table: Any) -> bool:
    """Whether a table is one; tables that hold tables are mere layout."""
    return table.find(".//table") is None and table.xpath("boolean(.//tr/td | .//tr/th)")


def _rows(table: Any) -> Iterator[list[str]]:
    """Cells by row. A cell over several rows is repeated in each; one over several columns is, if it is a header."""
    open_cells: dict[int, tuple[int, str]] = {}  # column: rows still to come, text
    for row in table.iter("tr"):
        if _is_unseen(row):
            continue
        filled = {column: text for column, (_, text) in open_cells.items()}
        open_cells = {column: (left - 1, text) for column, (left, text) in open_cells.items() if left > 1}
        column = 0
        for cell in row.iterchildren("td", "th"):
            text = _plain(cell)
            for offset in range(_number(cell.get("colspan"), 1, most=100)):
                while column in filled:
                    column += 1
                filled[column] = text if offset == 0 or cell.tag == "th" else ""
                below = _number(cell.get("rowspan"), 1, most=1000) - 1
                if below:
                    open_cells[column] = (below, filled[column])
        yield [filled.get(column, "") for column in range(max(filled, default=-1) + 1)]


def _number(value: str | None, default: int, most: int = 10**6) -> int:
    """An attribute as a number between 1 and `most`, or the default."""
    return min(int(value), most) if value and re.fullmatch("[1-9][0-9]{0,8}", value.strip()) else default

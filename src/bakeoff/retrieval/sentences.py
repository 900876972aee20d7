"""Where sentences begin and end."""

import re

_END = re.compile(
    r"""(?P<stop>(?<![.!?…])[.!?…]+["'”’»)\]]*)\s+      # a Western stop, then space
      | (?<![。！？])[。！？]+[」』”’）]*\s*                 # an East Asian one, which no space follows
      | \n\s*\n\s*                             # a blank line
      | \n(?=\s*(?:[-*•]|\d+[.)])\s)           # a list item on the next line
    """,
    re.VERBOSE,
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|vs|cf|approx|e\.g|i\.e|[A-Z])\.$|(?:^|\n) *\d{1,3}\.$"
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence, in characters; between two of them there is nothing but white space.

    A sentence ends at a stop before white space unless a small letter follows or the stop belongs to a common
    abbreviation, an initial or a number that begins a line (`1. Pack`), at an East Asian stop, at a blank line, or
    before a list item.
    """
    spans, start = [], len(text) - len(text.lstrip())
    for match in _END.finditer(text):
        if match["stop"] and (text[match.end() : match.end() + 1].islower() or _is_abbreviation(text, match)):
            continue
        end = start + len(text[start : match.end()].rstrip())
        if end > start:
            spans.append((start, end))
        start = match.end() + _leading(text, match.end())
    end = len(text.rstrip())
    return [*spans, (start, end)] if end > start else spans


def _is_abbreviation(text: str, match: re.Match[str]) -> bool:
    return match["stop"] == "." and bool(_ABBREVIATION.search(text, max(0, match.start() - 12), match.start() + 1))


def _leading(text: str, position: int) -> int:
    match = re.compile(r"\s*").match(text, position)
    return match.end() - position if match else 0

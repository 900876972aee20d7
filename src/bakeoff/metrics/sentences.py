"""An answer as sentences, by fixed rules for English: no model, no data files, the same result every time."""

import re

_END = re.compile(
    r"""(?<![.!?…])(?P<mark>[.!?…]++)["'”’»)\]*_]*+(?:[ ]?\[[0-9][0-9, ]*\])*[ ](?=(?P<next>\S))"""
    r"""|[。！？]["'”’」』)]*+(?:[ ]?\[[0-9][0-9, ]*\])*[ ]?(?=\S)"""
)
_LIST_MARKER = re.compile(r"^(?:[-*+•–]|#{1,6}|>|[0-9]{1,3}\.|\(?(?:[0-9]{1,3}|[a-z])\)) ")
_BRACKETED_NUMBERS = re.compile(r"\[[0-9][0-9, ]*\]")
_LONGEST_ABBREVIATION = 12
_NEVER_LAST = re.compile(
    r"mr|mrs|ms|mx|dr|prof|st|rev|hon|gen|col|capt|lt|sgt|gov|sen|rep|pres|e\.g|i\.e|eg|ie|vs|cf|viz|al|approx|ca|incl"
    r"|excl|resp",
    re.IGNORECASE,
)
_NOT_LAST_BEFORE_A_NUMBER = re.compile(
    r"nos?|nr|figs?|art|sec|ch|pp?|vol|ed|eq|para|tel|ext|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec", re.IGNORECASE
)
_INITIALS = re.compile(r"(?:[A-Z]\.)+[A-Z]|[A-HJ-Z]")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, white space collapsed and list markers, `#` and `>` at line starts taken off.

    A line break always ends a sentence. Inside a line one ends after . ! ? or … with closing quotes and brackets and
    bracketed numbers such as [1] or [2, 3], where white space and no lower-case letter follows; after the full-width
    。！？ without white space too. A full stop does not end one after titles and abbreviations that never stand last
    (Dr., e.g., vs.), before a number after No., Fig., p., Jan. and the like, after initials and capital acronyms
    (J. Smith, U.S. law; "I." does end one), and after a number that opens it ("2. Close it"). What has no letter or
    digit beside bracketed numbers is joined to the sentence before it.
    """
    sentences: list[str] = []
    for line in text.splitlines():
        for part in _split_line(_LIST_MARKER.sub("", " ".join(line.split()))):
            if sentences and not re.search(r"\w", _BRACKETED_NUMBERS.sub("", part)):
                sentences[-1] += f" {part}"
            else:
                sentences.append(part)
    return sentences


def _split_line(line: str) -> list[str]:
    parts, begin = [], 0
    for end in _END.finditer(line):
        if _ends_sentence(line, begin, end):
            parts.append(line[begin : end.end()].strip())
            begin = end.end()
    return [part for part in (*parts, line[begin:].strip()) if part]


def _ends_sentence(line: str, begin: int, end: re.Match[str]) -> bool:
    mark, following = end["mark"], end["next"]
    if mark is None:
        return True
    if following.islower():
        return False
    if mark != ".":
        return True
    before = line[max(begin, end.start() - _LONGEST_ABBREVIATION) : end.start()]
    word = before.rpartition(" ")[2].lstrip("\"'“‘«([*_")
    if _NEVER_LAST.fullmatch(word) or _INITIALS.fullmatch(word):
        return False
    if following.isdigit() and _NOT_LAST_BEFORE_A_NUMBER.fullmatch(word):
        return False
    return not (word.isdigit() and end.start() - len(word) == begin)

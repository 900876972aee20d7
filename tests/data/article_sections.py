"""Markdown articles of a data set, cut at their headings."""

import re
from pathlib import Path

Section = tuple[str, str]


def sections_of(folder: Path) -> dict[Section, str]:
    """The text below each heading path of the articles, by document (`articles/NAME.md`) and path."""
    found: dict[Section, str] = {}
    for path in (folder / "articles").glob("*.md"):
        title, *parts = re.split(r"^#{1,2} ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        title, _, introduction = title.partition("\n")
        found[f"articles/{path.name}", title] = introduction
        for part in parts:
            heading, _, body = part.partition("\n")
            found[f"articles/{path.name}", f"{title} > {heading}"] = body
    return found

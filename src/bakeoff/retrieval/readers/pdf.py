"""PDF, one section a page. PDF knows no headings, lists or tables: what looks like one arrives as lines of text."""

import io
import logging
import unicodedata

from pypdf import PasswordType, PdfReader

from bakeoff.errors import InputError
from bakeoff.retrieval.sections import Content, Section, clean

logging.getLogger("pypdf").addHandler(logging.NullHandler())  # its warnings about every odd file would reach the screen
_LISTED_PAGES = 10
_MAX_UNREADABLE = 0.2


def read_pdf(data: bytes, name: str, encoding: str | None) -> Content:
    """Text by page; the title is the file's own where it has one. `encoding` plays no part.

    Raises InputError for files that are broken, need a password, or have no text on any page (scans).
    """
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            raise InputError("is encrypted; save a copy without its password")
        count = len(reader.pages)
        title = (reader.metadata and reader.metadata.title) or ""
    except InputError:
        raise
    except Exception as error:  # damaged files make pypdf raise errors of any kind
        raise InputError(f"is a broken PDF ({_brief(error)}); try to save it anew") from error
    sections, empty, failed = [], [], []
    for index in range(count):
        try:
            text = clean(reader.pages[index].extract_text())
        except Exception as error:  # as above; the other pages may still be sound
            failed.append(f"page {index + 1} ({_brief(error)})")
            continue
        if text.strip():
            sections.append(Section((), index + 1, text))
        else:
            empty.append(str(index + 1))
    if not sections and failed:
        raise InputError(f"is a broken PDF: no page could be read; {failed[0]}")
    if not sections:
        raise InputError(f"has no text on its {count} pages (scanned?); run it through OCR first")
    notes = []
    if failed:
        notes.append(f"could not be read: {_list(failed)}")
    if empty:
        notes.append(f"no text on page {_list(empty)} of {count} (scanned or blank)")
    if _unreadable("".join(section.text for section in sections)) > _MAX_UNREADABLE:
        raise InputError("has no usable text: its fonts do not say which letters they draw; run it through OCR first")
    return Content(" ".join(clean(title).split()) or name, tuple(sections), tuple(notes))


def _unreadable(text: str) -> float:
    """The share of replacement, private-use and unassigned characters, 0 to 1."""
    return sum(char == "\ufffd" or unicodedata.category(char) in ("Co", "Cn") for char in text) / len(text)


def _list(pages: list[str]) -> str:
    more = len(pages) - _LISTED_PAGES
    return ", ".join(pages[:_LISTED_PAGES]) + (f" and {more} more" if more > 0 else "")


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:120].replace("\n", " ")

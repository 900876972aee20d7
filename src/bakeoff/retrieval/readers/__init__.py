"""One reader a format: the bytes of a file in, its title and sections out.

A reader takes the bytes, the title to use where the file names none, and the encoding of text that is not UTF-8 and
declares nothing. It raises InputError, whose message completes "<file>: ...", for what it cannot read.
"""

from collections.abc import Callable

from bakeoff.retrieval.readers.docx import read_docx
from bakeoff.retrieval.readers.html import read_html
from bakeoff.retrieval.readers.markdown import read_markdown
from bakeoff.retrieval.readers.pdf import read_pdf
from bakeoff.retrieval.readers.text import read_text
from bakeoff.retrieval.sections import Content

READERS: dict[str, Callable[[bytes, str, str | None], Content]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_text,
    ".text": read_text,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".pdf": read_pdf,
    ".docx": read_docx,
}
TEXT = READERS.keys() - {".pdf", ".docx"}
"""Suffixes of text files, which an encoding is for."""

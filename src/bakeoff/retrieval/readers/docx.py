"""Word documents (.docx), through the HTML that mammoth makes of them."""

import io
import re
import zipfile

import mammoth
from lxml import etree

from bakeoff.errors import InputError
from bakeoff.retrieval.readers.html import html_sections
from bakeoff.retrieval.sections import Content, clean

MAX_XML_BYTES = 40_000_000  # about 1 GB of memory in mammoth
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_STYLES = "p[style-name='Title'] => h1:fresh"
_BACK_LINK = re.compile(r'<a href="#(?:foot|end)note-ref-[^"]*">[^<]*</a>')


def read_docx(data: bytes, name: str, encoding: str | None) -> Content:
    """Sections by heading style, with inserted text and without deleted text of tracked changes; no page numbers.

    The title is the document property, else the first top heading. `encoding` plays no part. Raises InputError for
    broken and encrypted files and for ones whose XML unpacks to more than MAX_XML_BYTES.
    """
    if data.startswith(_OLE):
        raise InputError("is encrypted or in the old .doc format; save it as .docx without a password")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist() if entry.filename.endswith((".xml", ".rels")))
            if size > MAX_XML_BYTES:
                raise InputError(
                    f"unpacks to {size / 1e6:,.1f} MB of XML, the limit is {MAX_XML_BYTES / 1e6:,.0f} MB; split it"
                )
            title = _title(archive)
        html = mammoth.convert_to_html(io.BytesIO(data), style_map=_STYLES, convert_image=lambda image: []).value
    except InputError:
        raise
    except Exception as error:  # damaged files make zipfile, expat and mammoth raise errors of any kind
        raise InputError(
            f"is a broken DOCX ({type(error).__name__}: {str(error)[:100]}); try to save it anew"
        ) from error
    builder = html_sections(_BACK_LINK.sub("", html))[1]
    return builder.content(title or builder.first_heading or name)


def _title(archive: zipfile.ZipFile) -> str:
    if "docProps/core.xml" not in archive.namelist():
        return ""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    properties = etree.fromstring(archive.read("docProps/core.xml"), parser)
    return " ".join(clean(properties.findtext(_TITLE) or "").split())

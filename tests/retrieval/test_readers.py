import codecs
import io

import pytest
from pypdf import PdfWriter
from retrieval_files import docx, paragraph, pdf, word_table

from bakeoff.errors import InputError
from bakeoff.retrieval.readers import READERS
from bakeoff.retrieval.readers.docx import MAX_XML_BYTES, read_docx
from bakeoff.retrieval.readers.html import read_html
from bakeoff.retrieval.readers.markdown import read_markdown
from bakeoff.retrieval.readers.pdf import read_pdf
from bakeoff.retrieval.readers.text import read_text
from bakeoff.retrieval.sections import Section

TABLE = "| Bag | Fee |\n| --- | --- |\n| First | 20 EUR |\n| Second | 35 EUR |"
ENTITY_BOMB = b"<!DOCTYPE x [<!ENTITY a0 'aaaaaaaaaa'>%s]><x>&a9;</x>" % b"".join(
    b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)
)


def test_markdown_keeps_headings_lists_and_tables():
    source = "# Bags\n\nWhat *you* [may](http://x) take.\n\n- one\n  - inner\n- two\n\n"
    source += f"## Fees\n\n{TABLE}\n\n1. Pay\n2. Fly\n"
    content = read_markdown(source.encode(), "bags", None)
    assert content.title == "Bags"
    assert content.sections == (
        Section(("Bags",), None, "What you may take.\n- one\n  - inner\n- two"),
        Section(("Bags", "Fees"), None, f"{TABLE}\n\n1. Pay\n2. Fly"),
    )


def test_heading_levels_nest_and_bare_headings_stay():
    source = "# A\n## B\n#### C\ntext\n## Bare\n## D\nmore\n# E"
    assert [(s.heading_path, s.text) for s in read_markdown(source.encode(), "n", None).sections] == [
        (("A", "B", "C"), "text"),
        (("A",), "Bare"),
        (("A", "D"), "more"),
        ((), "E"),
    ]


def test_a_heading_without_anything_else_is_the_text():
    content = read_markdown(b"# Only this", "n", None)
    assert (content.title, content.sections) == ("Only this", (Section((), None, "Only this"),))


def test_front_matter_gives_the_title_and_no_text():
    content = read_markdown(b"---\ntitle: Fees 2026\ntags: [a]\n---\n# Other\ntext\n", "n", None)
    assert content.title == "Fees 2026"
    assert content.sections == (Section(("Other",), None, "text"),)


def test_broken_front_matter_is_noted_and_kept():
    content = read_markdown(b"---\ntitle: Fees: all\n---\n\ntext\n", "n", None)
    assert content.title == "n"
    assert content.sections[0].text == "title: Fees: all\n\ntext"
    assert "front matter" in content.notes[0]


def test_a_rule_at_the_top_is_no_front_matter():
    content = read_markdown(b"---\n\nfirst\n\n---\n\nsecond\n", "n", None)
    assert content.sections[0].text == "first\n\nsecond"


def test_html_drops_what_nobody_reads():
    page = b"""<!DOCTYPE html><html><head><title> Help  page </title><style>p{}</style></head><body>
      <nav><a href="/">Home</a></nav><script>track()</script><p hidden>secret</p><p style="display: none">gone</p>
      <p>One<!-- note --> <b>bo</b>ld<br>line<script>x</script> end.</p>
      <img src="x" alt="A map"><div>Two<p>Three</div>"""
    content = read_html(page, "n", None)
    assert content.title == "Help page"
    assert content.sections == (Section((), None, "One bold\nline end.\n\nA map\n\nTwo\n\nThree"),)


def test_html_keeps_questions_that_open_their_answer_and_lines_of_code():
    page = b"""<h2><button>Can I bring a dog?</button></h2><div>No.<button>Was this helpful?</button></div>
      <pre>a<br>b</pre>"""
    assert read_html(page, "n", None).sections == (Section(("Can I bring a dog?",), None, "No.\n\na\nb"),)


def test_html_tables_spread_merged_cells():
    page = b"""<table><caption>Fees</caption><thead><tr><th>Bag<th colspan=2>Fee</tr></thead>
      <tr><td rowspan=2>First<td>a|b<td><p>x</p><p>y</p></tr><tr><td>3<td>4</tr>
      <tr><td colspan=2>wide<td>5</tr></table>"""
    assert read_html(page, "n", None).sections[0].text == (
        "Fees\n\n| Bag | Fee | Fee |\n| --- | --- | --- |\n| First | a\\|b | x y |\n| First | 3 | 4 |\n| wide |  | 5 |"
    )


def test_tables_for_layout_are_read_as_text():
    page = b"<table><tr><td>Left<td><table><tr><td>a<td>b<tr><td>c<td>d</table></table>"
    assert read_html(page, "n", None).sections[0].text == "Left\n\n| a | b |\n| --- | --- |\n| c | d |"


@pytest.mark.parametrize("rubbish", ["<<<>>> a <b", "</p></div>a", "<table><li>a", "a&nosuch;<p", "<a<b<c>a"])
def test_html_rubbish_is_read(rubbish: str):
    assert "a" in read_html(rubbish.encode(), "n", None).sections[0].text


def test_too_deep_html_is_refused_not_cut_short():
    assert read_html(b"<div>" * 500 + b"deep", "n", None).sections[0].text == "deep"
    with pytest.raises(InputError, match="nested too deeply"):
        read_html(b"<div>" * 50_000 + b"deep", "n", None)


@pytest.mark.parametrize("empty", [b" \n", b"<!-- nothing -->", b"<script>x</script>"])
def test_html_without_text_has_no_sections(empty: bytes):
    assert read_html(empty, "n", None).sections == ()


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (codecs.BOM_UTF8 + "Café €".encode(), None),
        (codecs.BOM_UTF16_LE + "Café €".encode("utf-16-le"), None),
        (codecs.BOM_UTF32_BE + "Café €".encode("utf-32-be"), None),
        ("Café €".encode(), "cp1252"),
        ("Café €".encode("cp1252"), "cp1252"),
    ],
)
def test_text_is_decoded_without_loss(data: bytes, encoding: str | None):
    assert read_text(data, "n", encoding).sections[0].text == "Café €"


def test_text_that_is_not_utf8_is_refused_with_the_place():
    with pytest.raises(InputError, match=r"not UTF-8 \(byte 0xE9 in line 2, offset 9\)"):
        read_text("first\nCafé".encode("latin-1"), "n", None)


@pytest.mark.parametrize("data", [b"a\0b", "text".encode("utf-16-le")])
def test_binary_text_is_refused(data: bytes):
    with pytest.raises(InputError, match="NUL"):
        read_text(data, "n", None)


@pytest.mark.parametrize(
    ("declaration", "encoding", "text"),
    [
        ('<meta charset="iso-8859-1">', "cp1252", "Café €"),
        ('<?xml version="1.0" encoding="windows-1251"?>', "cp1251", "Привет"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=shift_jis">', "shift_jis", "日本"),
        ('<meta charset="iso-2022-jp">', "iso-2022-jp", "日本"),
        ('<meta charset="iso-8859-1">', "utf-8", "Café €"),  # a stale declaration
    ],
)
def test_html_is_decoded_as_declared(declaration: str, encoding: str, text: str):
    page = f"{declaration}<p>{text}</p>".encode(encoding)
    assert read_html(page, "n", None).sections[0].text == text


@pytest.mark.parametrize("charset", ["shift_jis", "no-such"])
def test_html_that_is_not_what_it_declares_is_refused(charset: str):
    with pytest.raises(InputError, match=charset):
        read_html(f'<meta charset="{charset}">'.encode() + b"<p>\xe9\xff</p>", "n", None)


def test_control_characters_and_soft_hyphens_go():
    assert (
        read_text("a\x07b\xadc\u200bd\r\ne  \r\n\r\n\r\n\r\nf".encode(), "n", None).sections[0].text == "abcd\ne\n\nf"
    )


def test_pdf_keeps_page_numbers_and_notes_blank_pages():
    content = read_pdf(pdf("First page", "", "Third page\nsecond line"), "guide", None)
    assert content.title == "guide"
    assert content.sections == (Section((), 1, "First page"), Section((), 3, "Third page\nsecond line"))
    assert content.notes == ("no text on page 2 of 3 (scanned or blank)",)


def test_pdf_title_is_read():
    data = pdf("text").replace(b"/BaseFont /Helvetica", b"/BaseFont /Helvetica /Title (Fees)")
    assert read_pdf(data.replace(b"/Root 1 0 R", b"/Root 1 0 R /Info 3 0 R"), "n", None).title == "Fees"


def test_encrypted_pdf_is_refused():
    with pytest.raises(InputError, match="encrypted"):
        read_pdf(_encrypted("a password"), "n", None)


def test_pdf_that_opens_without_a_password_is_read():
    assert read_pdf(_encrypted(""), "n", None).sections[0].text == "secret"


def _encrypted(user_password: str) -> bytes:
    writer, buffer = PdfWriter(clone_from=io.BytesIO(pdf("secret"))), io.BytesIO()
    writer.encrypt(user_password, "another password", algorithm="AES-256")
    writer.write(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("data", [b"no pdf at all", b"%PDF-1.4\n%%EOF", b"%PDF-1.7\n" + bytes(range(256)) * 20])
def test_broken_pdf_is_refused(data: bytes):
    with pytest.raises(InputError, match="broken PDF"):
        read_pdf(data, "n", None)


def test_scanned_pdf_is_refused():
    with pytest.raises(InputError, match="no text on its 2 pages"):
        read_pdf(pdf("", ""), "n", None)


def test_docx_keeps_headings_tables_and_tracked_insertions():
    body = (
        paragraph("Bags", "Heading1")
        + paragraph("Two &amp; more.")
        + "<w:p><w:ins><w:r><w:t>Inserted.</w:t></w:r></w:ins>"
        + "<w:del><w:r><w:delText>Gone.</w:delText></w:r></w:del></w:p>"
        + f"<w:sdt><w:sdtContent>{paragraph('In a control.')}</w:sdtContent></w:sdt>"
        + paragraph("Fees", "Heading2")
        + word_table(["Bag", "Fee"], ["First", "20 EUR"], ["Second", "35 EUR"])
    )
    content = read_docx(docx(body, title="Baggage"), "n", None)
    assert content.title == "Baggage"
    assert content.sections == (
        Section(("Bags",), None, "Two & more.\n\nInserted.\n\nIn a control."),
        Section(("Bags", "Fees"), None, TABLE),
    )


def test_docx_bomb_is_refused_before_it_unpacks():
    with pytest.raises(InputError, match=r"unpacks to 40\.\d MB of XML"):
        read_docx(docx(paragraph("x"), extra={"word/styles.xml": bytes(MAX_XML_BYTES)}), "n", None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04 rubbish", "broken DOCX"),
        (docx("<w:p>"), "broken DOCX"),
        (docx(paragraph("x"))[:-30], "broken DOCX"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "encrypted or in the old .doc format"),
        (docx("", extra={"word/document.xml": ENTITY_BOMB}), "broken DOCX"),
    ],
)
def test_bad_docx_is_refused(data: bytes, message: str):
    with pytest.raises(InputError, match=message):
        read_docx(data, "n", None)


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_no_reader_raises_anything_but_input_errors(suffix: str):
    for data in (b"\x00\xff\xfe" * 40, b"%PDF-1.4 \xff", b"PK\x05\x06" + bytes(18), b"---\n\xf0---", b"\xef\xbb\xbf"):
        try:
            sections = READERS[suffix](data, "n", None).sections
        except InputError:
            continue
        assert all(section.text for section in sections)

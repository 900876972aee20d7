"""Bytes to text, without loss or not at all: a guessed encoding would put wrong letters into answers."""

import codecs

from bakeoff.errors import InputError

_MARKS = (  # the 32-bit marks begin like the 16-bit ones
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_AS_BROWSERS_READ = {"iso8859-1": "cp1252", "ascii": "cp1252"}


def decode_text(data: bytes, declared: str | None = None, fallback: str | None = None) -> str:
    """Decode by byte-order mark, else as UTF-8, else as the file declares, else by the caller's `fallback`.

    UTF-8 comes before a declaration because text of another encoding is practically never valid UTF-8, whereas stale
    declarations are common; ISO-2022 text, which is, is told by its escapes. `iso-8859-1` means Windows-1252, as in
    the WHATWG Encoding Standard. Raises InputError where none fits or the bytes are not text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _without_nul(_decode(data[len(mark) :], encoding))
    if b"\x1b" in data and declared and declared.lower().startswith("iso-2022"):
        return _decode(data, declared)
    try:
        return _without_nul(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        if not (declared or fallback):
            line = data.count(b"\n", 0, error.start) + 1
            raise InputError(
                f"is not UTF-8 (byte 0x{data[error.start]:02X} in line {line}, offset {error.start}); save it as UTF-8 "
                "or name the encoding it has, for example cp1252"
            ) from None
    return _without_nul(_decode(data, declared or fallback or ""))


def _decode(data: bytes, encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        return data.decode(_AS_BROWSERS_READ.get(name, name))
    except LookupError:
        raise InputError(f"is not UTF-8, and its encoding {encoding[:40]!r} is unknown; save it as UTF-8") from None
    except UnicodeDecodeError as error:
        where = f"byte 0x{data[error.start]:02X} at offset {error.start}"
        raise InputError(f"is not the {encoding[:40]} text it is said to be ({where}); save it as UTF-8") from None


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise InputError("contains NUL characters: it is binary, or UTF-16 without a byte-order mark; save it as UTF-8")
    return text

"""From bytes to text: unpacks, and finds the encoding."""

import gzip
import zlib
from dataclasses import dataclass
from typing import Final

from charset_normalizer import from_bytes

from millicent.replay.errors import BadUsage

_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8 with a byte order mark"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)
# A wrong guess among many encodings would write somebody's name wrong without an error, so only these are guessed.
_WIDE: Final = ("utf_16_le", "utf_16_be")
_NARROW: Final = ("cp1252",)
_ENOUGH_TO_GUESS: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a file, and what it was packed in."""

    content: str
    encoding: str
    compression: str | None


def text_of(content: bytes, encoding: str | None = None) -> Text:
    """Raises BadUsage if the bytes are no text. `encoding` is used if given, else found."""
    unpacked, compression = _unpacked(content)
    codec, name = (encoding, encoding) if encoding else _encoding(unpacked)
    try:
        return Text(unpacked.decode(codec), name, compression)
    except LookupError as unknown:
        raise BadUsage(f"there is no encoding {codec!r}; name one such as utf-8, utf-16 or cp1252") from unknown
    except UnicodeDecodeError as malformed:
        raise BadUsage(f"the file is not {name} text: {malformed}") from malformed


def _unpacked(content: bytes) -> tuple[bytes, str | None]:
    if content.startswith(_ZIP):
        raise BadUsage("the file is a zip archive or an Excel workbook; unpack it, or save its sheet as CSV")
    if not content.startswith(_GZIP):
        return content, None
    try:
        return gzip.decompress(content), "gzip"
    except (OSError, EOFError, zlib.error) as broken:
        raise BadUsage(f"the file begins like gzip and cannot be unpacked: {broken}") from broken


def _encoding(content: bytes) -> tuple[str, str]:
    for mark, codec, name in _MARKS:
        if content.startswith(mark):
            return codec, name
    if b"\0" in content:
        return _guessed(content, _WIDE)
    try:
        content.decode()
    except UnicodeDecodeError:
        return _guessed(content, _NARROW)
    return "utf-8", "UTF-8"


def _guessed(content: bytes, among: tuple[str, ...]) -> tuple[str, str]:
    best = from_bytes(content[:_ENOUGH_TO_GUESS], cp_isolation=list(among)).best()
    if best is None:
        raise BadUsage("the file is not text in UTF-8, UTF-16 or Windows-1252; save it as UTF-8")
    return best.encoding, best.encoding.replace("_", "-")

"""The opaque places in listings that answers give as `next`: bytes in URL-safe base64 without padding."""

import base64
import binascii
from typing import Final

from shared.edge.errors import FieldError

NO_CURSOR: Final = FieldError("query.after", "must be the `next` of an earlier page")
NOT_OF_THIS_LISTING: Final = FieldError("query.after", "must be the `next` of an earlier page of this listing")


def cursor(place: bytes) -> str:
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def place_in(cursor: str) -> bytes | None:
    """The inverse of `cursor`; None if the text is no base64."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
    except (binascii.Error, ValueError):
        return None


def text_in(cursor: str) -> str:
    """The text of a cursor; empty if it has none."""
    try:
        return (place_in(cursor) or b"").decode("ascii")
    except UnicodeDecodeError:
        return ""

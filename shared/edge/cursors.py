"""The opaque places in listings that answers give as `next`: bytes in URL-safe base64 without padding."""

import base64
import binascii


def cursor(place: bytes) -> str:
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def place_in(cursor: str) -> bytes | None:
    """The inverse of `cursor`; None if the text is no base64."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
    except (binascii.Error, ValueError):
        return None

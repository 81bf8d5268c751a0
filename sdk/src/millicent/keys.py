"""Idempotency keys: created by the client before the request is sent."""

import secrets
import time
from uuid import UUID

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


def new_key() -> str:
    """A UUID of version 7 (RFC 9562): milliseconds, then 74 random bits, so that keys sort by age."""
    at_ms = time.time_ns() // 1_000_000
    return str(UUID(int=at_ms << 80 | _VERSION_7 | secrets.randbits(12) << 64 | _VARIANT | secrets.randbits(62)))

"""The files of the console, as local/console.py builds them beside this module."""

import gzip
import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from shared.ledger.frozen import dataclass

DIRECTORY: Final = Path(__file__).with_name("site")
INDEX: Final = "index.html"
BASE: Final = "{{base}}"
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"

_IMPORT_MAP: Final = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class File:
    """`deflated` is the content by gzip. `cache` is the value of Cache-Control, `tag` that of ETag."""

    type: str
    deflated: bytes
    cache: str
    tag: str

    @property
    def content(self) -> bytes:
        return gzip.decompress(self.deflated)


@dataclass(frozen=True, slots=True)
class Page:
    """index.html, with addresses that begin with a prefix. `hash` is that of its import map, as a policy names it."""

    content: str
    hash: str


class Site:
    """Files by their own names, which may change, and by names with a hash of the content, which do not."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._directory = directory

    @cached_property
    def _manifest(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = json.loads((self._directory / "manifest").read_text())
        return found

    @cached_property
    def _own_name(self) -> Mapping[str, str]:
        return {each["name"]: path for path, each in self._manifest.items()}

    def file(self, name: str) -> File | None:
        """None for a name that no file has: names come from the manifest, never from the address."""
        own_name = self._own_name.get(name, name)
        found = self._manifest.get(own_name)
        if found is None:
            return None
        deflated = (self._directory / f"{own_name}.gz").read_bytes()
        tag = f'"{found["name"]}"'
        return File(found["type"], deflated, ASK_AGAIN if own_name == name else FOR_EVER, tag)

    def page(self, base: str) -> Page:
        content = (self._directory / INDEX).read_text().replace(BASE, base)
        found = _IMPORT_MAP.search(content)
        digest = hashlib.sha256(found[1].encode() if found else b"").digest()
        return Page(content, f"'sha256-{b64encode(digest).decode()}'")


def policy(page: Page, login_origins: Iterable[str]) -> str:
    """The Content-Security-Policy of the page: what is from here alone, and the issuer's answers."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {page.hash}",
            "style-src 'self'",
            "img-src 'self' data:",
            " ".join(["connect-src 'self'", *login_origins]),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )

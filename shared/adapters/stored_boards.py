"""Boards: the texts in a bucket, deflated; the pointers to them in the table of usage sums.

<tenant>/<month>/<shard>/<version>-<token>/<part>    written once, deleted after a pointer has left it

The tenant is percent-encoded. S3 reads what was written last, so whoever has a pointer finds its texts, unless two
newer pointers have followed. A deflated text has a checksum: one that is damaged or cut is as good as gone.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, unquote

from botocore.exceptions import BotoCoreError, ClientError

from shared.adapters.board_items import BoardPointers
from shared.adapters.dynamodb_answers import is_failed, is_lost
from shared.adapters.s3_digests import s3_client
from shared.ledger.errors import LedgerUnavailable
from shared.ports.boards import BoardPlace, PartGone, Pointer, TextPage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AT_ONCE: Final = 8
"""Boards, and requests for each of them."""
_DELETED_AT_ONCE: Final = 1000
_UNPACKED_AT_ONCE: Final = 1 << 16
_LEVEL: Final = 1
"""The texts are written far more often than they are read, and a higher level saves little."""
_KEY: Final = re.compile(r"([^/]+)/(\d{4}-\d\d)/(\d+)/(\d+-[^/]+/[^/]+)")
_MISSING: Final = frozenset({"NoSuchKey", "404"})

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


class StoredBoards:
    """Implements boards.BoardStore. `shards` is what a new month gets."""

    def __init__(
        self, pointers: BoardPointers, bucket: str, shards: int, make_client: Callable[[], "S3Client"] | None = None
    ) -> None:
        self._pointers = pointers
        self._bucket = bucket
        self._new_shards = shards
        self._make_client = make_client or partial(s3_client, AT_ONCE * AT_ONCE)
        self._shards_of: dict[tuple[str, str], int] = {}

    def shards(self, tenant: str, month: str) -> int:
        known = self._shards_of.get((tenant, month))
        if known is None:
            known = self._shards_of[tenant, month] = self._pointers.shards(tenant, month, self._new_shards)
        return known

    def pointer(self, place: BoardPlace) -> Pointer | None:
        return self._pointers.pointer(place)

    def pointers(self, tenant: str, first_month: str, last_month: str) -> Sequence[tuple[BoardPlace, Pointer]]:
        return self._pointers.pointers(tenant, first_month, last_month)

    def texts(self, wanted: Sequence[tuple[BoardPlace, str]]) -> Sequence[str]:
        return list(at_once(lambda each: self._text(*each), wanted))

    def lines(self, place: BoardPlace, name: str) -> Iterable[str]:
        return _lines(self._body(place, name), _key(place, name))

    def keep(self, place: BoardPlace, texts: Mapping[str, str]) -> None:
        list(at_once(lambda name: self._keep(place, name, texts[name]), list(texts)))

    def flip(self, place: BoardPlace, pointer: Pointer) -> bool:
        return self._pointers.flip(place, pointer)

    def drop(self, place: BoardPlace, names: Iterable[str]) -> None:
        keys = [_key(place, name) for name in names]
        with suppress(ClientError, BotoCoreError):  # what is left over is read by nobody
            for start in range(0, len(keys), _DELETED_AT_ONCE):
                some: Any = [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]]
                self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": some, "Quiet": True})

    def listed(self, after: str | None) -> TextPage:
        with _answered():
            page = self._client.list_objects_v2(Bucket=self._bucket, StartAfter=after or "")
        keys = [each["Key"] for each in page.get("Contents", ())]
        texts = [found for found in map(_text_at, keys) if found is not None]
        return TextPage(texts, keys[-1] if page["IsTruncated"] else None)

    @cached_property
    def _client(self) -> "S3Client":
        return self._make_client()

    def _text(self, place: BoardPlace, name: str) -> str:
        body = self._body(place, name)
        with _whole(_key(place, name)):
            return zlib.decompress(body).decode()

    def _body(self, place: BoardPlace, name: str) -> bytes:
        key = _key(place, name)
        try:
            with _answered():
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise PartGone(f"{key} is gone") from error
            raise

    def _keep(self, place: BoardPlace, name: str, text: str) -> None:
        body = zlib.compress(text.encode(), _LEVEL)
        with _answered():
            self._client.put_object(Bucket=self._bucket, Key=_key(place, name), Body=body)


def _lines(body: bytes, key: str) -> Iterator[str]:
    unpacking, begun, packed = zlib.decompressobj(), b"", body
    while not unpacking.eof:
        with _whole(key):
            unpacked = unpacking.decompress(packed, _UNPACKED_AT_ONCE)
        packed = unpacking.unconsumed_tail
        if not unpacked and not packed and not unpacking.eof:
            raise PartGone(f"{key} has no end")
        *whole, begun = (begun + unpacked).split(b"\n")
        yield from (line.decode() for line in whole)


@contextmanager
def _whole(key: str) -> Iterator[None]:
    try:
        yield
    except zlib.error as damaged:
        raise PartGone(f"{key} is damaged") from damaged


@contextmanager
def _answered() -> Iterator[None]:
    """Raises LedgerUnavailable where the bucket fails or does not answer; what it refuses, somebody has to mend."""
    try:
        yield
    except ClientError as error:
        if is_failed(error):
            raise LedgerUnavailable("the bucket of boards failed") from error
        raise
    except BotoCoreError as error:
        if is_lost(error):
            raise LedgerUnavailable("the bucket of boards did not answer") from error
        raise


def at_once(ask: Callable[[_Asked], _Answer], asked: Sequence[_Asked]) -> Iterable[_Answer]:
    """The answers in the order of what was asked; several are waited for at once."""
    if len(asked) <= 1:
        return map(ask, asked)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(ask, asked))


def _text_at(key: str) -> tuple[BoardPlace, str] | None:
    """The place and the name of a text; None for a key that is none of ours."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    tenant, month, shard, name = found.groups()
    place = BoardPlace(unquote(tenant), month, int(shard))
    return (place, name) if _key(place, name) == key else None


def _key(place: BoardPlace, name: str) -> str:
    return f"{_tenant(place.tenant)}/{place.month}/{place.shard}/{name}"


def _tenant(tenant: str) -> str:
    """No part of a path, and never "." or "..", which clients of HTTP take for something else."""
    return quote(tenant, safe="").replace(".", "%2E")

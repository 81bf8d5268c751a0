"""Digests in a bucket with object lock.

digests/<number>.json          the signed digest; put only if there is none, so that two concurrent runs cannot fork it
heads/<root>/summary.json      the chunks of the tree: the first head and the root of each
heads/<root>/<index>.json      the heads of a chunk; named by the root, so that repeated puts write the same content
regressions/<number>.json      the contradictions to the digest before it, if any

The lock protects a version, not a name: anyone with put permission can put a new version over a locked one, or hide
it behind a delete marker. So the first version of a digest is the one that is read, and later versions are reported.
"""

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from botocore.config import Config
from botocore.exceptions import ClientError

from shared.adapters.aws_session import shared_session
from shared.ledger.frozen import dataclass
from shared.ports.inspection import Signature, SignedDigest
from shared.verification.digest import Chunk, Head, HeadTree
from shared.verification.errors import DigestExists, HeadsNotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_Rows = TypeVar("_Rows")
_DIGESTS: Final = "digests/"
_PRECONDITION_FAILED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
_MALFORMED: Final = (ValueError, KeyError, TypeError)


def s3_client(connections: int = 10) -> "S3Client":
    config = Config(connect_timeout=2, read_timeout=10, max_pool_connections=connections)
    return cast("S3Client", shared_session().create_client("s3", config=config))


@dataclass(frozen=True, slots=True)
class _First:
    """The first version under a name. `is_covered`: it is hidden, or there are later versions."""

    name: str
    version: str
    kept_at: datetime
    is_covered: bool


class S3DigestStore:
    """Implements ports.DigestStore. `make_client` is called at the first use: most invocations need no client."""

    def __init__(self, bucket: str, make_client: Callable[[], "S3Client"] = s3_client) -> None:
        self._bucket = bucket
        self._make_client = make_client

    def newest(self, before_ms: int | None = None) -> SignedDigest | None:
        limit = None if before_ms is None else datetime.fromtimestamp(before_ms / 1000, UTC)
        firsts = [first for first in self._firsts(_DIGESTS) if limit is None or first.kept_at < limit]
        return self._digest(max(firsts, key=lambda first: first.name)) if firsts else None

    def numbered(self, number: int) -> SignedDigest | None:
        first = next(iter(self._firsts(_name(number))), None)
        return self._digest(first) if first else None

    def tampered(self) -> Sequence[str]:
        return [first.name for first in self._firsts(_DIGESTS) if first.is_covered]

    def keep_regressions(self, number: int, text: str) -> None:
        name = f"regressions/{number:08d}.json"
        self._client.put_object(Bucket=self._bucket, Key=name, Body=text.encode())

    def keep(self, number: int, digest: SignedDigest) -> None:
        try:
            self._client.put_object(Bucket=self._bucket, Key=_name(number), Body=_document(digest), IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] in _PRECONDITION_FAILED:
                raise DigestExists(f"digest {number} already exists") from error
            raise

    def keep_heads(self, root: str, tree: HeadTree) -> None:
        for index, chunk in enumerate(tree.chunks):
            self._put(f"heads/{root}/{index:05d}.json", [_row(head) for head in chunk])
        self._put(f"heads/{root}/summary.json", [[_row(chunk.first), chunk.root] for chunk in tree.summary])

    def summary(self, root: str) -> Sequence[Chunk]:
        name = f"heads/{root}/summary.json"
        return self._made_of(name, lambda rows: [Chunk(Head(*first), top) for first, top in rows])

    def chunk(self, root: str, index: int) -> Sequence[Head]:
        return self._made_of(f"heads/{root}/{index:05d}.json", lambda rows: [Head(*row) for row in rows])

    @cached_property
    def _client(self) -> "S3Client":
        return self._make_client()

    def _firsts(self, prefix: str) -> Iterable[_First]:
        """The first version of every name."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        firsts: dict[str, _First] = {}
        hidden: set[str] = set()
        for page in pages:
            # S3 lists the versions of a name newest first.
            for version in page.get("Versions", []):
                name = version["Key"]
                firsts[name] = _First(name, version["VersionId"], version["LastModified"], is_covered=name in firsts)
            for marker in page.get("DeleteMarkers", []):
                hidden.add(marker["Key"])
        return [replace(first, is_covered=first.is_covered or first.name in hidden) for first in firsts.values()]

    def _digest(self, first: _First) -> SignedDigest:
        found = self._client.get_object(Bucket=self._bucket, Key=first.name, VersionId=first.version)
        return _digest(found["Body"].read())

    def _made_of(self, name: str, read: Callable[[Any], _Rows]) -> _Rows:
        try:
            return read(json.loads(self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()))
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise HeadsNotFound(f"{name} is gone") from error
            raise
        except _MALFORMED as malformed:
            raise HeadsNotFound(f"{name} cannot be read") from malformed

    def _put(self, name: str, rows: list[Any]) -> None:
        body = json.dumps(rows, separators=(",", ":")).encode()
        self._client.put_object(Bucket=self._bucket, Key=name, Body=body)


def _name(number: int) -> str:
    """The number is padded, so that the newest digest sorts last."""
    return f"{_DIGESTS}{number:08d}.json"


def _row(head: Head) -> list[Any]:
    return [head.tenant, head.actor, head.seq, head.hash]


def _document(digest: SignedDigest) -> bytes:
    signature = digest.signature
    return json.dumps(
        {
            "text": digest.text,
            "signature": base64.b64encode(signature.value).decode(),
            "public_key": base64.b64encode(signature.public_key).decode(),
            "key_id": signature.key_id,
        },
        indent=1,
    ).encode()


def _digest(document: bytes) -> SignedDigest:
    content = json.loads(document)
    signature = Signature(
        value=base64.b64decode(content["signature"]),
        public_key=base64.b64decode(content["public_key"]),
        key_id=content["key_id"],
    )
    return SignedDigest(content["text"], signature)

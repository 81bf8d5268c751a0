"""Digests in a bucket that locks what it is given.

digests/<number>.json          the signed digest; put where there is none, so that two runs at once cannot fork it
heads/<root>/summary.json      the chunks of the tree: the first head and the root of each
heads/<root>/<index>.json      the heads of a chunk; named by the root, so that they are the same however often put
"""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

from shared.ledger.digest import Chunk, Head, HeadTree
from shared.ledger.errors import DigestExists
from shared.ledger.inspection_ports import Signature, SignedDigest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DIGESTS: Final = "digests/"
_PRECONDITION_FAILED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_MISSING: Final = "NoSuchKey"


def s3_client() -> "S3Client":
    return cast("S3Client", get_session().create_client("s3", config=Config(connect_timeout=2, read_timeout=10)))


class S3DigestStore:
    """Implements ports.DigestStore. `make_client` is called at the first use: most invocations need none."""

    def __init__(self, bucket: str, make_client: Callable[[], "S3Client"] = s3_client) -> None:
        self._bucket = bucket
        self._make_client = make_client

    def newest(self, before_ms: int | None = None) -> SignedDigest | None:
        limit = None if before_ms is None else datetime.fromtimestamp(before_ms / 1000, UTC)
        names = [name for name, kept_at in self._listed() if limit is None or kept_at < limit]
        return _digest(self._get(max(names))) if names else None

    def numbered(self, number: int) -> SignedDigest | None:
        try:
            return _digest(self._get(_name(number)))
        except ClientError as error:
            if error.response["Error"]["Code"] == _MISSING:
                return None
            raise

    def keep(self, number: int, digest: SignedDigest) -> None:
        try:
            self._client.put_object(Bucket=self._bucket, Key=_name(number), Body=_document(digest), IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] in _PRECONDITION_FAILED:
                raise DigestExists(f"digest {number} has been made meanwhile") from error
            raise

    def keep_heads(self, root: str, tree: HeadTree) -> None:
        for index, chunk in enumerate(tree.chunks):
            self._put(f"heads/{root}/{index:05d}.json", [_row(head) for head in chunk])
        self._put(f"heads/{root}/summary.json", [[_row(chunk.first), chunk.root] for chunk in tree.summary])

    def summary(self, root: str) -> Sequence[Chunk]:
        return [Chunk(Head(*first), top) for first, top in json.loads(self._get(f"heads/{root}/summary.json"))]

    def chunk(self, root: str, index: int) -> Sequence[Head]:
        return [Head(*row) for row in json.loads(self._get(f"heads/{root}/{index:05d}.json"))]

    @cached_property
    def _client(self) -> "S3Client":
        return self._make_client()

    def _listed(self) -> Iterator[tuple[str, datetime]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=_DIGESTS)
        for page in pages:
            for found in page.get("Contents", []):
                yield found["Key"], found["LastModified"]

    def _get(self, name: str) -> bytes:
        return self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()

    def _put(self, name: str, rows: list[Any]) -> None:
        body = json.dumps(rows, separators=(",", ":")).encode()
        self._client.put_object(Bucket=self._bucket, Key=name, Body=body)


def _name(number: int) -> str:
    """Padded, so that the newest comes last."""
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

"""The signed digests."""

from shared.adapters.s3_digests import S3DigestStore
from shared.ports.inspection import DigestStore
from shared.runtime.settings import Settings


def digests_of(settings: Settings) -> DigestStore:
    return S3DigestStore(settings.digest_bucket)

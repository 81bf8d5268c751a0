"""The digests of a service in memory: there are none, since it has no key that could sign one."""

from shared.ports.inspection import SignedDigest


class NoDigests:
    """What of inspection.DigestStore a reader asks first. Proofs and digests are then 404."""

    def newest(self, before_ms: int | None = None) -> SignedDigest | None:  # noqa: ARG002 - the port's
        return None

    def numbered(self, number: int) -> SignedDigest | None:  # noqa: ARG002 - the port's
        return None

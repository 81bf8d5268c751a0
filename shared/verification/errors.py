"""Errors of making a proof."""

from shared.ledger.errors import LedgerError


class DigestNotFound(LedgerError):
    """The requested digest does not exist."""

    code = "digest_not_found"


class DigestExists(LedgerError):
    """There is a digest of this number already; nothing was replaced."""

    code = "digest_exists"


class HeadsNotFound(LedgerError):
    """The heads behind a digest are missing or cannot be read."""

    code = "heads_not_found"


class NotInDigest(LedgerError):
    """The account had no entry yet when the digest was made."""

    code = "not_in_digest"

"""What can keep a proof from being made."""

from shared.ledger.errors import LedgerError


class DigestNotFound(LedgerError):
    """No digest has been made that answers the question."""

    code = "digest_not_found"


class DigestExists(LedgerError):
    """There is a digest of this number already; nothing was replaced."""

    code = "digest_exists"


class HeadsNotFound(LedgerError):
    """What a digest was made of is not there, or cannot be read."""

    code = "heads_not_found"


class NotInDigest(LedgerError):
    """The account had no entry yet when the digest was made."""

    code = "not_in_digest"

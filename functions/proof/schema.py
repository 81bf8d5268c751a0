from datetime import UTC, date, datetime, timedelta

import msgspec

from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.validation import PageLimit
from shared.ledger.times import epoch_ms
from shared.usecases.prove_account import AsOf, Numbered, Wanted

NUMBER_DIGITS_MAX = 8


class ProofQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`records`: how many of the account's newest entries up to the head the proof contains."""

    digest: str = "latest"
    records: PageLimit | None = None

    @property
    def wanted(self) -> Wanted:
        """`latest`, a digest's number, or a date: the newest digest of that day or before it.

        Raises ValidationFailed.
        """
        if self.digest == "latest":
            return "latest"
        if _is_number(self.digest):
            return Numbered(int(self.digest))
        return AsOf(epoch_ms(self._end_of_day))

    @property
    def _end_of_day(self) -> datetime:
        try:
            day = date.fromisoformat(self.digest)
            return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        except (ValueError, OverflowError) as malformed:
            detail = 'must be "latest", the number of a digest, or a date such as 2026-01-31'
            raise ValidationFailed([FieldError("query.digest", detail)]) from malformed


def numbered(text: str) -> Wanted:
    """`latest`, or a digest's number. Raises ValidationFailed."""
    if text == "latest":
        return "latest"
    if not _is_number(text):
        raise ValidationFailed([FieldError("path.number", 'must be "latest" or the number of a digest')])
    return Numbered(int(text))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, TypeAlias

import msgspec

from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.validation import DAY, PageLimit
from shared.ledger.times import epoch_ms
from shared.usecases.prove_account import AsOf, Numbered, Wanted

_NUMBER: Final = "[0-9]{1,8}"
_DAY: Final = re.compile(DAY)
DigestNumber: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"\A(latest|{_NUMBER})\Z", description='"latest" or the number of a digest')
]
DigestOrDay: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        description='"latest", the number of a digest, or a date such as 2026-01-31',
        extra_json_schema={"anyOf": [{"pattern": rf"\A(latest|{_NUMBER})\Z"}, {"format": "date"}]},
    ),
]


class ProofQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`records`: how many of the account's newest entries up to the head the proof contains."""

    digest: DigestOrDay = "latest"
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
        # fromisoformat alone would also take a week: 2026-W05-6.
        day = self.digest if _DAY.fullmatch(self.digest) else ""
        try:
            return datetime.combine(date.fromisoformat(day), time(), UTC) + timedelta(days=1)
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
    return re.fullmatch(_NUMBER, text) is not None

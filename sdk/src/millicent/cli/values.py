"""Values of the command line: amounts and times.

An invalid value is rejected with a sentence before a request is sent.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import click
import msgspec

from millicent.amounts import wire_text


class AmountType(click.ParamType[str]):
    """Exact millicents."""

    name = "millicents"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        try:
            return wire_text(value)
        except (TypeError, ValueError) as malformed:
            self.fail(str(malformed), param, ctx)


class InstantType(click.ParamType[datetime]):
    """A time with its offset."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time; write it like 2026-01-31T12:00:00Z", param, ctx)
        if at.tzinfo is None:
            self.fail(f"{value!r} has no offset; write it like {value}Z", param, ctx)
        return at


class DayType(click.ParamType[date]):
    """A day."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:  # noqa: ANN401
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day; write it like 2026-01-31", param, ctx)


class JsonObjectType(click.ParamType[dict[str, Any]]):
    """A JSON object with exact numbers."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:  # noqa: ANN401
        if isinstance(value, dict):
            return value
        try:
            return _decode_object(value)
        except msgspec.DecodeError as malformed:
            self.fail(f"{value!r} is not a JSON object: {malformed}", param, ctx)


class MultiplierType(click.ParamType[Decimal]):
    """An exact factor of 0 or more."""

    name = "factor"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:  # noqa: ANN401
        try:
            factor = Decimal(value)
        except ArithmeticError:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not factor.is_finite() or factor < 0:
            self.fail(f"{value!r} must be 0 or more", param, ctx)
        return factor


_decode_object = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode

AMOUNT = AmountType()
DAY = DayType()
INSTANT = InstantType()
JSON_OBJECT = JsonObjectType()
MULTIPLIER = MultiplierType()

"""`estimate`: what a month costs on AWS."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import click

from millicent.bill.estimate import MILLION, Estimate, Month
from millicent.bill.estimate import estimate as estimated
from millicent.bill.prices import AS_OF, PRICES, REGION, STORED_BYTES
from millicent.bill.units import STORED_BYTES as STORED_BYTES_OF_A_CHARGE
from millicent.cli.invocation import Invocation, json_option, pass_invocation
from millicent.cli.output import print_json, print_rows, print_text

_SUFFIXES: Final = {"k": 1_000, "m": MILLION, "g": 1_000 * MILLION}
_MOST: Final = 10**12


class CountType(click.ParamType[float]):
    """A number such as 500, 20k or 2.5M."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        if not isinstance(value, str):
            return float(value)
        factor = _SUFFIXES.get(value[-1:].lower(), 1)
        try:
            number = Decimal(value[:-1] if factor > 1 else value) * factor
        except InvalidOperation:
            self.fail(f"{value!r} is not a number; write it like 500, 20k or 2.5M", param, ctx)
        if not number.is_finite() or not 0 <= number <= _MOST:
            self.fail(f"{value!r} is not between 0 and {_MOST:,}", param, ctx)
        return float(number)


COUNT: Final = CountType()


@click.command()
@click.option("--charges", type=COUNT, required=True, help="A month, as 10M; captures of holds are with --holds.")
@click.option("--checks", type=COUNT, default="0", help="A month.")
@click.option("--holds", type=COUNT, default="0", help="A month, each with its capture.")
@click.option("--lease", type=click.IntRange(1), help="Also as leased: how many spends one slice pays.")
@click.option(
    "--check-events",
    type=click.Choice(["all", "none"]),
    default="all",
    show_default=True,
    help="The parameter CheckEvents of the stack.",
)
@json_option
@pass_invocation
def estimate(invocation: Invocation, /, **asked: Any) -> None:  # noqa: ANN401
    """Estimate what a month costs on AWS, by item and by the way in which charges are sent.

    From units that are counted and a dated table of prices: on demand, us-east-1, without free tiers. Calls nothing.
    """
    month = Month(**asked)
    found = estimated(month)
    if invocation.as_json:
        print_json({"prices": {"region": REGION, "as_of": AS_OF}, "month": asdict(month), **asdict(found)})
        return
    columns = {"checks": found.checks, "holds": found.holds, **found.charges}
    shown = {name: each for name, each in columns.items() if name in found.charges or sum(each.values()) > 0}
    headings = {"dollars a month": "left", **dict.fromkeys(shown, "right")}
    items = [price.item for price in PRICES.values()]
    rows = [[item, *(_dollars(each[item]) for each in shown.values())] for item in items]
    rows.append(["total", *(_dollars(sum(each.values())) for each in shown.values())])
    rows.append(["a million", *(_a_million(name, each, month) for name, each in shown.items())])
    print_rows(f"{REGION}, prices of {AS_OF}", headings, rows)
    print_text(_sentences(found, month))


def _dollars(amount: float) -> str:
    return f"{amount:,.2f}"


def _a_million(name: str, dollars: Mapping[str, float], month: Month) -> str:
    number = {"checks": month.checks, "holds": month.holds}.get(name, month.charges)
    return _dollars(sum(dollars.values()) / number * MILLION) if number else ""


def _sentences(found: Estimate, month: Month) -> str:
    others = sum(found.checks.values()) + sum(found.holds.values())
    totals = (f"{_dollars(sum(each.values()) + others)} with charges {name}" for name, each in found.charges.items())
    stored = STORED_BYTES.of(month.charges * STORED_BYTES_OF_A_CHARGE)
    return (
        f"The whole month: {', '.join(totals)}.\n"
        f"What stays of a month's charges costs {_dollars(stored)} for each month that it is stored.\n"
    )

"""The commands for what is set beside rate cards: adjustments of the built-in card, and rates of currencies."""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

import click

from millicent.cli.invocation import Invocation, json_option, pass_invocation
from millicent.cli.output import print_json, print_rows
from millicent.cli.values import INSTANT
from millicent.models import Adjustment, CurrencyRate

_ADJUSTMENT_COLUMNS: Final = {
    "adjustment": "left", "from": "left", "selects": "left", "multiplier": "right", "per dollar": "right",
    "request": "right", "minimum": "right",
}  # fmt: skip
_CURRENCY_COLUMNS: Final = {"rate": "left", "from": "left", "dollars": "right"}
_NUMBERS: Final = ("multiplier", "per_dollar", "request_price", "minimum_charge")
_SELECTORS: Final = ("meter", "provider", "model", "service_tier")


@click.command("adjustments")
@click.option("--name", help="Only this adjustment.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Versions.")
@json_option
@pass_invocation
def list_adjustments(invocation: Invocation, name: str | None, limit: int) -> None:
    """List the versions of adjustments of the built-in card."""
    with invocation.client() as client:
        listed = list(islice(client.adjustments(name, page_size=min(limit, 100)), limit))
    _show_adjustments(invocation, listed)


@click.command("adjust")
@click.argument("name")
@click.option("--provider", help="Only models of this provider.")
@click.option("--model", help="Only this model, or those that a pattern with * matches.")
@click.option("--service-tier", type=click.Choice(["default", "batch", "flex", "priority"]), help="Only this tier.")
@click.option("--multiplier", default="1", show_default=True, help="Times the list price.")
@click.option("--request-price", default="0", show_default=True, help="Millicents added to each request.")
@click.option("--minimum-charge", default="0", show_default=True, help="The least millicents of a request.")
@click.option("--currency", help="The currency that accounts are kept in.")
@click.option("--per-dollar", help="Units of that currency for a dollar.")
@click.option("--inactive", is_flag=True, help="From then on the adjustment selects nothing.")
@click.option("--effective-from", type=INSTANT, help="When the version takes effect; default: now.")
@json_option
@pass_invocation
def adjust(
    invocation: Invocation, /, name: str, *, inactive: bool, effective_from: datetime | None, **terms: str | None
) -> None:
    """Create the next version of the adjustment NAME; the same terms again change nothing.

    Of all adjustments that select a usage, the most specific one applies.
    """
    body = {"name": name, "active": not inactive, **_given(effective_from, terms)}
    with invocation.client() as client:
        made = client.put_adjustment(body)
    _show_adjustments(invocation, [made])


@click.command("currencies")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Versions.")
@json_option
@pass_invocation
def list_currencies(invocation: Invocation, limit: int) -> None:
    """List the versions of the rates of currencies."""
    with invocation.client() as client:
        listed = list(islice(client.currencies(page_size=min(limit, 100)), limit))
    _show_currencies(invocation, listed)


@click.command("currency")
@click.argument("currency")
@click.argument("rate")
@click.option("--effective-from", type=INSTANT, help="When the version takes effect; default: now.")
@json_option
@pass_invocation
def put_currency(invocation: Invocation, currency: str, rate: str, effective_from: datetime | None) -> None:
    """Set what one unit of CURRENCY is worth in dollars: `rates currency EUR 1.0843`."""
    with invocation.client() as client:
        made = client.put_currency({"currency": currency, "rate": rate, **_given(effective_from, {})})
    _show_currencies(invocation, [made])


def _given(effective_from: datetime | None, terms: Mapping[str, object]) -> dict[str, Any]:
    time = {} if effective_from is None else {"effective_from": effective_from.isoformat()}
    return {name: value for name, value in terms.items() if value is not None} | time


COMMANDS: Final = (list_adjustments, adjust, list_currencies, put_currency)
"""Of the group `rates`."""


def _show_adjustments(invocation: Invocation, listed: list[Adjustment]) -> None:
    if invocation.as_json:
        print_json({"items": listed})
        return
    rows = (
        (each.adjustment, each.effective_from, _selected(each), *(getattr(each, name) for name in _NUMBERS))
        for each in listed
    )
    print_rows("Adjustments", _ADJUSTMENT_COLUMNS, rows)


def _show_currencies(invocation: Invocation, listed: list[CurrencyRate]) -> None:
    if invocation.as_json:
        print_json({"items": listed})
        return
    rows = ((f"{each.currency}@{each.version}", each.effective_from, each.rate) for each in listed)
    print_rows("Currencies", _CURRENCY_COLUMNS, rows)


def _selected(adjustment: Adjustment) -> str:
    if not adjustment.active:
        return "nothing"
    named = {name: getattr(adjustment, name) for name in _SELECTORS}
    return ", ".join(f"{name} {value}" for name, value in named.items() if value is not None) or "everything"

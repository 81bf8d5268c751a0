"""The commands for prices: `rates` and `quote`."""

from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO, Final

import click
import msgspec

from millicent.cli.invocation import Invocation, json_option, pass_invocation
from millicent.cli.output import print_facts, print_json, print_rows
from millicent.cli.values import INSTANT
from millicent.models import Quote, RateCard

_PRICE_COLUMNS: Final = {"quantity": "left", "price": "right", "per": "right", "more": "left"}
_CARD_COLUMNS: Final = {"card": "left", "from": "left", "prices": "left", "request": "right", "minimum": "right"}
_ITEM_COLUMNS: Final = {"item": "left", "units": "right", "price": "right", "per": "right", "amount": "right"}

_decode_cards: Final = msgspec.json.Decoder(float_hook=Decimal).decode


@click.group()
def rates() -> None:
    """Rate cards: the prices of usage, each with its versions."""


@rates.command("list")
@click.option("--meter", help="Only cards of this meter; also shows the card in effect.")
@click.option("--model", help="Only the card of this model; needs --meter.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Versions.")
@json_option
@pass_invocation
def list_rates(invocation: Invocation, meter: str | None, model: str | None, limit: int) -> None:
    """List the versions of rate cards. For one card, also show the version in effect, built-in prices included."""
    with invocation.client() as client:
        listed = list(islice(client.rates(meter, model, page_size=min(limit, 100)), limit))
        in_effect = client.rate_in_effect(meter, model) if meter is not None else None
    if invocation.as_json:
        print_json({"items": listed} | ({} if meter is None else {"in_effect": in_effect}))
        return
    print_rows("Rate cards", _CARD_COLUMNS, map(_card_row, listed))
    if in_effect is not None:
        _show_card(f"In effect: {in_effect.card}", in_effect)


@rates.command("put")
@click.argument("file", type=click.File("rb"))
@json_option
@pass_invocation
def put(invocation: Invocation, file: BinaryIO) -> None:
    """Create the next version of the card in FILE, or of each card in a list; - reads standard input.

    Sending the same card again changes nothing.
    """
    with invocation.client() as client:
        made = [client.put_rate(card) for card in _cards(file)]
    if invocation.as_json:
        print_json({"items": made})
    else:
        print_rows("Rate cards", _CARD_COLUMNS, map(_card_row, made))


@click.command()
@click.argument("meter")
@click.argument("quantities", metavar="QUANTITY=NUMBER...", nargs=-1)
@click.option("--model", help="The model of the usage.")
@click.option("--actor", help="Quote the next operation of this account, with its carry.")
@click.option("--occurred-at", type=INSTANT, help="Quote the price of this time; default: now.")
@json_option
@pass_invocation
def quote(
    invocation: Invocation,
    meter: str,
    quantities: tuple[str, ...],
    model: str | None,
    actor: str | None,
    occurred_at: datetime | None,
) -> None:
    """Quote the price of usage: `quote llm --model gpt-4o input_tokens=374 output_tokens=44`."""
    usage = {"meter": meter, **({} if model is None else {"model": model}), **dict(map(_quantity, quantities))}
    with invocation.client() as client:
        quoted = client.quote(usage, actor=actor, occurred_at=occurred_at)
    if invocation.as_json:
        print_json(quoted)
    else:
        _show_quote(quoted)


def _cards(file: BinaryIO) -> list[dict[str, Any]]:
    try:
        read = _decode_cards(file.read())
        return msgspec.convert(read if isinstance(read, list) else [read], list[dict[str, Any]])
    except (msgspec.DecodeError, msgspec.ValidationError) as malformed:
        raise click.UsageError(f"FILE is neither a card nor a list of cards: {malformed}") from malformed


def _quantity(text: str) -> tuple[str, str]:
    name, equals, number = text.partition("=")
    if not (name and equals and number):
        raise click.UsageError(f"{text!r} is not a quantity; write it like input_tokens=374")
    return name, number


def _card_row(card: RateCard) -> tuple[object, ...]:
    prices = ", ".join(f"{name} {price.price}/{price.per:,}" for name, price in card.prices.items())
    return card.card, card.effective_from, prices, card.request_price, card.minimum_charge


def _show_card(title: str, card: RateCard) -> None:
    print_rows(title, _PRICE_COLUMNS, ((name, p.price, p.per, p.more) for name, p in card.prices.items()))


def _show_quote(quoted: Quote) -> None:
    facts = {"amount": quoted.amount, "hold": quoted.hold, "card": quoted.card, "adjustment": quoted.adjustment}
    if quoted.carry_before is not None:
        facts |= {"carry before": quoted.carry_before, "carry after": quoted.carry_after}
    print_facts("Quote", facts)
    rows = ((each.item, each.units, each.price, each.per, each.amount) for each in quoted.items)
    print_rows("Items", _ITEM_COLUMNS, rows)

"""The commands for an account's settings: `configure`, `freeze`, `join`, `limits`, `allowance` and others."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast, get_args

import click
import msgspec

from millicent.amounts import readable
from millicent.cli.invocation import Invocation, json_option, key_option, pass_invocation
from millicent.cli.output import print_facts, print_json, print_rows
from millicent.cli.values import AMOUNT
from millicent.client import Interval, SpendingLimit, Window
from millicent.models import Account, Allowance, Decision, Limit, Receipt

_LIMIT_COLUMNS: Final = {
    "limit": "right",
    "window": "left",
    "app": "left",
    "meter": "left",
    "model": "left",
    "used": "right",
}
_LIMIT: Final = re.compile(
    rf"(?P<amount>[^/,]+)(?:/(?P<window>{'|'.join(get_args(Window))}|P[0-9A-Z]+))?"
    r"(?P<rest>(?:,(?:app|meter|model)=.+)?)"
)
_NEXT_NAME: Final = re.compile(r",(?=(?:app|meter|model)=)")
"""A comma may be in an id too."""


class LimitType(click.ParamType[SpendingLimit]):
    """`500/day,app=chat,model=gpt-4o`, `100/PT5H`; only the amount is required."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> SpendingLimit:  # noqa: ANN401
        if isinstance(value, SpendingLimit):
            return value
        found = _LIMIT.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} is not a limit; write it like 500/day,app=chat,model=gpt-4o or 100/PT5H", param, ctx)
        scope = dict(part.split("=", 1) for part in _NEXT_NAME.split(found["rest"]) if part)
        amount = AMOUNT.convert(found["amount"], param, ctx)
        return SpendingLimit(amount=amount, window=found["window"], **scope)


@click.command()
@click.argument("actor")
@click.option("--overdraft-limit", type=AMOUNT, help="The most that the account may be overdrawn.")
@click.option(
    "--warn-at", type=AMOUNT, multiple=True, help="Warn when the available balance falls below this amount; repeatable."
)
@click.option("--no-warnings", is_flag=True, help="Remove all warnings.")
@click.option("--time-zone", help="The time zone of its days and months, such as Europe/Amsterdam.")
@key_option
@json_option
@pass_invocation
def configure(
    invocation: Invocation, /, actor: str, warn_at: tuple[str, ...], no_warnings: bool, **settings: str | None
) -> None:
    """Change settings of ACTOR. Omitted settings stay unchanged."""
    if warn_at and no_warnings:
        raise click.UsageError("give either --warn-at or --no-warnings")
    thresholds = warn_at if warn_at or no_warnings else None
    if thresholds is None and settings["overdraft_limit"] is None and settings["time_zone"] is None:
        raise click.UsageError("give at least one setting to change")
    with invocation.client() as client:
        receipt = client.configure(
            actor,
            overdraft_limit=settings["overdraft_limit"],
            low_balance_thresholds=thresholds,
            time_zone=settings["time_zone"],
            key=settings["key"],
        )
    _show(invocation, receipt)


@click.command()
@click.argument("actor")
@key_option
@json_option
@pass_invocation
def freeze(invocation: Invocation, actor: str, key: str) -> None:
    """Freeze ACTOR: refuse new spending. Open holds can still be captured."""
    with invocation.client() as client:
        _show(invocation, client.freeze(actor, key=key))


@click.command()
@click.argument("actor")
@key_option
@json_option
@pass_invocation
def unfreeze(invocation: Invocation, actor: str, key: str) -> None:
    """Unfreeze ACTOR: allow spending again."""
    with invocation.client() as client:
        _show(invocation, client.unfreeze(actor, key=key))


@click.command()
@click.argument("actor")
@click.argument("parent")
@key_option
@json_option
@pass_invocation
def join(invocation: Invocation, actor: str, parent: str, key: str) -> None:
    """Make ACTOR a member of PARENT. Both accounts then pay for what the member spends."""
    with invocation.client() as client:
        _show(invocation, client.join(actor, parent, key=key))


@click.command()
@click.argument("actor")
@key_option
@json_option
@pass_invocation
def leave(invocation: Invocation, actor: str, key: str) -> None:
    """Remove ACTOR from its parent. ACTOR then pays alone."""
    with invocation.client() as client:
        _show(invocation, client.leave(actor, key=key))


@click.group()
def limits() -> None:
    """Spending limits of an account: by hour, day, week or month or in a rolling window, by app, meter and model."""


@limits.command("show")
@click.argument("actor")
@json_option
@pass_invocation
def show_limits(invocation: Invocation, actor: str) -> None:
    """Show the limits of ACTOR and how much of each is used."""
    with invocation.client() as client:
        account = client.account(actor)
    if invocation.as_json:
        print_json({"limits": account.limits})
    else:
        print_limits(f"Limits of {actor}", account.limits)


@limits.command("set")
@click.argument("actor")
@click.argument("wanted", metavar="LIMIT...", nargs=-1, required=True, type=LimitType())
@key_option
@json_option
@pass_invocation
def set_limits(invocation: Invocation, actor: str, wanted: tuple[SpendingLimit, ...], key: str) -> None:
    """Replace the limits of ACTOR: `limits set user:alice 500/day 100/PT5H,model=gpt-4o 50/hour,app=chat,meter=llm`.

    A limit without a window never resets; PT5H is a rolling window, the last five hours. A limit that existed before
    keeps its count.
    """
    with invocation.client() as client:
        _show(invocation, client.set_limits(actor, wanted, key=key))


@limits.command("remove")
@click.argument("actor")
@key_option
@json_option
@pass_invocation
def remove_limits(invocation: Invocation, actor: str, key: str) -> None:
    """Remove all limits of ACTOR."""
    with invocation.client() as client:
        _show(invocation, client.set_limits(actor, (), key=key))


@click.group()
def allowance() -> None:
    """Allowances: credits that are refilled every day, week or month."""


@allowance.command("show")
@click.argument("actor")
@json_option
@pass_invocation
def show_allowance(invocation: Invocation, actor: str) -> None:
    """Show the allowance of ACTOR and its next refill."""
    with invocation.client() as client:
        shown = client.account(actor).allowance
    if invocation.as_json:
        print_json({"allowance": shown})
    else:
        print_facts(f"Allowance of {actor}", allowance_facts(shown) or {"allowance": "none"})


@allowance.command("set")
@click.argument("actor")
@click.argument("interval", type=click.Choice(get_args(Interval)))
@click.argument("amount", type=AMOUNT)
@click.option("--priority", type=int, help="Grants with a lower priority are spent first; default 5.")
@click.option(
    "--rollover-maximum", type=AMOUNT, help="The most that a refill carries over from the period before; default 0."
)
@click.option("--rollover-minimum", type=AMOUNT, help="Carry over only if at least this much is left.")
@key_option
@json_option
@pass_invocation
def set_allowance(
    invocation: Invocation,
    /,
    actor: str,
    interval: Interval,
    amount: str,
    **options: Any,  # noqa: ANN401
) -> None:
    """Refill AMOUNT for ACTOR every INTERVAL. The first refill comes at once."""
    with invocation.client() as client:
        _show(invocation, client.set_allowance(actor, amount, interval, **options))


@allowance.command("end")
@click.argument("actor")
@key_option
@json_option
@pass_invocation
def end_allowance(invocation: Invocation, actor: str, key: str) -> None:
    """End the allowance of ACTOR. Its current credits last until their period ends."""
    with invocation.client() as client:
        _show(invocation, client.end_allowance(actor, key=key))


def policy_facts(shown: Account) -> dict[str, object]:
    """The account's settings without its limits."""
    return {
        "status": shown.status,
        "time zone": shown.time_zone,
        "warn at": _listed(shown.low_balance_thresholds),
        **{f"allowance {name}": value for name, value in allowance_facts(shown.allowance).items()},
        "parent": shown.parent,
    }


def allowance_facts(shown: Allowance | None) -> dict[str, object]:
    if shown is None:
        return {}
    return {
        "amount": shown.amount,
        "interval": shown.interval,
        "priority": shown.priority,
        "rolls over": shown.rollover_maximum or None,
        "if at least": shown.rollover_minimum or None,
        "next": shown.next_at,
    }


def decision_facts(decision: Decision | None) -> dict[str, object]:
    """The decision behind a refusal."""
    if decision is None:
        return {}
    return {
        "decided by": decision.account,
        "limit": decision.amount,
        "limit window": decision.window,
        "limit app": decision.app,
        "limit meter": decision.meter,
        "limit model": decision.model,
        "limit used": decision.used,
        "limit resets": decision.resets_at,
    }


def print_limits(title: str, shown: Iterable[Limit]) -> None:
    rows = (
        (each.amount, each.window or "ever", each.app, each.meter, each.model, each.used, each.resets_at)
        for each in shown
    )
    print_rows(title, {**_LIMIT_COLUMNS, "resets": "left"}, rows)


def _show(invocation: Invocation, receipt: Receipt) -> None:
    if invocation.as_json:
        print_json(receipt)
        return
    entry = receipt.entry
    set_to = (
        {} if receipt.settings is None else msgspec.to_builtins(receipt.settings, builtin_types=(Decimal, datetime))
    )
    limits_set = set_to.pop("limits", None)
    facts = {name.replace("_", " "): _value(value) for name, value in set_to.items()}
    print_facts(
        f"Settings of {entry.actor}", {**facts, "replayed": receipt.replayed, "seq": entry.seq, "key": entry.key}
    )
    if limits_set is not None and receipt.settings is not None:
        print_limits("Limits", cast("Iterable[Limit]", receipt.settings.limits))


def _value(value: object) -> object:
    match value:
        case None:
            return "none"
        case list() | tuple():
            return _listed(value) or "none"
        case Mapping():
            return f"{readable(value['amount'])} {value['interval']}"
        case _:
            return value


def _listed(amounts: Iterable[Decimal]) -> str | None:
    return ", ".join(readable(amount) for amount in amounts) or None

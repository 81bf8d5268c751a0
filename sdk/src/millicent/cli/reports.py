"""Reports on an account: `entries`, `statement` and `usage`; and on the tenant: `accounts` and `top`."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import click

from millicent.cli.invocation import Invocation, json_option, pass_invocation
from millicent.cli.output import print_facts, print_json, print_rows, print_text, writing
from millicent.cli.values import DAY, INSTANT
from millicent.client import Grouping, Status, TenantGrouping
from millicent.models import Entry, TenantUsagePage, UsagePage, UsageSums

_ENTRY_COLUMNS: Final[Mapping[str, str]] = {
    "seq": "right",
    "at": "left",
    "kind": "left",
    "outcome": "left",
    "amount": "right",
    "available": "right",
    "app": "left",
    "meter": "left",
    "reason": "left",
    "key": "left",
}
_ACCOUNT_COLUMNS: Final[Mapping[str, str]] = {
    "actor": "left",
    "available": "right",
    "held": "right",
    "funded": "right",
    "spent": "right",
    "status": "left",
    "low": "left",
    "seq": "right",
    "updated": "left",
}
_SUM_COLUMNS: Final[Mapping[str, str]] = {"charged": "right", "refunded": "right", "net": "right", "count": "right"}
_STANDARD_OUTPUT: Final = "-"

_Command = TypeVar("_Command", bound=Callable[..., Any])

rows_option = click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Newest rows.")


def _filter_options(command: _Command) -> _Command:
    """The filters for entries."""
    for option in (
        click.option("--model", help="Only entries of this model."),
        click.option("--meter", help="Only entries of this meter."),
        click.option("--app", help="Only entries of this app."),
        click.option("--to", "until", type=INSTANT, help="Only entries before this time."),
        click.option("--from", "since", type=INSTANT, help="Only entries at this time or later."),
        click.option("--kind", help="Only entries of this kind, such as charge."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("actor")
@rows_option
@_filter_options
@json_option
@pass_invocation
def entries(invocation: Invocation, /, actor: str, limit: int, **filters: Any) -> None:  # noqa: ANN401
    """List the ledger's entries of ACTOR, newest first."""
    with invocation.client() as client:
        listed = list(islice(client.entries(actor, page_size=min(limit, 100), **filters), limit))
    if invocation.as_json:
        print_json({"items": listed})
    else:
        show_entries(f"Entries of {actor}", listed)


@click.command()
@click.argument("actor")
@_filter_options
@click.option(
    "--csv",
    "file",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True),
    help="Write CSV to this file; - is standard output.",
)
@json_option
@pass_invocation
def statement(invocation: Invocation, /, actor: str, file: str | None, **filters: Any) -> None:  # noqa: ANN401
    """Show all entries of ACTOR in a period, newest first."""
    with invocation.client() as client:
        if file is not None:
            _write(file, client.statement(actor, **filters))
            return
        listed = list(client.entries(actor, **filters))
    if invocation.as_json:
        print_json({"items": listed})
    else:
        show_entries(f"Statement of {actor}", listed)
        if not any(filters[name] for name in ("kind", "app", "meter", "model")):
            _show_balances(listed)


@click.command()
@click.option("--prefix", default="", help="Only accounts whose names begin with this.")
@click.option("--status", type=click.Choice(get_args(Status)), help="Only open or only frozen accounts.")
@click.option("--low/--not-low", default=None, help="Only accounts below their highest threshold, or only the others.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The most accounts.")
@json_option
@pass_invocation
def accounts(invocation: Invocation, /, limit: int, **filters: Any) -> None:  # noqa: ANN401
    """List the accounts of the tenant by name. For services and operators."""
    with invocation.client() as client:
        listed = list(islice(client.accounts(page_size=min(limit, 100), **filters), limit))
    if invocation.as_json:
        print_json({"items": listed})
        return
    rows = (
        (a.actor, a.available, a.held, a.funded, a.spent, a.status, "low" if a.low else None, a.seq, a.updated_at)
        for a in listed
    )
    print_rows("Accounts", _ACCOUNT_COLUMNS, rows)


@click.command()
@click.argument("actor")
@click.option(
    "--by", "--group-by", "group_by", type=click.Choice(get_args(Grouping)), default="meter", show_default=True
)
@click.option("--from", "first", type=DAY, help="First day, in UTC. Default: 29 days before the last.")
@click.option("--to", "last", type=DAY, help="Last day, in UTC. Default: today.")
@json_option
@pass_invocation
def usage(invocation: Invocation, actor: str, group_by: Grouping, first: date | None, last: date | None) -> None:
    """Show the spending of ACTOR by meter, app, model, member or day."""
    with invocation.client() as client:
        found = client.usage(actor, group_by=group_by, first=first, last=last)
    if invocation.as_json:
        print_json(found)
    else:
        _show_usage(found)


@click.command()
@click.option(
    "--by", "--group-by", "group_by", type=click.Choice(get_args(TenantGrouping)), default="actor", show_default=True
)
@click.option("--from", "first", type=DAY, help="First day, in UTC. Default: 29 days before the last.")
@click.option("--to", "last", type=DAY, help="Last day, in UTC. Default: today; of actors, the present month.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Rows.")
@json_option
@pass_invocation
def top(invocation: Invocation, group_by: TenantGrouping, first: date | None, last: date | None, limit: int) -> None:
    """Show the spending of the whole tenant by actor, meter, app, model or day.

    Actors are ranked by what they spent on one day or in one calendar month.
    """
    with invocation.client() as client:
        found = client.tenant_usage(group_by=group_by, first=first, last=last, max_items=limit)
    if invocation.as_json:
        print_json(found)
    else:
        _show_tenant_usage(found)


def show_entries(title: str, listed: Iterable[Entry]) -> None:
    print_rows(title, _ENTRY_COLUMNS, map(_entry_row, listed))


def _entry_row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.seq,
        entry.at,
        entry.kind,
        entry.outcome,
        entry.amount,
        entry.available_after,
        entry.app,
        entry.meter,
        entry.reason,
        entry.key,
    )


def _show_balances(newest_first: list[Entry]) -> None:
    if newest_first:
        newest, oldest = newest_first[0], newest_first[-1]
        facts = {"available before": oldest.available_before, "available after": newest.available_after}
        print_facts(f"{len(newest_first):,} entries", facts)


def _show_usage(shown: UsagePage) -> None:
    title = (
        f"Usage of {shown.actor} from {shown.first} to {shown.last}, counted through entry {shown.counted_through:,}"
    )
    _show_sums(title, shown.group_by, shown.items)


def _show_tenant_usage(shown: TenantUsagePage) -> None:
    counted = "nothing is counted yet" if shown.counted_at is None else f"counted at {shown.counted_at}"
    title = f"Usage of the tenant from {shown.first} to {shown.last}, {counted}"
    _show_sums(title, shown.group_by, shown.items, total="total" if shown.next is None else "these")
    if shown.through_members.count:
        print_facts("Paid by parents for members, in the sums twice", {"net": shown.through_members.net})


def _show_sums(title: str, group_by: str, items: Iterable[UsageSums], total: str = "total") -> None:
    rows = [(getattr(each, group_by), each.charged, each.refunded, each.net, each.count) for each in items]
    charged, refunded, net = (sum((row[place] for row in rows), Decimal()) for place in (1, 2, 3))
    last = (total, charged, refunded, net, sum(row[4] for row in rows))
    print_rows(title, {group_by: "left", **_SUM_COLUMNS}, [*rows, last])


def _write(file: str, parts: Iterable[str]) -> None:
    """Replaces a file in one step."""
    if file == _STANDARD_OUTPUT:
        for part in parts:
            print_text(part)
        return
    target = Path(file)
    with writing(file):
        if target.exists() and not target.is_file():
            _write_lines(target, parts)
        else:
            _write_whole(target, parts)


def _write_whole(target: Path, parts: Iterable[str]) -> None:
    unfinished = Path(f"{target}.part")
    try:
        _write_lines(unfinished, parts)
        unfinished.replace(target)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _write_lines(target: Path, parts: Iterable[str]) -> None:
    with target.open("w", encoding="utf-8", newline="") as opened:
        opened.writelines(parts)

"""`backfill`: adds what a newer release needs to what older releases wrote."""

from collections.abc import Iterator

import click
import msgspec

from millicent.aws import Stack, find_stack
from millicent.cli.invocation import Invocation, json_option, pass_invocation
from millicent.cli.output import print_json, print_rows
from millicent.operations import BACKFILL, Backfilled, backfill

_COLUMNS = {"part": "left", "looked at": "right", "changed": "right"}


@click.command("backfill")
@click.option("--part", type=click.Choice([part.name for part in BACKFILL]), help="This part only. Default: all.")
@click.option("--after", help="Where an earlier run of --part was stopped.")
@click.option("--stack", help="The deployed stack. Default: MILLICENT_STACK, else the laptop cloud's.")
@json_option
@pass_invocation
def backfill_command(invocation: Invocation, part: str | None, after: str | None, stack: str | None) -> None:
    """Add what this release needs to accounts of older releases.

    It can be stopped at any time and run again: what is done is left as it is.
    """
    if after is not None and part is None:
        raise click.UsageError("--after needs --part")
    found = invocation.stack or find_stack(stack)
    done = [_finished(backfill(found, each, after)) for each in BACKFILL if part in {None, each.name}]
    if invocation.as_json:
        print_json({"items": [msgspec.structs.asdict(each) for each in done]})
    else:
        print_rows("Backfill", _COLUMNS, ((each.part, each.looked_at, each.changed) for each in done))


def show_backfill(stack: Stack) -> list[Backfilled]:
    """Runs all parts to their ends, and tells where another run can go on."""
    return [_finished(backfill(stack, each)) for each in BACKFILL]


def _finished(runs: Iterator[Backfilled]) -> Backfilled:
    """The last of them. Tells of each other where another run can go on."""
    done = next(runs)
    for following in runs:
        click.echo(f"{done.part}: {done.looked_at:,} looked at; goes on --after '{done.next}'", err=True)
        done = following
    return done

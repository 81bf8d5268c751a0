"""`tail`: the activity of the whole tenant."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import click

from millicent.cli.invocation import Invocation, json_option, pass_invocation
from millicent.cli.output import print_json, print_line
from millicent.following import POLL_S, follow
from millicent.models import ActivityItem

_WIDTHS = (24, 14, 8, 12, 12)
"""Of time, kind, outcome, amount and available credits; what stands after them is as long as it is."""


@click.command()
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Newest items.")
@click.option("--follow", "-f", "follows", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0, min_open=True),
    default=POLL_S,
    show_default=True,
    help="Seconds between two polls of --follow.",
)
@click.option("--kind", help="Only entries of this kind, such as charge, or checks: check.")
@click.option("--outcome", help="Only what was applied, partial, refused or allowed.")
@click.option("--actor", help="Only of this actor.")
@json_option
@pass_invocation
def tail(
    invocation: Invocation,
    /,
    limit: int,
    *,
    follows: bool,
    every_s: float,
    **filters: Any,  # noqa: ANN401
) -> None:
    """Show the newest entries and checks of the tenant, oldest first, one line each.

    With --follow every item is printed once and none is left out. With --json each line is a JSON document.
    """
    with invocation.client() as client:
        if follows:
            wait = invocation.clock.sleep
            _print(invocation, follow(client, begin_with=limit, every_s=every_s, sleep=wait, **filters))
            return
        newest = list(islice(client.activity(page_size=min(limit, 100), **filters), limit))
    _print(invocation, reversed(newest))


def _print(invocation: Invocation, items: Iterable[ActivityItem]) -> None:
    for item in items:
        if invocation.as_json:
            print_json(item)
        else:
            print_line(*_cells(item))


def _cells(item: ActivityItem) -> Iterable[tuple[object, int]]:
    amount = item.minimum if item.type == "check" else item.amount
    texts = (item.at, item.kind, item.outcome, amount, item.available_after)
    numbers = {3, 4}
    for place, (text, width) in enumerate(zip(texts, _WIDTHS, strict=True)):
        yield text, width if place in numbers else -width
    for text in (item.actor, item.reason, item.app, item.meter, item.model, item.key or item.check_id):
        yield text, 0

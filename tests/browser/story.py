"""The accounts that the tests find: what happened before anybody opened the console.

Days are of 2024, so that they stay past days; the browser's clock is set to them where a page counts from today.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from millicent import Millicent
from tests.e2e.laptop import Laptop, eventually

ALICE: Final = "user:alice"
FUNDED: Final = 100_000

SCRIPT: Final = "user:<script>alert(1)</script>"
IMAGE: Final = "user:<img/src=x/onerror=alert(2)>"
TEMPLATE: Final = "user:${alert(3)}{{alert(4)}}&lt;b&gt;'"
LONGEST: Final = "user:" + "W" * 123
HOSTILE: Final = (SCRIPT, IMAGE, TEMPLATE, LONGEST)
"""Names that are ids for the ledger, and something else for a careless page."""
HOSTILE_METER: Final = "<b>meter</b>"
OVERRIDE: Final = "\u202e"
"""It turns the direction of what follows it round, so that a page must not show it as it is."""
RIGHT_TO_LEFT: Final = f"{OVERRIDE}gnp.exe \u0634\u0643\u0631\u0627 </td><script>alert(5)</script>"
METADATA: Final = {"note": RIGHT_TO_LEFT, "<i>key</i>": ["<svg/onload=alert(6)>"]}
METADATA_BYTES: Final = 7_000
"""With the other fields a body of almost the 8 KiB that the API takes."""

CLOCKS: Final = "team:clocks"
"""The account of the charges below: nobody else has spent anything in their days."""
BEFORE: Final = datetime(2024, 11, 5, 12, tzinfo=UTC)
"""When a browser must be for its last 30 days to hold both changes of clocks."""


@dataclass(frozen=True)
class Charge:
    at: str
    cost: Decimal
    meter: str


AROUND_CHANGES: Final = (
    Charge("2024-10-07T00:00:00Z", Decimal("1.5"), "llm"),
    Charge("2024-10-26T23:59:59Z", Decimal(20), "llm"),
    # Clocks went back in Berlin at 01:00 UTC.
    Charge("2024-10-27T00:00:00Z", Decimal(300), "search"),
    Charge("2024-10-27T00:59:59Z", Decimal(4000), "llm"),
    Charge("2024-10-27T01:00:00Z", Decimal(50), "llm"),
    Charge("2024-10-27T23:30:00Z", Decimal("0.125"), "search"),
    # Clocks went back in Los Angeles at 09:00 UTC.
    Charge("2024-11-03T08:59:59Z", Decimal(7), "llm"),
    Charge("2024-11-03T09:00:00Z", Decimal(80), "search"),
    Charge("2024-11-05T11:00:00Z", Decimal("9.001"), "llm"),
)
NOT_IN_THE_PERIOD: Final = Charge("2024-10-06T23:59:59Z", Decimal(66), "llm")


def by_day(charges: tuple[Charge, ...] = AROUND_CHANGES) -> Mapping[str, Decimal]:
    """What was spent on each UTC day."""
    found: dict[str, Decimal] = {}
    for each in charges:
        found[each.at[:10]] = found.get(each.at[:10], Decimal(0)) + each.cost
    return found


def tell(laptop: Laptop) -> None:
    """Makes the accounts and a digest over them, and waits until the tenant's sums and its feed have them."""
    with laptop.client() as client:
        make_accounts(client)
        make_digest(laptop)
        eventually(lambda: are_counted(client), "the sums of the tenant have the story")
        eventually(lambda: CLOCKS in {each.actor for each in client.activity()}, "the feed has the story")


def make_digest(laptop: Laptop) -> None:
    functions = laptop.aws.session.client("lambda", endpoint_url=laptop.aws.url)
    answer = functions.invoke(FunctionName=laptop.stack.ids["DigestFunction"], Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()


def make_accounts(client: Millicent) -> None:
    client.grant(ALICE, FUNDED, category="purchased", key="story-alice")
    client.charge(ALICE, "42.5", meter="llm", app="chat", key="story-alice-llm")
    client.charge(ALICE, 10, meter="search", key="story-alice-search")
    for number, actor in enumerate(HOSTILE):
        client.grant(actor, FUNDED, reason="<em>reason</em>", key=f"story-hostile-{number}")
        # More than anybody else, so that they are the top spenders.
        client.charge(
            actor, 5000, meter=HOSTILE_METER, metadata=hostile_metadata(), key=f"story-<u>charge</u>-{number}"
        )
    client.grant(CLOCKS, FUNDED, key="story-clocks")
    for number, each in enumerate((*AROUND_CHANGES, NOT_IN_THE_PERIOD)):
        client.charge(
            CLOCKS,
            each.cost,
            meter=each.meter,
            occurred_at=datetime.fromisoformat(each.at),
            key=f"story-clocks-{number}",
        )


def hostile_metadata() -> Mapping[str, object]:
    """As large as the API takes it."""
    filling = METADATA_BYTES - len(json.dumps(METADATA))
    return {**METADATA, "long": "x" * filling}


def are_counted(client: Millicent) -> bool:
    """Whether the tenant's sums, which follow the ledger, have all of this."""
    first, last = (date.fromisoformat(each.at[:10]) for each in (NOT_IN_THE_PERIOD, AROUND_CHANGES[-1]))
    past = client.tenant_usage(group_by="day", first=first, last=last)
    meters = {each.meter for each in client.tenant_usage(group_by="meter").items}
    counted = sum(each.charged for each in past.items)
    return counted == sum(by_day().values()) + NOT_IN_THE_PERIOD.cost and HOSTILE_METER in meters

"""Usage and statements on the deployed stack: bus, queue, function and tables, with their permissions."""

import csv
from decimal import Decimal
from io import StringIO

import httpx
import pytest

from millicent import BatchCharge, Millicent
from millicent.models import UsagePage
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e

TEAM = "team:usage"


def counted(client: Millicent, actor: str, group_by: str = "meter") -> UsagePage:
    """Once the sums have come as far as the account has."""
    newest = client.account(actor).seq

    def far_enough() -> UsagePage | None:
        found = client.usage(actor, group_by=group_by)  # type: ignore[arg-type]  # one of the groupings
        return found if found.counted_through >= newest else None

    return eventually(far_enough, "counted")


def test_what_is_spent_is_counted_once_by_meter_app_member_and_day(client: Millicent) -> None:
    client.grant(TEAM, 1000)
    for member in ("user:usage-1", "user:usage-2"):
        client.grant(member, 1000)
        client.join(member, TEAM)

    charges = [
        BatchCharge(actor=f"user:usage-{n % 2 + 1}", cost="1.5", app="chat", meter=f"m-{n % 4}", key=f"usage-{n}")
        for n in range(40)
    ]
    assert {result.status for result in client.charge_batch(charges)} == {201}
    client.refund("user:usage-1", "usage-0", 1)
    by_meter = counted(client, TEAM)
    assert [(each.meter, each.charged, each.refunded, each.count) for each in by_meter.items] == [
        ("m-0", Decimal(15), Decimal(1), 10),
        ("m-1", Decimal(15), Decimal(0), 10),
        ("m-2", Decimal(15), Decimal(0), 10),
        ("m-3", Decimal(15), Decimal(0), 10),
    ]
    by_member = counted(client, TEAM, "member")
    assert {each.member: each.net for each in by_member.items} == {"user:usage-1": 29, "user:usage-2": 30}
    assert [each.net for each in counted(client, "user:usage-1", "app").items] == [Decimal(29)]
    assert sum(each.net for each in counted(client, TEAM, "day").items) == client.account(TEAM).spent


def test_what_accounts_spend_is_in_the_sums_of_their_tenant_after_a_restart_too(
    client: Millicent, laptop: Laptop
) -> None:
    actors = ("user:of-a-tenant-1", "user:of-a-tenant-2")
    for actor in actors:
        client.grant(actor, 1000)
        client.charge(actor, "2.5", meter="of-a-tenant")

    def spent(connected: Millicent) -> Decimal:
        found = connected.tenant_usage()
        return sum((each.net for each in found.items if each.meter == "of-a-tenant"), Decimal(0))

    assert eventually(lambda: spent(client) == 5, "in the sums of the tenant")
    laptop.stop()
    laptop.start()
    with laptop.client() as connected:
        connected.charge(actors[0], "1.5", meter="of-a-tenant")
        assert eventually(lambda: spent(connected) == Decimal("6.5"), "in the sums of the tenant")
        ranked = [each.actor for each in connected.tenant_usage(group_by="actor").items]
    assert ranked.index(actors[0]) < ranked.index(actors[1])


def test_a_statement_follows_its_pages_and_keeps_to_its_scope(client: Millicent, laptop: Laptop) -> None:
    actor = "user:statement"
    client.grant(actor, 10)
    for _ in range(4):
        client.charge(actor, 1)
    lines = list(csv.DictReader(StringIO("".join(client.statement(actor, page_size=2)), newline="")))
    assert [line["seq"] for line in lines] == ["5", "4", "3", "2", "1"]
    for path in ("entries", "usage"):
        url = f"{laptop.base_url}/v1/accounts/{actor}/{path}"
        headers = {"Accept": "text/csv"}
        refused = httpx.get(url, headers=headers | {"Authorization": f"Bearer {laptop.token('charge')}"})
        assert (refused.status_code, httpx.get(url, headers=headers).status_code) == (403, 401)

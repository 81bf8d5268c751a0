"""Days are days in UTC for everybody, and a sum is that of its entries."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.browser.story import AROUND_CHANGES, BEFORE, by_day
from tests.browser.visits import Visit

pytestmark = pytest.mark.e2e

Opens = Callable[..., Visit]
TO: Final = "\u2013"
ZONES: Final = ("America/Los_Angeles", "Europe/Berlin", "Pacific/Kiritimati")
TOTAL: Final = sum((each.cost for each in AROUND_CHANGES), Decimal(0))


@pytest.mark.parametrize("zone", ZONES)
def test_a_chart_has_the_same_days_and_sums_in_every_zone_and_over_changes_of_clocks(
    visit: Opens, admin: str, zone: str
) -> None:
    opened = visit(timezone_id=zone)
    opened.page.clock.set_fixed_time(BEFORE)
    page = opened.enter("/?days=30", admin)
    opened.shows("Overview")
    expect(page.get_by_text(f"Oct 7 {TO} Nov 5, 2024 (days in UTC)")).to_be_visible()
    expect(page.get_by_role("navigation")).to_contain_text(zone)
    page.get_by_role("button", name="As a table").click()
    found = days_of(page)
    assert len(found) == 30
    assert {day: amount for day, amount in found.items() if amount} == by_day()
    assert sum(found.values()) == TOTAL
    expect(page.locator(".headline")).to_contain_text(f"{TOTAL:,} millicents")


def days_of(page: Page) -> dict[str, Decimal]:
    """What the table of a chart says was spent on each day, over all meters."""
    table = page.get_by_role("table").filter(has_text="Day (UTC)")
    rows = [row.inner_text().split("\t") for row in table.get_by_role("row").all()[1:]]
    return {row[0].strip(): Decimal(row[-1].split()[0].replace(",", "")) for row in rows}


def test_an_instant_is_shown_in_the_viewers_zone_with_utc_on_hover(visit: Opens, admin: str) -> None:
    opened = visit(timezone_id="Pacific/Kiritimati")
    page = opened.enter("/accounts", admin)
    opened.shows("Accounts")
    shown = page.locator("time").first
    at = shown.get_attribute("datetime")
    assert at is not None
    expect(shown).to_have_attribute(
        "title", f"{at.replace('T', ' ').replace('Z', ' UTC')} (shown in Pacific/Kiritimati)"
    )


def test_a_chart_without_anything_says_that_nothing_is_counted_in_its_period(visit: Opens, admin: str) -> None:
    opened = visit()
    opened.page.clock.set_fixed_time(BEFORE.replace(year=2022))
    page = opened.enter("/?days=7", admin)
    opened.shows("Overview")
    expect(page.get_by_text(f"Oct 30 {TO} Nov 5, 2022 (days in UTC)")).to_be_visible()
    expect(page.get_by_text("Nothing is counted in this period yet.").first).to_be_visible()
    expect(page.get_by_role("figure")).to_have_count(0)

"""The page of an account: what it has and why, entry by entry, and its proof."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from millicent import Millicent
from tests.browser.story import HOSTILE, METADATA, OVERRIDE, RIGHT_TO_LEFT, make_digest
from tests.browser.test_hostile import MADE
from tests.browser.visits import Visit
from tests.e2e.laptop import Laptop

pytestmark = pytest.mark.e2e

Opens = Callable[..., Visit]


def opened_at(visit: Opens, token: str, actor: str, query: str = "") -> Visit:
    opened = visit()
    opened.enter(f"/accounts/{actor}{query}", token)
    opened.shows(actor)
    return opened


def test_the_metadata_of_an_entry_is_text_whatever_is_in_it(visit: Opens, admin: str) -> None:
    opened = visit()
    opened.page.on("dialog", lambda dialog: opened.complaints.append(f"metadata ran: {dialog.message}"))
    page = opened.enter("/accounts/team:clocks", admin)
    opened.shows("team:clocks")
    # The names of ids are for the address what the console makes of them.
    page.evaluate("(name) => { location.hash = `/accounts/${encodeURIComponent(name)}`; }", HOSTILE[0])
    opened.shows(HOSTILE[0])
    page.get_by_role("table", name="Entries").get_by_role("row").nth(1).focus()
    page.keyboard.press("Enter")
    told = page.get_by_role("dialog")
    expect(told.locator("pre")).to_contain_text(RIGHT_TO_LEFT.replace(OVERRIDE, r"\u202e"))
    expect(told.locator("pre")).not_to_contain_text(OVERRIDE)
    for name in METADATA:
        expect(told.locator("pre")).to_contain_text(name)
    assert page.locator(MADE).count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_one_piece_of_work_is_one_line_that_opens_into_its_entries(visit: Opens, admin: str, client: Millicent) -> None:
    actor = "user:work"
    client.grant(actor, 1000)
    hold = client.hold(actor, 500, key="work-1")
    assert hold.hold is not None
    client.capture(actor, hold.hold.id, 120, key="work-2")
    client.refund(actor, "work-2", 20, key="work-3")
    opened = opened_at(visit, admin, actor)
    entries = opened.page.get_by_role("table", name="Entries")
    # The heading, the work, and the grant.
    expect(entries.get_by_role("row")).to_have_count(3)
    work = entries.get_by_role("row").nth(1)
    for text in ("hold", "capture", "refund", "100", "900"):
        expect(work).to_contain_text(text)
    opened.page.get_by_label("One line for a piece of work").uncheck()
    expect(entries.get_by_role("row")).to_have_count(5)


def test_an_entry_of_an_unknown_kind_is_listed_and_explained_as_it_is(
    visit: Opens, admin: str, client: Millicent
) -> None:
    actor = "user:unknown-kind"
    client.grant(actor, 1000, key="unknown-1")
    unknown: dict[str, Any] = {"kind": "donation", "outcome": "postponed", "moon": {"phase": "full"}}

    def listed(route: Route) -> None:
        found = route.fetch()
        content = found.json()
        content["items"] = [{**item, **unknown} for item in content["items"]]
        route.fulfill(response=found, json=content)

    def explained(route: Route) -> None:
        found = route.fetch()
        content = found.json()
        route.fulfill(response=found, json={**content, "entry": {**content["entry"], **unknown}})

    opened = visit()
    opened.page.route("**/entries?*", listed)
    opened.page.route("**/v1/operations/*", explained)
    page = opened.enter(f"/accounts/{actor}", admin)
    opened.shows(actor)
    row = page.get_by_role("table", name="Entries").get_by_role("row").nth(1)
    expect(row).to_contain_text("donation")
    expect(row).to_contain_text("postponed")
    row.focus()
    page.keyboard.press("Enter")
    told = page.get_by_role("dialog")
    for text in ("donation", "postponed", "moon", "full"):
        expect(told).to_contain_text(text)


def test_a_history_is_proved_in_the_browser_and_an_altered_record_is_not(
    visit: Opens, admin: str, client: Millicent, laptop: Laptop
) -> None:
    actor = "user:proved"
    client.grant(actor, 1000)
    client.charge(actor, 10, key="proved-1")
    make_digest(laptop)
    opened = opened_at(visit, admin, actor)
    page = opened.page
    page.get_by_role("button", name="Verify").click()
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("Consistent")

    def altered(route: Route) -> None:
        """As a service would answer that hides what was taken."""
        found = route.fetch()
        content = found.json()
        content["records"] = [record.replace("10000", "20000") for record in content["records"]]
        assert content != found.json()
        route.fulfill(response=found, json=content)

    page.route("**/proof?*", altered)
    page.get_by_role("button", name="Verify").click()
    expect(verdict).to_contain_text("Not proved")


def test_the_csv_is_the_statement_of_the_service(visit: Opens, admin: str, client: Millicent) -> None:
    actor = "user:csv"
    client.grant(actor, 1000)
    client.charge(actor, 10)
    page = opened_at(visit, admin, actor).page
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "statement-user-csv.csv"
    assert download.value.path().read_bytes().decode() == "".join(client.statement(actor))

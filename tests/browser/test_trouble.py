"""Bad days: a busy or failing service, two tabs, the back button, a tenant without accounts, no mouse."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route, expect

from millicent import Millicent
from tests.browser import tokens
from tests.browser.accessibility import violations
from tests.browser.pages import PAGES
from tests.browser.story import ALICE
from tests.browser.visits import Visit
from tests.e2e.laptop import Laptop

pytestmark = pytest.mark.e2e

Opens = Callable[..., Visit]
BUSY: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
OF_NO_ACCOUNT: Final = ("/", "/accounts", "/live")
TABS: Final = 60


def answered_first_with(status: HTTPStatus, times: int, seen: list[str | None]) -> Callable[[Route], None]:
    """Then as the service does. `seen` gets the idempotency key of each question."""

    def answer(route: Route) -> None:
        seen.append(route.request.headers.get("idempotency-key"))
        if len(seen) > times:
            route.continue_()
            return
        problem = {"title": "Busy", "detail": "not now", "code": "busy", "status": status}
        headers = {"retry-after": "1", "x-request-id": f"request-{len(seen)}"}
        route.fulfill(status=status, json=problem, headers=headers)

    return answer


def account_of(client: Millicent, opened: Visit, token: str, actor: str) -> Page:
    client.grant(actor, 1000)
    page = opened.enter(f"/accounts/{quote(actor)}", token)
    opened.shows(actor)
    return page


@pytest.mark.parametrize("status", BUSY)
def test_a_busy_service_is_asked_again_and_nobody_notices(visit: Opens, admin: str, status: HTTPStatus) -> None:
    opened = visit()
    seen: list[str | None] = []
    opened.page.route("**/v1/accounts?*", answered_first_with(status, 2, seen))
    page = opened.enter("/accounts", admin)
    expect(page.get_by_role("link", name=ALICE)).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert len(seen) == 3
    opened.refusals.clear()


@pytest.mark.parametrize("status", BUSY)
def test_a_service_that_stays_busy_is_told_with_the_id_of_the_request(
    visit: Opens, admin: str, status: HTTPStatus
) -> None:
    opened = visit()
    seen: list[str | None] = []
    opened.page.route("**/v1/accounts?*", answered_first_with(status, 4, seen))
    page = opened.enter("/accounts", admin)
    failed = page.get_by_role("alert")
    for text in ("Busy", "not now", str(status.value), "request-4"):
        expect(failed).to_contain_text(text)
    failed.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("link", name=ALICE)).to_be_visible()
    opened.refusals.clear()


@pytest.mark.parametrize("status", BUSY)
def test_an_action_of_a_busy_service_keeps_its_key_and_is_one_entry(
    visit: Opens, admin: str, client: Millicent, status: HTTPStatus
) -> None:
    actor = f"user:busy-{status.value}"
    opened = visit()
    page = account_of(client, opened, admin, actor)
    seen: list[str | None] = []
    page.route("**/v1/funding", answered_first_with(status, 2, seen))
    page.get_by_role("button", name="Add a grant").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Amount (millicents)").fill("7")
    dialog.get_by_role("button", name="Add the grant").click()
    expect(dialog).to_have_count(0)
    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert client.account(actor).available == 1007
    opened.refusals.clear()


def test_of_two_tabs_that_set_a_total_the_second_is_told_and_changes_nothing(
    visit: Opens, admin: str, client: Millicent
) -> None:
    actor = "user:two-tabs"
    first, second = visit(), visit()
    pages = [account_of(client, first, admin, actor)]
    pages.append(second.enter(f"/accounts/{quote(actor)}", admin))
    second.shows(actor)
    for page in pages:
        page.get_by_role("button", name="Set the total").click()
    for page, total in zip(pages, ("2000", "3000"), strict=True):
        page.get_by_role("dialog").get_by_label("Funded in all (millicents)").fill(total)
        page.get_by_role("dialog").get_by_role("button", name="Set the total").click()
        if page is pages[0]:
            expect(page.get_by_role("dialog")).to_have_count(0)
    expect(pages[1].get_by_role("dialog").get_by_role("alert")).to_contain_text("The funded total has changed")
    assert client.account(actor).funded == 2000
    second.refusals.clear()


def test_the_back_button_leaves_a_dialog_and_nothing_is_done(visit: Opens, admin: str, client: Millicent) -> None:
    actor = "user:back"
    client.grant(actor, 1000)
    opened = visit()
    page = opened.enter(f"/accounts?prefix={actor}", admin)
    opened.shows("Accounts")
    page.get_by_role("link", name=actor).click()
    opened.shows(actor)
    page.get_by_role("button", name="Add a grant").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    opened.shows("Accounts")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert client.account(actor).available == 1000


@pytest.mark.parametrize("address", OF_NO_ACCOUNT)
def test_a_tenant_without_accounts_has_pages_that_say_so(laptop: Laptop, visit: Opens, address: str) -> None:
    token = tokens.issued(laptop, tenant="nobody-yet", scope="credits/read credits/act")
    opened = visit()
    page = opened.enter(address, token)
    opened.shows(next(each.title for each in PAGES if each.address == address))
    expect(page.locator(".empty").first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_text(ALICE)).to_have_count(0)
    assert violations(page) == []


def tab_to(page: Page, name: str) -> None:
    """To the button of this name, by the Tab key alone."""
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"{name} is not within {TABS} tabs")


def test_an_action_is_done_without_a_mouse(visit: Opens, admin: str, client: Millicent) -> None:
    actor = "user:keys-only"
    opened = visit()
    page = account_of(client, opened, admin, actor)
    tab_to(page, "Add a grant")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Amount (millicents)")).to_be_focused()
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert client.account(actor).available == 1007
    focused: str = page.evaluate("document.activeElement.textContent.trim()")
    assert focused == "Add a grant"

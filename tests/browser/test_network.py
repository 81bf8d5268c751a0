"""Without a network, with a slow one, and how much the first page needs of it."""

import sys
from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.story import ALICE
from tests.browser.visits import Visit

pytestmark = pytest.mark.e2e

Opens = Callable[..., Visit]
FIRST_LOAD_BYTES: Final = 150 * 1024


def test_without_a_network_the_page_says_so_and_goes_on_when_there_is_one(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.enter("/accounts", admin)
    opened.shows("Accounts")
    opened.context.set_offline(offline=True)
    page.get_by_role("button", name="Frozen").click()
    failed = page.get_by_role("alert")
    expect(failed).to_contain_text("The service cannot be reached. Check the connection, then try again.")
    opened.context.set_offline(offline=False)
    page.get_by_role("button", name="All").click()
    expect(page.get_by_text(ALICE)).to_be_visible()
    expect(failed).to_have_count(0)


def test_a_failure_is_tried_again_by_its_button(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.page
    page.route("**/v1/accounts?*", lambda route: route.abort())
    opened.enter("/accounts", admin)
    failed = page.get_by_role("alert")
    expect(failed).to_contain_text("cannot be reached")
    page.unroute("**/v1/accounts?*")
    failed.get_by_role("button", name="Try again").click()
    expect(page.get_by_text(ALICE)).to_be_visible()


def test_a_slow_answer_is_waited_for_and_an_overtaken_one_changes_nothing(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.page
    waiting: list[Route] = []

    def keep(route: Route) -> None:
        waiting.append(route)

    page.route("**/v1/accounts?limit=50", keep)
    opened.enter("/accounts", admin)
    expect(page.get_by_role("status").filter(has_text="Loading")).to_be_visible()
    page.get_by_role("button", name="Frozen").click()
    opened.is_complete()
    expect(page.get_by_text(ALICE)).to_have_count(0)
    for route in waiting:
        route.abort()
    page.unroute("**/v1/accounts?limit=50")
    page.get_by_role("button", name="All").click()
    expect(page.get_by_text(ALICE)).to_be_visible()


@pytest.mark.parametrize("address", ["/live", "/"])
def test_a_page_that_asks_again_and_again_waits_for_a_slow_answer(visit: Opens, admin: str, address: str) -> None:
    opened = visit()
    page = opened.page
    page.clock.install()
    waiting = opened.keeps_waiting("**/v1/activity?*")
    with page.expect_request("**/v1/activity?*"):
        opened.enter(address, admin)
    page.clock.run_for(60_000)
    assert len(waiting) == 1
    waiting[0].continue_()
    expect(page.get_by_role("link", name=ALICE).first).to_be_visible()
    with page.expect_request("**/v1/activity?*"):
        page.clock.run_for(6000)
    page.unroute("**/v1/activity?*")


def test_a_problem_is_shown_in_its_own_words_with_the_id_of_the_request(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.page
    problem = {"title": "Strange", "detail": "<b>Nobody</b> knows.", "code": "strange", "status": 418}
    page.route(
        "**/v1/accounts?*",
        lambda route: route.fulfill(status=418, json=problem, headers={"x-request-id": "request-7"}),
    )
    opened.enter("/accounts", admin)
    failed = page.get_by_role("alert")
    for text in ("Strange", "<b>Nobody</b> knows.", "strange", "request-7", "418"):
        expect(failed).to_contain_text(text)
    opened.refusals.clear()


def test_the_first_page_loads_at_most_150_kib_compressed(
    visit: Opens, admin: str, record_property: Callable[[str, object], None]
) -> None:
    opened = visit()
    files: list[Request] = []
    opened.page.on("requestfinished", lambda request: files.append(request) if "/v1/" not in request.url else None)
    opened.enter("/", admin)
    opened.shows("Overview")
    # uPlot comes when there is something to draw.
    expect(opened.page.locator("canvas")).to_be_visible()
    sizes = {request.url: request.sizes()["responseBodySize"] for request in files}
    told = f"first load: {sum(sizes.values()) / 1024:.1f} KiB compressed, {len(sizes)} files"
    record_property("first_load", told)
    sys.stdout.write(f"{told}\n")
    assert len(sizes) > 5
    assert 0 < sum(sizes.values()) <= FIRST_LOAD_BYTES

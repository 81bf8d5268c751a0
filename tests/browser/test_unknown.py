"""What a later service answers, and this console does not know, is shown as it is."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.story import ALICE
from tests.browser.visits import Visit

pytestmark = pytest.mark.e2e

Opens = Callable[..., Visit]


def changed(**members: Any) -> Callable[[Route], None]:
    """Answers as the service does, but for these members of each item."""

    def answer(route: Route) -> None:
        found = route.fetch()
        content = found.json()
        content["items"] = [{**item, **members} for item in content["items"]]
        route.fulfill(response=found, json=content)

    return answer


def test_an_account_of_an_unknown_status_is_listed_with_it(visit: Opens, admin: str) -> None:
    opened = visit()
    opened.page.route("**/v1/accounts?*", changed(status="being_audited", novelty={"a": 1}))
    page = opened.enter(f"/accounts?prefix={ALICE}", admin)
    opened.shows("Accounts")
    expect(page.get_by_role("row").filter(has_text=ALICE)).to_contain_text("being audited")


def test_an_entry_of_an_unknown_kind_is_in_the_activity_with_it(visit: Opens, admin: str) -> None:
    opened = visit()
    opened.page.route(
        "**/v1/activity?*", changed(kind="donation", type="gift", outcome="postponed", reason="full_moon")
    )
    page = opened.enter("/", admin)
    opened.shows("Overview")
    row = page.get_by_role("table", name="Newest activity").get_by_role("row").nth(1)
    for text in ("donation", "postponed", "full moon"):
        expect(row).to_contain_text(text)

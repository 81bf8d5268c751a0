"""Who sees what: the console shows what a token may do, and the API refuses the rest whatever the console shows."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import tokens
from tests.browser.story import ALICE
from tests.browser.visits import Visit
from tests.e2e.laptop import Laptop

pytestmark = pytest.mark.e2e

Opens = Callable[..., Visit]
OF_THE_TENANT: Final = ("/v1/accounts", "/v1/usage", "/v1/activity", "/v1/alerts")


def status(laptop: Laptop, path: str, token: str) -> int:
    return httpx.get(f"{laptop.base_url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code


def refused(opened: Visit) -> set[int]:
    """The kinds of refusals, which are then expected."""
    found = {code for _, code in opened.refusals}
    opened.refusals.clear()
    return found


@pytest.mark.parametrize("made", [tokens.forged, tokens.expired])
def test_a_token_that_is_not_accepted_leads_to_the_sign_in_and_a_good_one_back_to_the_page(
    laptop: Laptop, visit: Opens, admin: str, made: Callable[[Laptop], str]
) -> None:
    opened = visit()
    page = opened.enter("/accounts", made(laptop))
    again = page.get_by_role("dialog", name="Sign in again")
    expect(again).to_be_visible()
    expect(page.get_by_text(ALICE)).to_have_count(0)
    again.get_by_label("Token").fill(admin)
    again.get_by_role("button", name="Use it").click()
    expect(again).to_have_count(0)
    opened.shows("Accounts")
    expect(page.get_by_text(ALICE)).to_be_visible()
    assert refused(opened) == {HTTPStatus.UNAUTHORIZED}


def test_what_is_no_token_is_told_to_be_none(visit: Opens) -> None:
    opened = visit()
    page = opened.enter("/")
    page.get_by_label("Token").fill("<script>alert(1)</script>")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("alert")).to_have_text("This is no access token (a JWT).")


def test_without_a_scope_nothing_is_shown_and_the_page_says_that_this_does_not_mean_that_there_is_nothing(
    laptop: Laptop, visit: Opens
) -> None:
    token = tokens.issued(laptop, scope="credits/other")
    opened = visit()
    page = opened.enter("/accounts", token)
    told = page.get_by_role("alert")
    expect(told).to_contain_text("403")
    expect(told).to_contain_text("the scopes credits/other")
    expect(told).to_contain_text("does not mean that there is nothing")
    assert refused(opened) == {HTTPStatus.FORBIDDEN}
    assert {status(laptop, path, token) for path in OF_THE_TENANT} == {HTTPStatus.FORBIDDEN}


def test_an_end_user_sees_the_own_account_and_the_api_refuses_all_others(laptop: Laptop, visit: Opens) -> None:
    token = tokens.of_end_user(laptop, ALICE)
    opened = visit()
    page = opened.enter("/", token)
    expect(page.get_by_text("may see its own account only")).to_be_visible()
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages.get_by_role("link", name="Accounts", exact=True)).to_have_count(0)
    pages.get_by_role("link", name="My account").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(ALICE)
    opened.is_complete()
    assert refused(opened) == set()
    opened.go("/accounts/team%3Aclocks")
    expect(page.get_by_role("alert").first).to_contain_text("an end user may act only for its own actor")
    assert refused(opened) == {HTTPStatus.FORBIDDEN}

    assert {status(laptop, path, token) for path in OF_THE_TENANT} == {HTTPStatus.FORBIDDEN}
    assert status(laptop, "/v1/accounts/team:clocks", token) == HTTPStatus.FORBIDDEN
    assert status(laptop, f"/v1/accounts/{ALICE}", token) == HTTPStatus.OK


def test_signing_out_forgets_the_token(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.enter("/accounts", admin)
    opened.shows("Accounts")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.get_by_text(ALICE)).to_have_count(0)

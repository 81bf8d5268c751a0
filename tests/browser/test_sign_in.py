"""Signing in at an issuer: the code flow with PKCE, from a page and back to it, renewed, refused and ended."""

import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser import issuer as issuers
from tests.browser.accessibility import violations
from tests.browser.issuer import AUDIENCE, CLIENT_ID, PASSWORD, Issuer, issuing, trusted
from tests.browser.story import ALICE
from tests.browser.visits import Visit
from tests.e2e.laptop import Laptop

pytestmark = pytest.mark.e2e

Opens = Callable[..., Visit]
ALL_SCOPES: Final = "credits/read credits/charge credits/fund credits/admin"
OPERATORS: Final = {"cognito:groups": ["millicent-operators"]}
PERSON: Final = "user:carol"
DEEP: Final = f"/accounts?prefix={ALICE}"
ALMOST_OVER_S: Final = 30
PATIENTLY_S: Final = 60
KEPT: Final = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"


@pytest.fixture(scope="module")
def running(laptop: Laptop) -> Iterator[Issuer]:
    with issuing(f"{laptop.base_url}/console") as issuer, trusted(laptop, issuer):
        yield issuer


@pytest.fixture
def issuer(running: Issuer) -> Issuer:
    """As if nobody had been there before. It makes operators."""
    running.claims, running.scope, running.life_s = OPERATORS, ALL_SCOPES, issuers.HOUR_S
    running.denial, running.is_down, running.gives_refresh_tokens = "", False, True
    running.forget_sessions()
    running.forget_refresh_tokens()
    running.seen.clear()
    running.given.clear()
    return running


def log_in(page: Page, *, answer: str = "Log in", password: str = PASSWORD) -> None:
    """At the issuer's page."""
    page.get_by_label("Name").fill(PERSON)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name=answer, exact=True).click()


def sign_in(opened: Visit, to: str = DEEP) -> Page:
    page = opened.enter(to)
    page.get_by_role("button", name="Sign in").click()
    log_in(page)
    return page


def signed_in(opened: Visit) -> Page:
    page = sign_in(opened)
    opened.shows("Accounts")
    expect(page.get_by_role("link", name=ALICE)).to_be_visible()
    return page


def refused(opened: Visit) -> set[tuple[str, int]]:
    """The refusals, which are then expected."""
    found = set(opened.refusals)
    opened.refusals.clear()
    return found


def addresses(page: Page) -> list[str]:
    """Of the history of this window."""
    debugger = page.context.new_cdp_session(page)
    return [entry["url"] for entry in debugger.send("Page.getNavigationHistory")["entries"]]


def test_from_a_deep_link_through_the_login_and_back_to_it(visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    page = opened.enter(DEEP)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Sign in").click()
    log_in(page, password="wrong")
    expect(page.get_by_role("alert")).to_have_text("That is wrong.")
    log_in(page)
    opened.shows("Accounts")
    assert page.url == f"{opened.console_url}#{DEEP}"
    expect(page.get_by_role("searchbox")).to_have_value(ALICE)
    expect(page.get_by_role("link", name=ALICE)).to_be_visible()
    expect(page.get_by_text(PERSON)).to_be_visible()
    assert issuer.count("POST /token", "authorization_code") == 1


def test_the_question_to_the_issuer_has_a_challenge_and_the_verifier_stays_here(visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    page = opened.enter(DEEP)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Password")).to_be_visible()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    assert {name: asked[name] for name in ("client_id", "response_type", "code_challenge_method", "redirect_uri")} == {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "code_challenge_method": "S256",
        "redirect_uri": opened.console_url,
    }
    assert len(asked["code_challenge"]) == 43
    assert len(asked["state"]) >= 32
    assert ALICE not in page.url
    assert issuer.count("POST /token", "authorization_code") == 0


def test_no_token_is_in_an_address_a_store_the_history_or_a_log(laptop: Laptop, visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    asked: list[Request] = []

    def record(request: Request) -> None:
        asked.append(request)

    opened.page.on("request", record)
    page = signed_in(opened)
    page.get_by_role("link", name=ALICE).click()
    opened.shows(ALICE)
    (code,) = {parse_qs(urlsplit(each.url).query).get("code", [""])[0] for each in asked} - {""}
    access_token, refresh_token = (next(iter(found)) for found in (tokens_of(issuer), issuer.refresh_tokens))
    secrets = {code, access_token, refresh_token}
    assert len(secrets) == 3
    # The code alone has to be in one address, the one that leads back from the issuer.
    assert [each for each in asked if access_token in each.url or refresh_token in each.url] == []
    assert [each.url for each in asked if code in each.headers.get("referer", "")] == []
    assert [address for address in addresses(page) for secret in secrets if secret in address] == []
    assert [json.loads(page.evaluate(KEPT))[place] for place in (0, 2)] == [{}, ""]
    assert json.loads(page.evaluate(KEPT))[1] == {"millicent.refresh": refresh_token}
    assert [file for file in logs(laptop) for secret in (access_token, refresh_token) if secret in text_of(file)] == []


def tokens_of(issuer: Issuer) -> set[str]:
    return {each for each in issuer.given if each.count(".") == 2}


def logs(laptop: Laptop) -> list[Path]:
    found = [file for file in laptop.state_dir.rglob("*.log") if file.is_file()]
    assert found
    return found


def text_of(file: Path) -> str:
    return file.read_text(errors="replace")


def test_an_answer_with_another_state_is_refused_and_the_true_one_is_still_taken(visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    page = opened.enter(DEEP)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Password")).to_be_visible()
    login = page.url
    page.goto(f"{opened.console_url}?code=of-somebody-else&state=not-this-one")
    expect(page.get_by_role("alert")).to_contain_text("was not begun in this tab")
    assert page.url == f"{opened.console_url}#/"
    assert issuer.count("POST /token", "authorization_code") == 0
    page.goto(login)
    log_in(page)
    opened.shows("Accounts")
    assert opened.place == DEEP


def test_the_address_of_an_answer_is_good_once_and_in_no_other_tab(visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    answers: list[str] = []
    opened.page.on("request", lambda request: answers.append(request.url) if "?code=" in request.url else None)
    page = signed_in(opened)
    (answer,) = answers
    for again in (page, opened.context.new_page()):
        again.goto(answer)
        expect(again.get_by_role("alert")).to_contain_text("was not begun in this tab")
        assert "code=" not in again.url
    assert issuer.count("POST /token", "authorization_code") == 1


def twice(route: Route) -> None:
    """Somebody was quicker with the same code."""
    route.fetch()
    route.continue_()


def another_verifier(route: Route) -> None:
    route.continue_(post_data=(route.request.post_data or "").replace("code_verifier=", "code_verifier=not-"))


def another_address(route: Route) -> None:
    route.continue_(post_data=(route.request.post_data or "").replace("%2Fconsole", "%2Felsewhere"))


@pytest.mark.parametrize("how", [twice, another_verifier, another_address])
def test_a_code_that_the_issuer_does_not_take_signs_nobody_in(
    visit: Opens, issuer: Issuer, how: Callable[[Route], None]
) -> None:
    opened = visit()
    opened.page.route(f"{issuer.url}/token", how)
    page = sign_in(opened)
    expect(page.get_by_role("alert")).to_have_text("The issuer did not accept the sign-in. Sign in again.")
    assert page.url == f"{opened.console_url}#{DEEP}"
    assert json.loads(page.evaluate(KEPT))[1] == {}
    assert issuer.refresh_tokens == set()
    assert refused(opened) == {("/token", HTTPStatus.BAD_REQUEST)}
    page.unroute(f"{issuer.url}/token")
    page.get_by_role("button", name="Sign in").click()
    opened.shows("Accounts")
    assert opened.place == DEEP


@pytest.mark.parametrize("denial", ["", "<img src=x onerror=alert(1)> is not one of us"])
def test_a_login_that_was_denied_is_told_in_words_and_the_next_leads_to_the_same_page(
    visit: Opens, issuer: Issuer, denial: str
) -> None:
    issuer.denial = denial
    opened = visit()
    page = opened.enter(DEEP)
    page.get_by_role("button", name="Sign in").click()
    log_in(page, answer="Deny")
    told = page.get_by_role("alert")
    expect(told).to_contain_text("The issuer did not let you in")
    expect(told).to_contain_text(denial)
    assert page.locator("img").count() == 0
    assert page.url == f"{opened.console_url}#{DEEP}"
    page.get_by_role("button", name="Sign in").click()
    log_in(page)
    opened.shows("Accounts")
    assert opened.place == DEEP


def test_a_token_is_renewed_before_its_end_by_one_question_whoever_asks(visit: Opens, issuer: Issuer) -> None:
    issuer.life_s = ALMOST_OVER_S

    def then_an_hour(route: Route) -> None:
        answer = route.fetch()
        issuer.life_s = issuers.HOUR_S
        route.fulfill(response=answer)

    opened = visit()
    opened.page.route(f"{issuer.url}/token", then_an_hour)
    sign_in(opened, "/")
    opened.shows("Overview")
    assert (issuer.count("POST /token", "authorization_code"), issuer.count("POST /token", "refresh_token")) == (1, 1)


def test_a_token_that_is_not_accepted_is_renewed_once_and_what_was_asked_is_answered(
    visit: Opens, issuer: Issuer
) -> None:
    opened = visit()
    page = signed_in(opened)
    (old,) = tokens_of(issuer)
    refuses = f"Bearer {old}"

    def refuse(route: Route) -> None:
        if route.request.headers["authorization"] == refuses:
            route.fulfill(status=HTTPStatus.UNAUTHORIZED, json={"message": "Unauthorized"})
        else:
            route.continue_()

    page.route("**/v1/**", refuse)
    opened.go("/")
    opened.shows("Overview")
    expect(page.locator("main").get_by_role("alert")).to_have_count(0)
    assert {status for _, status in refused(opened)} == {HTTPStatus.UNAUTHORIZED}
    assert issuer.count("POST /token", "refresh_token") == 1


def test_a_gateway_that_never_accepts_the_token_is_asked_no_third_time(visit: Opens, issuer: Issuer) -> None:
    issuer.claims = {**OPERATORS, "aud": "another"}
    opened = visit()
    page = sign_in(opened)
    expect(page.get_by_role("dialog", name="Sign in again")).to_be_visible()
    assert issuer.count("POST /token", "refresh_token") <= 2
    assert {status for _, status in refused(opened)} == {HTTPStatus.UNAUTHORIZED}


def test_a_token_that_somebody_brought_is_not_renewed_as_somebody_else(visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    page = opened.enter(DEEP)
    page.get_by_text("With a token").click()
    issuer.life_s = ALMOST_OVER_S
    page.get_by_label("Token").fill(issuer.access_token("user:other"))
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_text("user:other")).to_be_visible()
    opened.go("/rates")
    opened.shows("Rates")
    expect(page.get_by_text("user:other")).to_be_visible()
    assert json.loads(page.evaluate(KEPT))[1] == {}
    assert issuer.count("POST /token", "refresh_token") == 0


def test_where_there_is_a_login_a_link_with_a_token_makes_nobody_somebody_else(visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    page = opened.enter(DEEP, issuer.access_token("user:other"))
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert opened.place == DEEP
    page = signed_in(opened)
    opened.enter("/rates", issuer.access_token("user:other"))
    opened.shows("Rates")
    expect(page.get_by_text(PERSON)).to_be_visible()
    expect(page.get_by_text("user:other")).to_have_count(0)


def test_an_action_goes_on_with_a_renewed_token(visit: Opens, issuer: Issuer, laptop: Laptop) -> None:
    actor = "user:renewed"
    opened = visit()
    page = sign_in(opened, f"/accounts/{actor}")
    page.get_by_role("button", name="Add a grant").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Amount (millicents)").fill("7")
    unaccepted: list[str] = []

    def refuse_once(route: Route) -> None:
        if unaccepted:
            route.continue_()
            return
        unaccepted.append(route.request.url)
        route.fulfill(status=HTTPStatus.UNAUTHORIZED, json={"message": "Unauthorized"})

    page.route("**/v1/funding*", refuse_once)
    dialog.get_by_role("button", name="Add the grant").click()
    expect(dialog).to_have_count(0)
    assert len(unaccepted) == 1
    assert issuer.count("POST /token", "refresh_token") == 1
    asked = httpx.get(f"{laptop.base_url}/v1/accounts/{actor}", headers=bearer(issuer), timeout=PATIENTLY_S)
    assert asked.json()["available"] == 7
    refused(opened)


def bearer(issuer: Issuer) -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer.access_token(PERSON)}"}


def test_after_the_end_of_the_session_the_page_stays_and_signing_in_leads_back_to_it(
    visit: Opens, issuer: Issuer
) -> None:
    opened = visit()
    page = signed_in(opened)
    issuer.forget_refresh_tokens()
    page.route("**/v1/accounts?*", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
    page.get_by_role("button", name="Frozen").click()
    again = page.get_by_role("dialog", name="Sign in again")
    expect(again).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Accounts")
    assert violations(page) == []
    page.unroute("**/v1/accounts?*")
    place = opened.place
    again.get_by_role("button", name="Sign in").click()
    opened.shows("Accounts")
    assert opened.place == place == f"{DEEP.replace(':', '%3A')}&status=frozen"
    assert json.loads(page.evaluate(KEPT))[1] == {"millicent.refresh": next(iter(issuer.refresh_tokens))}
    refused(opened)


def test_a_reload_keeps_who_signed_in_and_another_tab_asks_the_issuer(visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    page = signed_in(opened)
    page.reload()
    opened.shows("Accounts")
    assert issuer.count("POST /token", "refresh_token") == 1
    other = opened.context.new_page()
    other.goto(f"{opened.console_url}#/rates")
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Rates")
    page.reload()
    opened.shows("Accounts")


def test_an_issuer_that_cannot_be_reached_is_told_and_asked_again(visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    issuer.is_down = True
    page = opened.enter(DEEP)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("The login cannot be reached")
    issuer.is_down = False
    page.get_by_role("button", name="Sign in").click()
    log_in(page)
    opened.shows("Accounts")
    issuer.is_down = True
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The login cannot be reached")
    assert opened.place == DEEP
    issuer.is_down = False
    page.reload()
    opened.shows("Accounts")
    refused(opened)


def test_without_a_refresh_token_a_session_is_as_long_as_its_token(visit: Opens, issuer: Issuer) -> None:
    issuer.gives_refresh_tokens = False
    opened = visit()
    page = signed_in(opened)
    assert json.loads(page.evaluate(KEPT))[1] == {}
    page.reload()
    page.get_by_role("button", name="Sign in").click()
    opened.shows("Accounts")
    assert opened.place == DEEP


def test_an_access_token_that_cannot_be_read_signs_nobody_in(visit: Opens, issuer: Issuer) -> None:
    opened = visit()

    def opaque(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "access_token": "opaque"})

    opened.page.route(f"{issuer.url}/token", opaque)
    page = sign_in(opened)
    expect(page.get_by_role("alert")).to_contain_text("must be a JWT")
    assert json.loads(page.evaluate(KEPT))[1] == {}


def test_signing_out_ends_it_here_at_the_issuer_and_in_the_other_tabs(visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    page = signed_in(opened)
    other = opened.context.new_page()
    other.goto(f"{opened.console_url}#/rates")
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Rates")
    page.get_by_role("button", name="Sign out").click()
    for each in (page, other):
        expect(each.get_by_role("button", name="Sign in")).to_be_visible()
        expect(each.get_by_role("heading", level=1)).to_have_text("Millicent")
        assert json.loads(each.evaluate(KEPT)) == [{}, {}, ""]
    assert issuer.count("GET /logout") == 1
    assert issuer.refresh_tokens == set()
    page.go_back()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_text(ALICE)).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_signing_out_while_a_token_is_renewed_signs_out(visit: Opens, issuer: Issuer) -> None:
    opened = visit()
    page = signed_in(opened)
    waiting: list[Route] = []

    def keep(route: Route) -> None:
        waiting.append(route)

    page.route(f"{issuer.url}/token", keep)
    page.route("**/v1/accounts?*", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
    with page.expect_request(f"{issuer.url}/token"):
        page.get_by_role("button", name="Frozen").click()
    page.route(f"{issuer.url}/logout*", lambda route: route.fulfill(status=HTTPStatus.NO_CONTENT))
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    (renewal,) = waiting
    with page.expect_response(f"{issuer.url}/token"):
        renewal.continue_()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert json.loads(page.evaluate(KEPT))[1] == {}
    refused(opened)


def test_somebody_who_is_no_operator_sees_the_own_account(visit: Opens, issuer: Issuer) -> None:
    issuer.claims, issuer.scope = {}, "credits/read"
    opened = visit()
    page = sign_in(opened, "/")
    expect(page.get_by_text("may see its own account only")).to_be_visible()
    assert AUDIENCE not in page.url

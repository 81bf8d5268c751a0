"""The elements that other sites embed: on a page of another origin, each with the token of that page's user."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import Any, Final

import pytest
from playwright.sync_api import Dialog, Page, expect
from werkzeug.wrappers import Request, Response

from tests.browser import tokens
from tests.browser.accessibility import violations
from tests.browser.loopback import served
from tests.browser.story import HOSTILE_METER, SCRIPT
from tests.browser.visits import Visit
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e

Opens = Callable[..., Visit]
WIDGETS: Final = ("balance", "usage", "grants", "entries")
CUSTOMER: Final = "user:customer"
FRAGILE: Final = "user:<b>&'x'"
REFRESH_MS: Final = 5000
POLL_MS: Final = 50


@dataclass
class Site:
    """A page of somebody else, of another origin than the API. `script` is its module after the import of ours."""

    console_url: str
    url: str = ""
    body: str = ""
    script: str = ""
    token: str = ""
    asked: list[str] = field(default_factory=list)

    def shows(self, *elements: str, token: str | None = None) -> None:
        """`token` is given by provideToken, from the site's own server; without one nothing is given."""
        self.body = "".join(elements)
        self.token = token or ""
        self.script = "provideToken(async () => (await fetch('/token')).text());" if token else ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        self.asked.append(request.path)
        if request.path == "/token":
            return Response(self.token)(environ, start_response)
        if request.path == "/page.js":
            content = f'import {{ provideToken }} from "{self.console_url}/widgets.js";\n{self.script}'
            return Response(content, content_type="text/javascript")(environ, start_response)
        page = f'<!doctype html><html lang="en"><title>Shop</title><main><h1>Shop</h1>{self.body}</main>'
        answer = Response(f'{page}<script type="module" src="/page.js"></script>', content_type="text/html")
        answer.headers["Content-Security-Policy"] = self.policy
        return answer(environ, start_response)

    @property
    def policy(self) -> str:
        """As docs/console-widgets.md asks for it."""
        there = "/".join(self.console_url.split("/")[:3])
        return f"default-src 'none'; script-src 'self' {there}; connect-src 'self' {there}; style-src 'self'"


@pytest.fixture
def site(laptop: Laptop) -> Iterator[Site]:
    site = Site(f"{laptop.base_url}/console")
    with served(site) as site.url:
        yield site


@pytest.fixture(scope="module")
def customer(laptop: Laptop) -> str:
    """The token of somebody who spent something."""
    with laptop.client() as client:
        client.grant(CUSTOMER, 1000, category="purchased", key="widget-grant")
        client.charge(CUSTOMER, "42.5", meter="llm", app="<u>app</u>", key="widget-charge")
        eventually(lambda: client.usage(CUSTOMER).items, "it is counted")
    return tokens.of_end_user(laptop, CUSTOMER)


def element(name: str, **attributes: str) -> str:
    given = "".join(f' {key}="{escape(text)}"' for key, text in attributes.items())
    return f"<millicent-{name}{given}></millicent-{name}>"


ALL: Final = tuple(map(element, WIDGETS))


def opened_at(visit: Opens, site: Site, **options: object) -> tuple[Visit, Page]:
    opened = visit(**options)

    def shown(dialog: Dialog) -> None:
        opened.complaints.append(f"a name ran: {dialog.message}")
        dialog.dismiss()

    opened.page.on("dialog", shown)
    opened.page.goto(f"{site.url}/")
    return opened, opened.page


def statuses(opened: Visit) -> set[int]:
    """Those of refusals, which are then expected."""
    found = {code for _, code in opened.refusals}
    opened.refusals.clear()
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_shows_the_account_of_the_token_on_a_page_with_a_policy(
    visit: Opens, site: Site, customer: str, theme: str
) -> None:
    site.shows(*ALL, token=customer)
    _, page = opened_at(visit, site, color_scheme=theme)
    expect(page.locator("millicent-balance")).to_contain_text("957.5")
    expect(page.locator("millicent-usage")).to_contain_text("llm")
    expect(page.locator("millicent-grants")).to_contain_text("purchased")
    expect(page.locator("millicent-entries").get_by_role("listitem")).to_have_count(2)
    assert site.asked.count("/token") == 1
    assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])") == '[{},{},""]'
    assert violations(page) == []


@pytest.mark.parametrize("name", WIDGETS)
def test_names_of_anybodys_choice_are_text(laptop: Laptop, visit: Opens, site: Site, name: str) -> None:
    site.shows(element(name, by="meter"), token=tokens.of_end_user(laptop, SCRIPT))
    _, page = opened_at(visit, site)
    widget = page.locator(f"millicent-{name}")
    expect(widget).to_contain_text(HOSTILE_METER if name in {"usage", "entries"} else "95,000")
    assert widget.locator("script, img, svg:not(.days), em, b").count() == 0


@pytest.mark.parametrize("name", WIDGETS)
def test_an_attribute_of_anybodys_choice_names_an_account_and_nothing_else(
    laptop: Laptop, visit: Opens, site: Site, name: str
) -> None:
    site.shows(element(name, actor=FRAGILE, by="<b>", limit="1e9", days="-1"), token=laptop.token("read"))
    opened, page = opened_at(visit, site)
    widget = page.locator(f"millicent-{name}")
    expect(widget.locator("[part=empty]")).to_have_count(1)
    assert statuses(opened) <= {HTTPStatus.NOT_FOUND}


@pytest.mark.parametrize("name", WIDGETS)
def test_a_token_without_the_scope_shows_nothing_and_says_so(
    laptop: Laptop, visit: Opens, site: Site, name: str
) -> None:
    site.shows(element(name), token=tokens.issued(laptop, sub=CUSTOMER, scope="credits/other"))
    opened, page = opened_at(visit, site)
    told = page.locator(f"millicent-{name}").get_by_role("alert").first
    # The gateway answers that itself, without the header that lets another site read why.
    expect(told).to_contain_text("cannot be loaded now")
    expect(told.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.get_by_text("957.5")).to_have_count(0)
    assert violations(page) == []
    opened.complaints.clear()


def test_the_account_of_somebody_else_is_not_shown(laptop: Laptop, visit: Opens, site: Site, customer: str) -> None:
    site.shows(*(element(name, actor="user:alice") for name in WIDGETS), token=customer)
    opened, page = opened_at(visit, site)
    expect(page.get_by_text("may not see this account")).to_have_count(len(WIDGETS))
    assert statuses(opened) == {HTTPStatus.FORBIDDEN}


def test_a_page_without_a_token_shows_no_account_and_asks_nothing(visit: Opens, site: Site) -> None:
    site.shows(*ALL)
    opened = visit()
    asked: list[str] = []
    opened.page.on("request", lambda request: asked.append(request.url) if "/v1/" in request.url else None)
    opened.page.goto(f"{site.url}/")
    for name in WIDGETS:
        expect(opened.page.locator(f"millicent-{name} [part=loading]")).to_have_count(1)
    assert asked == []


def test_a_user_who_is_signed_out_is_told_and_a_new_token_is_asked_for(
    laptop: Laptop, visit: Opens, site: Site, customer: str
) -> None:
    site.shows(element("balance"), token=tokens.forged(laptop))
    opened, page = opened_at(visit, site)
    told = page.locator("millicent-balance").get_by_role("alert")
    expect(told).to_be_visible()
    site.token = customer
    told.get_by_role("button", name="Try again").click()
    expect(page.locator("millicent-balance")).to_contain_text("957.5")
    # A gateway's own 401 has no CORS headers, so a page is shown no answer at all.
    opened.complaints.clear()
    opened.refusals.clear()


@pytest.mark.parametrize("name", WIDGETS)
def test_a_service_that_is_down_is_told_to_the_user_and_to_the_page(
    visit: Opens, site: Site, customer: str, name: str
) -> None:
    site.shows(element(name), token=customer)
    site.script += "window.told = []; addEventListener('millicent-error', ({ detail }) => told.push(detail));"
    opened = visit()
    page = opened.page
    page.clock.install()
    page.route(
        "**/v1/**",
        lambda route: route.fulfill(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            headers={"access-control-allow-origin": "*", "retry-after": "1"},
            json={"title": "Unavailable", "detail": "<b>later</b>", "code": "unavailable"},
        ),
    )
    page.goto(f"{site.url}/")
    told = page.locator(f"millicent-{name}").get_by_role("alert").first
    turned(page, lambda: told.count() > 0)
    expect(told).to_contain_text("<b>later</b>")
    assert page.evaluate("[...new Set(told.map(({ status, code }) => `${status} ${code}`))]") == ["503 unavailable"]
    assert statuses(opened) == {HTTPStatus.SERVICE_UNAVAILABLE}
    page.unroute("**/v1/**")
    told.get_by_role("button", name="Try again").click()
    expect(page.locator(f"millicent-{name} [part=error]")).to_have_count(0)


def turned(page: Page, is_there: Callable[[], bool]) -> None:
    """The page's clock is turned until it is there."""

    def later() -> bool:
        page.clock.run_for(1000)
        return is_there()

    eventually(later, "the page shows it")


def test_a_slow_answer_is_waited_for_however_often_it_is_to_be_refreshed(
    visit: Opens, site: Site, customer: str
) -> None:
    site.shows(element("balance", refresh="5"), token=customer)
    opened = visit()
    page = opened.page
    page.clock.install()
    waiting = opened.keeps_waiting("**/v1/accounts/*")
    with page.expect_request("**/v1/accounts/*"):
        page.goto(f"{site.url}/")
    for _ in range(20):
        page.clock.run_for(REFRESH_MS)
    assert len(waiting) == 1
    waiting[0].continue_()
    expect(page.locator("millicent-balance")).to_contain_text("957.5")
    with page.expect_request("**/v1/accounts/*"):
        page.clock.run_for(2 * REFRESH_MS)
    while len(waiting) == 1:
        page.wait_for_timeout(POLL_MS)
    waiting[1].continue_()
    expect(page.locator("millicent-balance")).to_contain_text("957.5")


def test_a_page_whose_policy_does_not_name_the_deployment_loads_nothing_of_it(
    visit: Opens, site: Site, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Site, "policy", "default-src 'none'; script-src 'self'; connect-src 'self'")
    site.shows(*ALL, token=customer)
    opened, page = opened_at(visit, site)
    expect(page.locator("millicent-balance")).to_have_text("")
    eventually(lambda: opened.complaints, "the browser reports it")
    opened.complaints.clear()
    assert page.evaluate("customElements.get('millicent-balance') === undefined")


@pytest.mark.parametrize("name", WIDGETS)
def test_a_service_that_cannot_be_reached_is_told_and_asked_again(
    visit: Opens, site: Site, customer: str, name: str
) -> None:
    site.shows(element(name), token=customer)
    opened = visit()
    page = opened.page
    page.route("**/v1/**", lambda route: route.abort())
    page.goto(f"{site.url}/")
    told = page.locator(f"millicent-{name}").get_by_role("alert").first
    expect(told).to_contain_text("cannot be loaded now")
    page.unroute("**/v1/**")
    told.get_by_role("button", name="Try again").click()
    expect(page.locator(f"millicent-{name} [part=error]")).to_have_count(0)

"""A page of the console in a window of its own, and what the browser complained about meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, Route, expect

from tests.browser.chromium import PATIENCE_MS

NOT_LOADED: Final = "Failed to load resource"
"""The browser's own line about an answer of 400 or more, which `refusals` has with its address."""
REPORTS: Final = """
addEventListener("securitypolicyviolation", (event) =>
  reportViolation(`${event.effectiveDirective} forbids ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`))
"""


class Visit:
    """`page` is Playwright's. `refusals` are the answers of 400 and more, as ("/v1/accounts", 403)."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.console_url = url
        self.complaints: list[str] = []
        self.refusals: list[tuple[str, int]] = []
        context.set_default_timeout(PATIENCE_MS)
        context.expose_binding("reportViolation", lambda _, told: self.complaints.append(told))
        context.add_init_script(REPORTS)
        self.page = context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", self._answered)

    def enter(self, to: str = "/", token: str | None = None) -> Page:
        """Opens the page `to`, signed in with `token` as `millicent console` does; without one, as anybody."""
        fragment = urlencode({"token": token, "to": to}) if token else to
        self.page.goto(f"{self.console_url}#{fragment}")
        return self.page

    def go(self, to: str) -> Page:
        """Another page of the console, in the same window."""
        self.page.evaluate("(address) => { location.hash = address; }", to)
        return self.page

    def keeps_waiting(self, pattern: str) -> list[Route]:
        """Calls to such addresses get no answer. The list has each that was made since."""
        waiting: list[Route] = []

        def keep(route: Route) -> None:
            waiting.append(route)

        self.page.route(pattern, keep)
        return waiting

    def shows(self, title: str) -> None:
        """Waits for the page with this title, and for all that it asked for."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title)
        self.is_complete()

    def is_complete(self) -> None:
        """Waits until nothing of the page is on its way."""
        expect(self.page.locator(".loading, [aria-busy=true]")).to_have_count(0)

    @property
    def place(self) -> str:
        """What the address has after the #."""
        return urlsplit(self.page.url).fragment

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and NOT_LOADED not in message.text:
            self.complaints.append(message.text)

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400:
            self.refusals.append((urlsplit(answer.url).path, answer.status))


@contextmanager
def visiting(browser: Browser, url: str, **options: Any) -> Iterator[Visit]:
    """A window with nothing of others in it. `options` are those of Playwright's `new_context`."""
    context = browser.new_context(**{"locale": "en-US", "timezone_id": "UTC", **options})
    try:
        yield Visit(context, url)
    finally:
        context.close()

"""What axe-core finds on a page."""

from functools import cache
from typing import Final

from playwright.sync_api import Page

from local.npm import Lock, installed
from local.paths import ROOT

LOCK: Final = Lock("browser-tests", ROOT / "tests" / "browser")
RUN: Final = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`));
}"""


@cache
def axe() -> str:
    """The source of axe-core, as package-lock.json pins it. Raises ProcessFailedError if it cannot be had."""
    return (installed(LOCK) / "axe-core" / "axe.min.js").read_text()


def violations(page: Page) -> list[str]:
    """By all of axe's rules. The policy of the page allows no script of others, so it runs by the debugger."""
    page.evaluate(axe())
    found: list[str] = page.evaluate(RUN)
    return found

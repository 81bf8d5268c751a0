"""One laptop cloud and one browser for all tests here, and a window for each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from local.cloud import down
from millicent import Millicent
from tests.browser.chromium import MISSING, chromium, started
from tests.browser.story import tell
from tests.browser.visits import Visit, visiting
from tests.e2e.laptop import Laptop


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Not for the whole session: Playwright's event loop is in the way of other suites in this process."""
    executable = chromium()
    if executable is None:
        pytest.skip(MISSING)
    with started(executable) as browser:
        yield browser


@pytest.fixture(scope="package")
def laptop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """With the accounts of `story` in it. After the browser: where there is none, no cloud is started either."""
    state_dir = tmp_path_factory.mktemp("console")
    try:
        laptop = Laptop(state_dir)
        tell(laptop)
        yield laptop
    finally:
        down(state_dir)


@pytest.fixture
def client(laptop: Laptop) -> Iterator[Millicent]:
    """As admin."""
    with laptop.client() as connected:
        yield connected


@pytest.fixture
def admin(laptop: Laptop) -> str:
    return laptop.token("admin")


@pytest.fixture
def visit(laptop: Laptop, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a window; its options are those of Playwright's `new_context`.

    Whatever a test looks at, its windows must end without an error in the console, a report of the policy, or an
    answer of 400 or more that the test has not taken out of `refusals`.
    """
    visits: list[Visit] = []
    with ExitStack() as windows:

        def opened(**options: object) -> Visit:
            visits.append(windows.enter_context(visiting(browser, f"{laptop.base_url}/console", **options)))
            return visits[-1]

        yield opened
        assert [each.complaints for each in visits if each.complaints] == []
        assert [each.refusals for each in visits if each.refusals] == []

"""The console as the deployed stack serves it."""

import re
from typing import Final

import httpx
import pytest

from tests.e2e.laptop import Laptop

pytestmark = pytest.mark.e2e

FIRST_LOAD_BYTES: Final = 150 * 1024
PATIENTLY: Final = 60


def got(url: httpx.URL | str) -> httpx.Response:
    return httpx.get(url, timeout=PATIENTLY)


@pytest.fixture
def url(laptop: Laptop) -> str:
    return f"{laptop.base_url}/console"


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_page_finds_its_files_with_and_without_a_slash_at_the_end(url: str, slash: str) -> None:
    page = got(url + slash)
    assert page.status_code == 200
    references = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(references) > 3
    for reference in references:
        found = got(httpx.URL(url + slash).join(reference))
        assert (found.status_code, found.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")


def test_everything_that_the_console_may_ever_load_is_less_than_150_kib_compressed(url: str) -> None:
    page = got(url)
    names = set(re.findall(r'"\./(console/[^"]+\.[0-9a-f]{10}\.js)"', page.text))
    assert len(names) > 20
    sizes = [int(got(httpx.URL(url).join(name)).headers["content-length"]) for name in sorted(names)]
    assert sum(sizes) + len(page.content) < FIRST_LOAD_BYTES


def test_nobody_needs_a_token_for_the_files_and_everybody_for_the_accounts(url: str) -> None:
    assert got(f"{url}/config.json").json()["client_id"] is None
    assert got(f"{url}/../v1/accounts/user:alice").status_code == 401

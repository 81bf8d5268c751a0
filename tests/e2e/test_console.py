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
        kept = "no-cache" if reference.endswith("config.json") else "public, max-age=31536000, immutable"
        assert (found.status_code, found.headers["cache-control"]) == (200, kept)


def test_everything_that_the_console_may_ever_load_is_less_than_150_kib_compressed(url: str) -> None:
    """All pages are in the one file that index.html names; libraries are files of their own."""
    page = got(url)
    named = set(re.findall(r'(?:src|href)="(console/[^"]+)"', page.text))
    libraries = set(re.findall(r'"\./(console/lib/[^"]+\.[0-9a-f]{10}\.js)"', page.text))
    assert len(named) > 3
    assert len(libraries) > 3
    sizes = [int(got(httpx.URL(url).join(name)).headers["content-length"]) for name in sorted(named | libraries)]
    assert sum(sizes) + len(page.content) < FIRST_LOAD_BYTES


def test_nobody_needs_a_token_for_the_files_and_everybody_for_the_accounts(url: str) -> None:
    assert got(f"{url}/config.json").json()["client_id"] is None
    assert got(f"{url}/../v1/accounts/user:alice").status_code == 401


def test_a_page_of_another_site_may_load_the_elements_and_read_with_a_token(laptop: Laptop, url: str) -> None:
    """The laptop cloud allows every site; tests/template says what a deployment allows."""
    elsewhere = {"Origin": "https://app.example.com"}
    module = httpx.get(f"{url}/widgets.js", headers=elsewhere, timeout=PATIENTLY)
    assert (module.status_code, module.headers["access-control-allow-origin"]) == (200, "*")
    libraries = re.findall(r'from "(\./[^"]+)"', module.text)
    assert libraries
    assert {
        httpx.get(f"{url}/{name}", headers=elsewhere).headers["access-control-allow-origin"] for name in libraries
    } == {"*"}
    asked = {**elsewhere, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    allowed = httpx.options(f"{laptop.base_url}/v1/accounts/user:alice", headers=asked, timeout=PATIENTLY)
    assert allowed.headers["access-control-allow-methods"] == "GET"
    assert "authorization" in allowed.headers["access-control-allow-headers"]

"""The pages of other sites that may read the API from a browser: none, unless a deployment names them."""

import re
from typing import Any, Final

import pytest

from tests.template.loading import template
from tests.template.resolved import Deployment

SITES: Final = ["https://app.example.com", "http://localhost:8080"]


def cors(**parameters: Any) -> Any:
    return Deployment(parameters).properties("Api").get("CorsConfiguration")


def test_without_named_origins_no_page_of_another_site_reads_the_api() -> None:
    assert template()["Parameters"]["ConsoleOrigins"]["Default"] == ""
    assert cors() is None


def test_pages_of_the_named_origins_may_read_and_nothing_else() -> None:
    allowed = cors(ConsoleOrigins=SITES)
    assert allowed["AllowOrigins"] == SITES
    assert allowed["AllowMethods"] == ["GET"]


def test_a_browser_sends_no_cookie_and_no_other_thing_that_the_page_does_not_have() -> None:
    assert cors(ConsoleOrigins=SITES)["AllowCredentials"] is False


def test_a_page_may_send_what_the_elements_send_and_read_what_they_read() -> None:
    allowed = cors(ConsoleOrigins=SITES)
    assert {"accept", "authorization"} <= set(allowed["AllowHeaders"])
    assert {"retry-after", "x-request-id"} <= set(allowed["ExposeHeaders"])


@pytest.mark.parametrize("origin", ["", "*", *SITES])
def test_an_origin_is_a_scheme_a_host_and_perhaps_a_port(origin: str) -> None:
    assert re.fullmatch(template()["Parameters"]["ConsoleOrigins"]["AllowedPattern"], origin)


@pytest.mark.parametrize(
    "text",
    ["app.example.com", "https://app.example.com/", "https://app.example.com/shop", "https://*.example.com", "null"],
)
def test_what_a_browser_would_never_send_as_an_origin_is_refused(text: str) -> None:
    assert not re.fullmatch(template()["Parameters"]["ConsoleOrigins"]["AllowedPattern"], text)

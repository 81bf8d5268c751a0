"""The documents on the deployed stack."""

import httpx
import pytest

from tests.e2e.laptop import Laptop

pytestmark = pytest.mark.e2e


def test_the_documents_are_there_for_everybody_and_lead_to_each_other(laptop: Laptop) -> None:
    page = httpx.get(f"{laptop.base_url}/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert 'href="openapi.json"' in page.text
    assert httpx.get(page.url.join("asyncapi.json")).json()["asyncapi"] == "3.0.0"
    document = httpx.get(page.url.join("openapi.json"))
    assert document.json()["openapi"] == "3.1.0"
    server = document.url.join(document.json()["servers"][0]["url"])
    assert httpx.get(server.join("v1/health")).json() == {"status": "ok"}

"""Names and metadata of anybody's choice are text, whatever they look like."""

from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.story import HOSTILE, HOSTILE_METER, SCRIPT
from tests.browser.visits import Visit

pytestmark = pytest.mark.e2e

Opens = Callable[..., Visit]
MADE: Final = "main :is(script, img, svg, em, u, b > b)"
"""Elements that only a name can have made."""


@pytest.fixture
def watched(visit: Opens) -> Visit:
    """Whatever opens a dialog of the browser is on the record."""
    opened = visit()

    def shown(dialog: Dialog) -> None:
        opened.complaints.append(f"a name ran: {dialog.message}")
        dialog.dismiss()

    opened.page.on("dialog", shown)
    return opened


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_shown_as_it_is_among_the_accounts_and_leads_to_its_account(
    watched: Visit, admin: str, name: str
) -> None:
    page = watched.enter("/accounts?prefix=user:", admin)
    watched.shows("Accounts")
    page.get_by_role("link", name=name, exact=True).click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text(name)
    watched.is_complete()
    assert page.locator(MADE).count() == 0


def test_names_and_meters_are_shown_as_they_are_in_the_overview(watched: Visit, admin: str) -> None:
    page = watched.enter("/", admin)
    watched.shows("Overview")
    expect(page.get_by_text(HOSTILE_METER, exact=True).first).to_be_visible()
    expect(page.get_by_text(SCRIPT, exact=True).first).to_be_visible()
    assert page.locator(MADE).count() == 0


def test_a_link_to_a_name_that_turns_the_direction_of_writing_shows_its_code(watched: Visit, admin: str) -> None:
    page = watched.enter("/accounts/user%3A%E2%80%AEgnp", admin)
    expect(page.get_by_role("heading", level=1)).to_have_text(r"user:\u202egnp")
    expect(page).to_have_title(r"user:\u202egnp · Millicent")
    expect(page.get_by_role("alert")).to_contain_text("Invalid request")
    watched.refusals.clear()


def test_a_question_that_the_service_refuses_for_good_is_asked_once(watched: Visit, admin: str) -> None:
    watched.page.clock.install()
    page = watched.enter("/live?kind=%3Cb%3E", admin)
    expect(page.get_by_role("alert")).to_contain_text("query.kind must be one of")
    expect(page.get_by_role("status").first).to_have_text("Stopped")
    for _ in range(10):
        page.clock.run_for(2000)
    assert [place for place, _ in watched.refusals if place.endswith("/v1/activity")] == [watched.refusals[0][0]]
    watched.refusals.clear()

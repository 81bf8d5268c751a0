"""Every page opens, as it should for everybody: by its address, by the keyboard, in both themes, on a narrow screen."""

from collections.abc import Callable
from operator import attrgetter
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import violations
from tests.browser.pages import PAGES, Place
from tests.browser.story import ALICE
from tests.browser.visits import Visit

pytestmark = pytest.mark.e2e

THEMES: Final = ("light", "dark")
NARROW: Final = {"width": 375, "height": 700}

Opens = Callable[..., Visit]
each_page = pytest.mark.parametrize("place", PAGES, ids=attrgetter("name"))


@each_page
@pytest.mark.parametrize("theme", THEMES)
def test_a_page_opens_by_its_address_without_an_error_and_axe_finds_nothing(
    visit: Opens, admin: str, place: Place, theme: str
) -> None:
    opened = visit(color_scheme=theme, reduced_motion="reduce")
    opened.enter(place.address, admin)
    opened.shows(place.title)
    assert violations(opened.page) == []


@each_page
def test_a_page_fits_a_screen_of_375_pixels(visit: Opens, admin: str, place: Place) -> None:
    opened = visit(viewport=NARROW)
    opened.enter(place.address, admin)
    opened.shows(place.title)
    assert opened.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert violations(opened.page) == []


def test_the_token_is_taken_out_of_the_address_and_kept_nowhere(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.enter("/accounts", admin)
    opened.shows("Accounts")
    assert opened.place == "/accounts"
    assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])") == '[{},{},""]'
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()


def test_the_back_button_goes_back_page_by_page_and_filter_by_filter(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.enter("/", admin)
    opened.shows("Overview")
    page.get_by_role("link", name="Accounts").click()
    opened.shows("Accounts")
    page.get_by_role("button", name="Frozen").click()
    expect(page.get_by_role("button", name="Frozen")).to_have_attribute("aria-pressed", "true")
    assert opened.place == "/accounts?status=frozen"
    page.go_back()
    expect(page.get_by_role("button", name="All")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    opened.shows("Overview")
    page.go_forward()
    opened.shows("Accounts")


def test_a_deep_link_opens_what_it_was_taken_from(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.enter(f"/accounts?prefix={ALICE}&status=open", admin)
    opened.shows("Accounts")
    expect(page.get_by_role("searchbox")).to_have_value(ALICE)
    expect(page.get_by_role("row").filter(has_text=ALICE)).to_have_count(1)
    expect(page.get_by_role("row")).to_have_count(2)


def test_an_address_of_no_page_says_so_and_leads_back(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.enter("/nowhere/<b>", admin)
    opened.shows("No such page")
    page.get_by_role("link", name="To the overview").click()
    opened.shows("Overview")


def test_keys_lead_to_pages_and_into_the_search_and_out_of_it(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.enter("/", admin)
    opened.shows("Overview")
    page.keyboard.press("g")
    page.keyboard.press("a")
    opened.shows("Accounts")
    search = page.get_by_role("searchbox")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type(ALICE[:-1])
    page.keyboard.press("Escape")
    expect(search).not_to_be_focused()
    expect(search).to_have_value(ALICE[:-1])
    page.keyboard.press("g")
    page.keyboard.press("o")
    opened.shows("Overview")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)


def test_a_table_is_walked_and_a_row_opened_by_the_keyboard(visit: Opens, admin: str) -> None:
    opened = visit()
    page = opened.enter(f"/accounts?prefix={ALICE}", admin)
    opened.shows("Accounts")
    page.get_by_role("row").filter(has_text=ALICE).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(ALICE)
    assert opened.place == "/accounts/user%3Aalice"


def test_a_theme_that_was_chosen_stays(visit: Opens, admin: str) -> None:
    opened = visit(color_scheme="light")
    page = opened.enter("/accounts", admin)
    opened.shows("Accounts")
    page.get_by_role("button", name="Colours: system").click()
    page.get_by_role("button", name="Colours: light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_label("Token")).to_be_visible()
    assert violations(page) == []

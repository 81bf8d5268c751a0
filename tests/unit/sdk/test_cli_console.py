"""`millicent console`: which address a browser gets."""

from typing import Final

import pytest
from click.testing import CliRunner

from millicent.cli import main

URL: Final = "https://credits.example/base/"


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MILLICENT_URL", "MILLICENT_TOKEN", "MILLICENT_TOKEN_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was given."""
    addresses: list[str] = []

    def opens(address: str) -> bool:
        addresses.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", opens)
    return addresses


def test_a_token_goes_into_the_fragment_which_no_server_sees_and_is_not_printed(opened: list[str]) -> None:
    done = CliRunner().invoke(main, ["--url", URL, "--token", "a.b.c", "console", "--page", "/accounts/user:alice"])
    assert done.exit_code == 0
    assert opened == ["https://credits.example/base/console#token=a.b.c&to=%2Faccounts%2Fuser%3Aalice"]
    assert done.stdout == "opened https://credits.example/base/console\n"


def test_without_a_token_the_page_asks_to_sign_in(opened: list[str]) -> None:
    CliRunner().invoke(main, ["--url", URL, "console", "--page", "accounts"])
    assert opened == ["https://credits.example/base/console#/accounts"]


def test_nothing_is_opened_where_only_the_address_is_wanted(opened: list[str]) -> None:
    done = CliRunner().invoke(main, ["--url", URL, "--token", "a.b.c", "console", "--no-open"])
    assert opened == []
    assert done.stdout == "https://credits.example/base/console#token=a.b.c&to=%2F\n"


def test_the_address_is_printed_where_there_is_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    assert "/console#token=" in CliRunner().invoke(main, ["--url", URL, "--token", "a.b.c", "console"]).stdout

"""The emulator finds what a template says of pages of other sites."""

from typing import Any

from local.emulated.cors import with_names_of_the_api


def seen(settings: dict[str, Any], origin: str) -> tuple[dict[str, Any], str]:
    return settings, origin


def test_a_setting_is_found_by_the_name_that_a_template_gives_it_and_by_the_one_of_the_api() -> None:
    answer = with_names_of_the_api(seen)
    assert answer({"AllowOrigins": ["*"], "MaxAge": 60}, "https://a.example") == (
        {"allowOrigins": ["*"], "maxAge": 60},
        "https://a.example",
    )
    assert answer({"allowOrigins": ["*"]}, "") == ({"allowOrigins": ["*"]}, "")


def test_an_api_without_settings_has_none() -> None:
    assert with_names_of_the_api(seen)({}, "https://a.example") == ({}, "https://a.example")

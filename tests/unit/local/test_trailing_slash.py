"""A slash at the end of a path, as API Gateway treats it."""

from typing import Any

import pytest

from local.emulated.trailing_slash import found_without_last_slash, with_last_slash


def parsed(path: str) -> Any:
    return with_last_slash(lambda _, given: ("as before", given))("127.0.0.1", path)


def test_the_slash_behind_the_first_segment_is_kept_and_the_segment_is_no_stage() -> None:
    assert parsed("/_aws/execute-api/41deaf7a/console/") == ("41deaf7a", "$default", "/console/")


@pytest.mark.parametrize(
    "path", ["/_aws/execute-api/41deaf7a/console", "/_aws/execute-api/41deaf7a/v1/health/", "/", "/other/"]
)
def test_other_addresses_are_read_as_before(path: str) -> None:
    assert parsed(path) == ("as before", path)


def test_a_route_is_found_without_the_slash_and_one_with_it_goes_before() -> None:
    find = found_without_last_slash(
        lambda _, method, path: {("GET", "/a"): "a", ("GET", "/b/c"): "c"}.get((method, path))
    )
    assert (find("api", "GET", "/a/"), find("api", "GET", "/b/c"), find("api", "GET", "/")) == ("a", "c", None)

"""A slash at the end of a path: API Gateway finds the route without it, and tells the function of it in rawPath.

The emulator loses the slash behind the first segment of a path, which it takes for the name of a stage, and finds no
route for others.
"""

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

FIRST_SEGMENT_ALONE: Final = re.compile(r"/_aws/execute-api/([^/]+)(/[^/$]+/)")
DEFAULT_STAGE: Final = "$default"


def kept_and_ignored(app: ModuleType, gateway: ModuleType) -> None:
    """Replaces how the emulator reads addresses and finds routes."""
    app._parse_execute_api_url = with_last_slash(app._parse_execute_api_url)  # type: ignore[attr-defined]
    gateway._match_route = found_without_last_slash(gateway._match_route)  # type: ignore[attr-defined]


def with_last_slash(parse: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    def parsed(host: str, path: str) -> Any:  # noqa: ANN401 - as the emulator's own
        alone = FIRST_SEGMENT_ALONE.fullmatch(path)
        return (alone[1], DEFAULT_STAGE, alone[2]) if alone else parse(host, path)

    return parsed


def found_without_last_slash(match: Callable[[str, str, str], Any]) -> Callable[[str, str, str], Any]:
    def matched(api_id: str, method: str, path: str) -> Any:  # noqa: ANN401 - as the emulator's own
        return match(api_id, method, path) or (match(api_id, method, path.rstrip("/")) if path != "/" else None)

    return matched

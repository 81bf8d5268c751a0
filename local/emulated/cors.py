"""Which pages of other sites may read: the emulator keeps the settings of a template, and does not find them again.

A template names them "AllowOrigins", and the emulator looks for "allowOrigins".
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

SEAMS: Final = ("_cors_response_headers", "_cors_preflight_response")


def found_again(gateway: ModuleType) -> None:
    """Replaces how the emulator reads the settings."""
    for name in SEAMS:
        setattr(gateway, name, with_names_of_the_api(getattr(gateway, name)))


def with_names_of_the_api(answer: Callable[[dict[str, Any], str], Any]) -> Callable[[Mapping[str, Any], str], Any]:
    def answered(settings: Mapping[str, Any], origin: str) -> Any:  # noqa: ANN401 - as the emulator's own
        return answer({name[:1].lower() + name[1:]: value for name, value in settings.items()}, origin)

    return answered

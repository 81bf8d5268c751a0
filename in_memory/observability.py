"""Logs of a service in memory, in the place of shared/runtime/observability.py. Metrics are counted by nobody.

What a function logs goes to the standard logger `millicent.testing`: at DEBUG, so that a test's own output stays its
own, except for errors.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

_Handler = TypeVar("_Handler", bound=Callable[..., Any])

LOGGER: Final = logging.getLogger("millicent.testing")


def _ignored(*_: object, **__: object) -> None:
    """For what is told to people who run a service."""


class QuietLogger:
    def info(self, message: str, extra: Mapping[str, Any] | None = None, **_: Any) -> None:  # noqa: ANN401
        LOGGER.debug("%s %s", message, dict(extra or {}))

    warning = info

    def error(self, message: str, extra: Mapping[str, Any] | None = None, exc_info: Any = None, **_: Any) -> None:  # noqa: ANN401
        LOGGER.error("%s %s", message, dict(extra or {}), exc_info=exc_info)

    exception = error

    def __getattr__(self, _: str) -> Callable[..., None]:
        return _ignored


class Observability:
    """Stands for shared.runtime.observability.Observability."""

    def __init__(self) -> None:
        self.logger = QuietLogger()

    def invoked(self, *_: object) -> Callable[[_Handler], _Handler]:
        """An error that escapes a function reaches the test that called it."""
        return lambda handler: handler

    def failed(self, message: str, error: BaseException | None, **facts: object) -> None:
        """At DEBUG too: the test ordered this failure, and its client gets the answer."""
        LOGGER.debug("%s %s", message, {**facts, "error": error})

    warned = failed

    def __getattr__(self, _: str) -> Callable[..., None]:
        return _ignored


def observability(_: object) -> Observability:
    return Observability()

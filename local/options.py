"""Values of command line options, for argparse: an invalid value is rejected before anything starts."""

from argparse import ArgumentTypeError
from typing import Final

MAX_PORT: Final = 65535


def row_count(text: str) -> int:
    return _at_least(0, text)


def thread_count(text: str) -> int:
    return _at_least(1, text)


def actor_count(text: str) -> int:
    return _at_least(1, text)


def port_number(text: str) -> int:
    number = _whole(text)
    if not 1 <= number <= MAX_PORT:
        raise ArgumentTypeError(f"{number} must be from 1 to {MAX_PORT}")
    return number


def _at_least(least: int, text: str) -> int:
    number = _whole(text)
    if number < least:
        raise ArgumentTypeError(f"{number} must be {least} or more")
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as malformed:
        raise ArgumentTypeError(f"{text!r} must be a whole number") from malformed

"""The context of one command: how to reach the service, how to print, how to report errors."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import httpx

from millicent.aws import Stack
from millicent.cli.output import CannotWrite, print_json
from millicent.client import Millicent
from millicent.errors import (
    ApiError,
    Forbidden,
    MillicentError,
    NotFound,
    OutcomeUnknown,
    Refused,
    Throttled,
    TokenError,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    Unpriced,
    ValidationFailed,
    figures_of,
)
from millicent.keys import new_key
from millicent.models import Problem
from millicent.operations import NothingRecorded
from millicent.retry import Clock, RetryPolicy

EXIT_REFUSED: Final = 1
EXIT_BAD_USAGE: Final = 2
EXIT_UNAVAILABLE: Final = 3
EXIT_NOT_PERMITTED: Final = 4
EXIT_NOT_FOUND: Final = 5
EXIT_INTERRUPTED: Final = 130

_EXIT_CODES: Final[tuple[tuple[type[MillicentError], int], ...]] = (
    (NotFound, EXIT_NOT_FOUND),
    (NothingRecorded, EXIT_NOT_FOUND),
    (Refused, EXIT_REFUSED),
    (Unavailable, EXIT_UNAVAILABLE),
    (UnexpectedAnswer, EXIT_UNAVAILABLE),
    (Throttled, EXIT_UNAVAILABLE),
    (Unauthenticated, EXIT_NOT_PERMITTED),
    (Forbidden, EXIT_NOT_PERMITTED),
    (TokenError, EXIT_NOT_PERMITTED),
)

_IN_OPTIONS: Final[Mapping[str, str]] = {
    "funding_conflict": "the funded total has changed: --old must equal it; nothing was changed",
    "would_overdraw": "the account has spent more than the new total; --force sets the total anyway",
    "exceeds_hold": "the capture exceeds what is left of the hold, which stays; --overrun charge charges it too",
}
"""Sentences that name the command's options instead of the service's fields."""
_OPTIONS: Final[Mapping[str, str]] = {
    "$.actor": "ACTOR",
    "$.old_amount": "--old",
    "$.new_amount": "--new",
    "$.minimum": "--minimum",
    "$.minimum_amount": "--minimum",
    "$.ttl_s": "--ttl",
    "$.expires_at": "--expires-at",
    "$.priority": "--priority",
    "$.reason": "--reason",
    "$.app": "--app",
    "$.meter": "--meter",
    "$.metadata": "--metadata",
    "$.check_id": "--check-id",
    "$.overdraft_limit": "--overdraft-limit",
    "$.low_balance_thresholds": "--warn-at",
    "$.time_zone": "--time-zone",
    "$.parent": "PARENT",
}

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(slots=True)
class Invocation:
    """The values of the options; `key` is that of the current mutation.

    `transport`, `clock` and `stack` are for tests.
    """

    url: str | None = None
    token: str | None = None
    deadline_s: float = 15.0
    as_json: bool = False
    key: str | None = None
    transport: httpx.BaseTransport | None = None
    clock: Clock = field(default_factory=Clock)
    stack: Stack | None = None

    def client(self, max_connections: int = 1) -> Millicent:
        return Millicent(
            self.url,
            self.token,
            retry=RetryPolicy(deadline_s=self.deadline_s),
            max_connections=max_connections,
            transport=self.transport,
            clock=self.clock,
        )


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def json_option(command: _Command) -> _Command:
    """`--json`, processed before any other option can fail."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.ensure_object(Invocation).as_json = value

    return click.option(
        "--json", is_flag=True, expose_value=False, is_eager=True, callback=remember, help="Print one JSON document."
    )(command)


def key_option(command: _Command) -> _Command:
    """`--key`, by default a new key; the invocation knows it whatever happens to the call."""

    def remember(ctx: click.Context, _: click.Parameter, value: str | None) -> str:
        invocation = ctx.ensure_object(Invocation)
        invocation.key = value or new_key()
        return invocation.key

    return click.option("--key", callback=remember, help="The idempotency key; default: a new key.")(command)


def exit_code(error: MillicentError) -> int:
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), EXIT_BAD_USAGE)


def report(invocation: Invocation, error: MillicentError) -> None:
    """Prints the error as a sentence to standard error, and for scripts also as JSON to standard output."""
    click.echo(f"millicent: {_sentence(error)}", err=True)
    if invocation.as_json:
        try:
            print_json({"error": _facts(error)})
        except CannotWrite as unwritten:
            # The exit code stays that of the first error, which matters more.
            click.echo(f"millicent: {unwritten}", err=True)
            forget_output()


def report_unwritten(invocation: Invocation, failure: CannotWrite) -> None:
    """The answer cannot be shown: prints the key of the mutation, if it was one."""
    told = f"; the operation is recorded, repeat the command with --key {invocation.key} to see its answer"
    click.echo(f"millicent: {failure}{told if invocation.key is not None else ''}", err=True)
    forget_output()


def forget_output() -> None:
    """Drops the unwritten rest of the output from its buffer; writing it at the exit would fail again."""
    with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def report_interruption(invocation: Invocation) -> None:
    """Reports an interruption, and whether something may have been recorded."""
    click.echo("millicent: interrupted", err=True)
    if invocation.key is not None:
        click.echo(
            f"  it is unknown whether this was recorded; to find out, repeat the command with --key {invocation.key}",
            err=True,
        )


def _sentence(error: MillicentError) -> str:
    match error:
        case ValidationFailed() if error.errors:
            return _lines(_heading(error), [f"{_option(fault.path)} {fault.detail}" for fault in error.errors])
        case Refused():
            return _lines(_IN_OPTIONS.get(error.code or "", _detail(error)), [*_figures(error), *_key_of(error)])
        case OutcomeUnknown():
            return _lines(str(error), [f"to retry, repeat the command with --key {error.idempotency_key}"])
        case _:
            return str(error)


def _heading(error: ValidationFailed) -> str:
    """The service's sentence for usage without a price; for other requests the faults below it suffice."""
    return _detail(error) if isinstance(error, Unpriced) else "invalid request:"


def _lines(sentence: str, facts: Iterable[str]) -> str:
    return "\n  ".join([sentence, *facts])


def _detail(error: ApiError) -> str:
    return error.problem.detail or str(error)


def _figures(error: ApiError) -> list[str]:
    return [f"{name}: {value}" for name, value in figures_of(error.problem).items()]


def _key_of(error: ApiError) -> list[str]:
    """A refusal is final for its key: a new attempt needs a new key."""
    if error.idempotency_key is None:
        return []
    before = "refused before; " if error.replayed else ""
    return [f"{before}the refusal is final for the key {error.idempotency_key}; a new attempt needs a new key"]


def _option(path: str) -> str:
    """The command line's name of a field of the request."""
    return _OPTIONS.get(path, path)


def _facts(error: MillicentError) -> dict[str, object]:
    if isinstance(error, ApiError):
        facts = {**_members(error.problem), "request_id": error.request_id, "replayed": error.replayed}
    else:
        facts = {"code": _snake_case(type(error).__name__), "detail": str(error)}
    return {name: value for name, value in facts.items() if value not in (None, ())} | (
        {"idempotency_key": error.idempotency_key} if error.idempotency_key else {}
    )


def _members(problem: Problem) -> dict[str, object]:
    return {name: getattr(problem, name) for name in problem.__struct_fields__}


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")

"""One run of the command line: how to reach the service, how to print, how to end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import click
import httpx

from millicent.aws import Stack
from millicent.cli.output import print_json
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
    ValidationFailed,
)
from millicent.keys import new_key
from millicent.models import Problem
from millicent.retry import Clock, RetryPolicy

EXIT_REFUSED: Final = 1
EXIT_BAD_USAGE: Final = 2
EXIT_UNAVAILABLE: Final = 3
EXIT_NOT_PERMITTED: Final = 4
EXIT_NOT_FOUND: Final = 5
EXIT_INTERRUPTED: Final = 130

_EXIT_CODES: Final[tuple[tuple[type[MillicentError], int], ...]] = (
    (NotFound, EXIT_NOT_FOUND),
    (Refused, EXIT_REFUSED),
    (Unavailable, EXIT_UNAVAILABLE),
    (UnexpectedAnswer, EXIT_UNAVAILABLE),
    (Throttled, EXIT_UNAVAILABLE),
    (Unauthenticated, EXIT_NOT_PERMITTED),
    (Forbidden, EXIT_NOT_PERMITTED),
    (TokenError, EXIT_NOT_PERMITTED),
)

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(slots=True)
class Invocation:
    """What the options said; `key` is that of the mutation under way. `transport`, `clock` and `stack` are a
    test's own."""

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
    """`--json`, known to the invocation before anything can fail."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.ensure_object(Invocation).as_json = value

    return click.option(
        "--json", is_flag=True, expose_value=False, is_eager=True, callback=remember, help="Print one JSON document."
    )(command)


def key_option(command: _Command) -> _Command:
    """`--key`; one is made if it is left out, and known to the invocation whatever happens to the call."""

    def remember(ctx: click.Context, _: click.Parameter, value: str | None) -> str:
        invocation = ctx.ensure_object(Invocation)
        invocation.key = value or new_key()
        return invocation.key

    return click.option("--key", callback=remember, help="The idempotency key; one is made if it is left out.")(command)


def exit_code(error: MillicentError) -> int:
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), EXIT_BAD_USAGE)


def report(invocation: Invocation, error: MillicentError) -> None:
    """The error in a sentence on standard error; for scripts also as JSON on standard output."""
    click.echo(f"millicent: {_sentence(error)}", err=True)
    if invocation.as_json:
        print_json({"error": _facts(error)})


def report_interruption(invocation: Invocation) -> None:
    """What a person needs who pressed Ctrl-C: was something recorded?"""
    click.echo("millicent: interrupted", err=True)
    if invocation.key is not None:
        click.echo(
            f"  whether this was recorded is unknown; to find out, send it again with --key {invocation.key}", err=True
        )


def _sentence(error: MillicentError) -> str:
    sentence = str(error)
    if isinstance(error, ValidationFailed):
        sentence += "".join(f"\n  {fault.path} {fault.detail}" for fault in error.errors)
    if isinstance(error, OutcomeUnknown):
        sentence += f"\n  the key is {error.idempotency_key}: give it with --key to send this again"
    return sentence


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

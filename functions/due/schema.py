from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from shared.usecases.backfill_accounts import Backfilled
from shared.usecases.do_what_is_due import Failed, Run

ROUNDS_MAX: Final = 10
"""Consecutive invocations; after that the next schedule starts again. Lambda itself stops a loop of sixteen."""

Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=86_400)]


class DueRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Requests a run over all accounts behind, from `after` on.

    `scheduled`: no caller waits, so the function invokes itself to continue; `round` counts those invocations.
    `grace_s` is how long a hold must have been expired, `budget_s` how long this invocation may take.
    """

    scheduled: bool = False
    after: str | None = None
    round: Annotated[int, msgspec.Meta(ge=1)] = 1
    grace_s: Seconds | None = None
    budget_s: Seconds | None = None


class BackfillRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests that accounts of older releases be listed, from `after` on. `budget_s` as above."""

    backfill: Literal[True]
    after: str | None = None
    budget_s: Seconds | None = None


def is_backfill(event: Mapping[str, Any]) -> bool:
    return "backfill" in event


def backfill_request(event: Mapping[str, Any]) -> BackfillRequest:
    """Raises msgspec.ValidationError, which names the fault in the event."""
    return msgspec.convert(event, BackfillRequest)


def backfill_answer(done: Backfilled) -> dict[str, Any]:
    """As JSON. `next` is the `after` of the continuing request, null at the end."""
    return {"accounts": done.accounts, "listed": done.listed, "next": done.next}


def due_request(event: Mapping[str, Any]) -> DueRequest:
    """Raises msgspec.ValidationError, which names the fault in the event."""
    return msgspec.convert(event, DueRequest)


def continued(request: DueRequest, run: Run) -> dict[str, Any]:
    """The request that continues the run where it ended."""
    following = msgspec.structs.replace(request, after=run.next, round=request.round + 1)
    made: dict[str, Any] = msgspec.to_builtins(following)
    return made


def answer(run: Run) -> dict[str, Any]:
    """The run as JSON. `next` is the `after` of the continuing request, null at the end."""
    return {
        "accounts": run.accounts,
        "entries": run.entries,
        "failed": [_failed(each) for each in run.failed],
        "next": run.next,
    }


def _failed(failed: Failed) -> dict[str, Any]:
    return {"tenant": failed.account.tenant, "actor": failed.account.actor, "problem": failed.problem}

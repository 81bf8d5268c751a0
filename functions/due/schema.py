from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from shared.usecases.do_what_is_due import Failed, Run

ROUNDS_MAX: Final = 10
"""Invocations in a row; after that the next schedule begins anew. Lambda itself ends a loop of sixteen."""

Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=86_400)]


class DueRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All accounts that are behind, from `after` on.

    `scheduled`: nobody waits for the answer, so what is left over is gone on with by the function itself; `round` says
    how often that was. `grace_s` is how long a hold must have been over, `budget_s` how long this invocation may take.
    """

    scheduled: bool = False
    after: str | None = None
    round: Annotated[int, msgspec.Meta(ge=1)] = 1
    grace_s: Seconds | None = None
    budget_s: Seconds | None = None


def due_request(event: Mapping[str, Any]) -> DueRequest:
    """Raises msgspec.ValidationError, which names what is wrong with the event."""
    return msgspec.convert(event, DueRequest)


def continued(request: DueRequest, run: Run) -> dict[str, Any]:
    """The request that goes on where the run ended."""
    following = msgspec.structs.replace(request, after=run.next, round=request.round + 1)
    made: dict[str, Any] = msgspec.to_builtins(following)
    return made


def answer(run: Run) -> dict[str, Any]:
    """The run as JSON. `next` is the `after` of the request that goes on, null at the end."""
    return {
        "accounts": run.accounts,
        "entries": run.entries,
        "failed": [_failed(each) for each in run.failed],
        "next": run.next,
    }


def _failed(failed: Failed) -> dict[str, Any]:
    return {"tenant": failed.account.tenant, "actor": failed.account.actor, "problem": failed.problem}

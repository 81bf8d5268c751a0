from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec

from shared.edge.validation import Identifier
from shared.ledger.accounts import Account
from shared.usecases.reconcile_accounts import Run, Waiting
from shared.verification.accounts import Finding

Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=86_400)]


class ReconcileRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All accounts from `after` on, or one (`tenant` and `actor`).

    `scheduled`: no caller waits, so the function invokes itself to continue. `grace_s` is the age from which an entry
    without an audit row counts as missing, `budget_s` the longest time of this invocation.
    """

    scheduled: bool = False
    repair: bool = False
    tenant: Identifier | None = None
    actor: Identifier | None = None
    after: str | None = None
    grace_s: Seconds | None = None
    budget_s: Seconds | None = None

    @property
    def account(self) -> Account | None:
        return Account(self.tenant, self.actor) if self.tenant and self.actor else None


def reconcile_request(event: Mapping[str, Any]) -> ReconcileRequest:
    """Raises msgspec.ValidationError, which names the fault in the event."""
    request = msgspec.convert(event, ReconcileRequest)
    if (request.tenant is None) != (request.actor is None):
        raise msgspec.ValidationError("an account is a tenant and an actor: give both or none")
    return request


def continued(request: ReconcileRequest, run: Run) -> dict[str, Any]:
    """The request that continues the run where it ended."""
    following: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(request, after=run.next))
    return following


def answer(run: Run) -> dict[str, Any]:
    """The run as JSON. `next` is the `after` of the continuing request, null at the end."""
    return {
        "accounts": run.accounts,
        "entries": run.entries,
        "audited": run.audited,
        "late": run.late,
        "uncounted": run.uncounted,
        "drift_microcents": run.drift_microcents,
        "repaired": run.repaired,
        "findings": [_finding(each) for each in run.findings],
        "unverified": [{"tenant": each.tenant, "actor": each.actor} for each in run.unverified],
        "waiting": [_waiting(each) for each in run.waiting],
        "next": run.next,
    }


def _waiting(waiting: Waiting) -> dict[str, Any]:
    return {
        "tenant": waiting.account.tenant,
        "actor": waiting.account.actor,
        "place": waiting.place,
        "seq": waiting.seq,
        "at_ms": waiting.at_ms,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "tenant": finding.account.tenant,
        "actor": finding.account.actor,
        "place": finding.place,
        "seq": finding.seq,
        "problem": finding.problem,
    }

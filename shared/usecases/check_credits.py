"""May this actor spend? Answered from a strong read; changes nothing."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from shared.ledger.accounts import Account, AccountState
from shared.ledger.amounts import to_millicents
from shared.ledger.events import check_event
from shared.ledger.ports import EventBus, Ledger
from shared.usecases.present_state import present_state

Publishing: TypeAlias = Literal["all", "refused", "none"]


@dataclass(frozen=True, slots=True)
class CreditQuestion:
    """Is `minimum` (microcents) available? `check_id` names the answer, so that a charge can refer to it."""

    account: Account
    minimum: int
    check_id: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class CreditAnswer:
    """`body` as the API gives it. `is_unpublished`: the bus should have had the event and did not take it."""

    body: dict[str, Any]
    is_allowed: bool
    is_unpublished: bool


def check_credits(
    question: CreditQuestion, ledger: Ledger, bus: EventBus, now_ms: int, publishing: Publishing
) -> CreditAnswer:
    """Answers, and tells the bus what it answered. That the bus cannot be told never fails a check."""
    account = question.account
    state = present_state(account, ledger, now_ms) or AccountState(account)
    is_allowed = state.available >= question.minimum
    body = _body(question, state, is_allowed=is_allowed)
    if publishing == "none" or (publishing == "refused" and is_allowed):
        return CreditAnswer(body, is_allowed, is_unpublished=False)
    event = check_event(account, question.check_id, body, now_ms, question.correlation_id)
    return CreditAnswer(body, is_allowed, is_unpublished=bool(bus.publish([event]).failed))


def _body(question: CreditQuestion, state: AccountState, *, is_allowed: bool) -> dict[str, Any]:
    return {
        "allowed": is_allowed,
        "actor": question.account.actor,
        "minimum": to_millicents(question.minimum),
        "available": to_millicents(state.available),
        "held": to_millicents(state.held),
        "reason": None if is_allowed else "insufficient_credits",
        "check_id": question.check_id,
    }

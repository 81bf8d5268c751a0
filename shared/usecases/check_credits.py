"""May this actor spend? Answered from a strong read; changes nothing.

The answer is that of a charge of the minimum, but for the overdraft: what an account may owe is no credit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from shared.ledger.accounts import Account, AccountState
from shared.ledger.amounts import to_millicents
from shared.ledger.calendar import Periods
from shared.ledger.entries import public_limit
from shared.ledger.events import check_event
from shared.ledger.parents import is_payer
from shared.ledger.policies import DEFAULT_TIME_ZONE
from shared.ledger.ports import EventBus, Ledger
from shared.ledger.rooms import Room, prepaid_room_of, tightest
from shared.usecases.present_state import present_state

Publishing: TypeAlias = Literal["all", "refused", "none"]


@dataclass(frozen=True, slots=True)
class CreditQuestion:
    """Is `minimum` (microcents) available, through `app`?

    `check_id` names the answer, so that a charge can refer to it.
    """

    account: Account
    minimum: int
    check_id: str
    correlation_id: str
    app: str | None = None


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
    refusal = _refusal(question, [state, *_parents_of(state, ledger, now_ms)], now_ms)
    is_allowed = refusal is None
    body = _body(question, state, refusal or {"reason": None})
    if publishing == "none" or (publishing == "refused" and is_allowed):
        return CreditAnswer(body, is_allowed, is_unpublished=False)
    event = check_event(account, question.check_id, body, now_ms, question.correlation_id)
    return CreditAnswer(body, is_allowed, is_unpublished=bool(bus.publish([event]).failed))


def _parents_of(state: AccountState, ledger: Ledger, now_ms: int) -> Iterator[AccountState]:
    below: tuple[str, ...] = ()
    while state.policy is not None and state.policy.parent is not None:
        below += (state.account.actor,)
        if not is_payer(state.policy.parent, below):
            return
        parent = Account(state.account.tenant, state.policy.parent)
        state = present_state(parent, ledger, now_ms) or AccountState(parent)
        yield state


def _refusal(question: CreditQuestion, payers: Sequence[AccountState], now_ms: int) -> dict[str, Any] | None:
    """Why one of those who would pay, the account itself first, does not go along; None where all do."""
    frozen = next((each for each in payers if each.policy is not None and each.policy.status == "frozen"), None)
    if frozen is not None:
        return {"reason": "account_frozen"} | _limit(Room(0, None, _other_than_asked(frozen, question)))
    room = tightest(*(_room(payer, question, now_ms) for payer in payers))
    if room.amount >= question.minimum:
        return None
    return {"reason": "insufficient_credits" if room.limit is None else "limit_exceeded"} | _limit(room)


def _room(payer: AccountState, question: CreditQuestion, now_ms: int) -> Room:
    zone = DEFAULT_TIME_ZONE if payer.policy is None else payer.policy.time_zone
    room = prepaid_room_of(payer, question.app, None, Periods(now_ms, zone))
    return replace(room, account=_other_than_asked(payer, question))


def _other_than_asked(payer: AccountState, question: CreditQuestion) -> str | None:
    return None if payer.account == question.account else payer.account.actor


def _limit(room: Room) -> dict[str, Any]:
    return {} if room.decided_by is None else {"limit": public_limit(room.decided_by)}


def _body(question: CreditQuestion, state: AccountState, refusal: dict[str, Any]) -> dict[str, Any]:
    return {
        "allowed": refusal["reason"] is None,
        "actor": question.account.actor,
        "minimum": to_millicents(question.minimum),
        "available": to_millicents(state.available),
        "held": to_millicents(state.held),
        "check_id": question.check_id,
        **refusal,
    }

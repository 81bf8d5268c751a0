"""Checks whether an actor may spend, from strong reads. Changes nothing.

The answer is the ledger's own: the reducer is asked what it would do with a charge of the minimum on the accounts as
they stand, and nothing of that is written. So whatever decides a charge decides a check, with the same words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from shared.ledger.accounts import Account, AccountState
from shared.ledger.amounts import to_millicents
from shared.ledger.context import References
from shared.ledger.entries import Entry
from shared.ledger.events import check_event
from shared.ledger.operations import Charge, Operation
from shared.ledger.parents import positions
from shared.ledger.reducer import NOTHING_NAMED, apply
from shared.ledger.views import explanation_of
from shared.ports.ledger import EventBus, Ledger
from shared.pricing.cards import RateBook
from shared.usecases.present_state import present_state
from shared.usecases.record_priced import priced

Publishing: TypeAlias = Literal["all", "refused", "none"]

_KEY: Final = "~check"
_ALL_THERE_IS: Final = 10**30
"""Microcents: more than any account can have. A partial charge of it takes what can be spent."""


@dataclass(frozen=True, slots=True)
class CreditQuestion:
    """Would a charge of `minimum` (microcents), or of what `usage` is worth now, be taken through `app` on `meter`?

    `check_id` names the answer, so that a charge can refer to it.
    """

    account: Account
    minimum: int
    check_id: str
    correlation_id: str
    app: str | None = None
    meter: str | None = None
    usage: Mapping[str, Any] | None = None

    @property
    def charge(self) -> Operation:
        """What is asked of the ledger; one with usage is still to be priced."""
        terms = Charge(self.minimum, check_id=self.check_id, usage=self.usage)
        return Operation(self.account, _KEY, terms, "", self.correlation_id, self.app, self.meter)


@dataclass(frozen=True, slots=True)
class CreditAnswer:
    """`body` as the API gives it.

    `is_unpublished`: the bus should have had the event and did not take it; `cause` is why, for the log.
    """

    body: dict[str, Any]
    is_allowed: bool
    is_unpublished: bool
    cause: Exception | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class _Payers:
    """The account as it stands now, and those above it that would pay too."""

    state: AccountState
    references: References
    now_ms: int

    def told(self, charge: Operation) -> Entry:
        """The entry that the ledger would write."""
        return apply(self.state, charge, self.now_ms, self.references).entry_under(charge.key)


def check_credits(
    question: CreditQuestion,
    ledger: Ledger,
    bus: EventBus,
    now_ms: int,
    publishing: Publishing,
    book: RateBook | None = None,
) -> CreditAnswer:
    """Answers, and tells the bus what it answered. That the bus cannot be told never fails a check.

    A question with usage needs the `book`. Raises what pricing raises.
    """
    charge = question.charge if book is None else priced(question.charge, ledger, book, now_ms)
    body = _body(question.check_id, charge, _payers(question.account, ledger, now_ms))
    is_allowed: bool = body["allowed"]
    if publishing == "none" or (publishing == "refused" and is_allowed):
        return CreditAnswer(body, is_allowed, is_unpublished=False)
    event = check_event(question.account, question.check_id, body, now_ms, question.correlation_id)
    published = bus.publish([event])
    return CreditAnswer(body, is_allowed, bool(published.failed), published.cause)


def _payers(account: Account, ledger: Ledger, now_ms: int) -> _Payers:
    """Read as the ledger reads them before a charge, each as it stands now."""
    state, references = positions(
        account,
        Charge(0),
        read_state=lambda payer: present_state(payer, ledger, now_ms),
        read_named=lambda _account, _terms: NOTHING_NAMED,
    )
    return _Payers(state or AccountState(account), references, now_ms)


def _body(check_id: str, charge: Operation, payers: _Payers) -> dict[str, Any]:
    told = payers.told(charge)
    all_there_is = payers.told(replace(charge, terms=Charge(_ALL_THERE_IS, "partial")))
    rate_card = told.parameters.get("rate_card")
    return {
        "allowed": not told.is_refused,
        "actor": charge.account.actor,
        "minimum": to_millicents(told.parameters["cost"]),
        "available": to_millicents(told.before.available),
        "held": to_millicents(told.before.held),
        "spendable": to_millicents(-all_there_is.amount),
        "reason": None,
        "check_id": check_id,
        **({} if rate_card is None else {"rate_card": rate_card}),
        **(explanation_of(told) if told.is_refused else {}),
    }

"""Checks whether an actor may spend, from strong reads. Changes nothing.

The reducer computes the entry of a charge of the minimum on the present accounts, and the check shows its result
without writing it. So the same rules, with the same words, decide a check and a charge.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Final, Literal, TypeAlias

from shared.ledger.accounts import Account, AccountState
from shared.ledger.amounts import to_millicents
from shared.ledger.context import References
from shared.ledger.entries import Entry
from shared.ledger.events import check_event
from shared.ledger.frozen import dataclass
from shared.ledger.operations import Charge, Operation
from shared.ledger.parents import positions
from shared.ledger.reducer import NOTHING_NAMED, apply, most_chargeable
from shared.ledger.views import explanation_of
from shared.ports.ledger import EventBus, Ledger
from shared.pricing.cards import RateBook
from shared.usecases.present_state import present_state
from shared.usecases.record_priced import priced

Publishing: TypeAlias = Literal["all", "refused", "none"]

_KEY: Final = "~check"
_ALL_THERE_IS: Final = 10**30
"""Microcents: more than any account can have. A partial charge of it takes all that is spendable."""


@dataclass(frozen=True, slots=True)
class CreditQuestion:
    """Would a charge of `minimum` (microcents), or of the price of `usage`, succeed now through `app` on `meter`?

    `check_id` identifies the answer, so that a charge can refer to it.
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
        """The charge to compute; one with usage is not priced yet."""
        terms = Charge(self.minimum, check_id=self.check_id, usage=self.usage)
        return Operation(self.account, _KEY, terms, "", self.correlation_id, self.app, self.meter)


@dataclass(frozen=True, slots=True)
class CreditAnswer:
    """`body` is the API's answer. `is_unpublished`: the event should be on the bus, but the bus did not accept it.

    `cause` is why the bus did not accept it, for the log.
    """

    body: dict[str, Any]
    is_allowed: bool
    is_unpublished: bool
    cause: Exception | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class _Payers:
    """The account in its present state, and the accounts above it that would pay too."""

    state: AccountState
    references: References
    now_ms: int

    def told(self, charge: Operation) -> Entry:
        """The entry that the ledger would write for the charge."""
        return apply(self.state, charge, self.now_ms, self.references).entry_under(charge.key)

    def spendable(self, charge: Operation) -> int:
        """The microcents that the ledger would take for a partial charge of all there is."""
        if self.references.parent is None:
            return most_chargeable(self.state, charge, self.now_ms)
        return -self.told(replace(charge, terms=Charge(_ALL_THERE_IS, "partial"))).amount


def check_credits(
    question: CreditQuestion,
    ledger: Ledger,
    bus: EventBus,
    now_ms: int,
    publishing: Publishing,
    book: RateBook | None = None,
) -> CreditAnswer:
    """Answers the question, and publishes the answer on the bus. A failure of the bus does not fail the check.

    A question with usage needs the `book`. Raises the errors of pricing.
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
    """The accounts that would pay, read in the order of a charge, each in its present state."""
    state, references = positions(
        account,
        Charge(0),
        read_state=lambda payer: present_state(payer, ledger, now_ms),
        read_named=lambda _account, _terms: NOTHING_NAMED,
    )
    return _Payers(state or AccountState(account), references, now_ms)


def _body(check_id: str, charge: Operation, payers: _Payers) -> dict[str, Any]:
    told = payers.told(charge)
    priced_by = {name: told.parameters[name] for name in ("rate_card", "adjustment") if name in told.parameters}
    return {
        "allowed": not told.is_refused,
        "actor": charge.account.actor,
        "minimum": to_millicents(told.parameters["cost"]),
        "available": to_millicents(told.before.available),
        "held": to_millicents(told.before.held),
        "spendable": to_millicents(payers.spendable(charge)),
        "reason": None,
        "check_id": check_id,
        **priced_by,
        **(explanation_of(told) if told.is_refused else {}),
    }

"""Rows that are spent out of a budget: one for each payer, and each row an entry under its own key."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

from millicent.amounts import Amount
from millicent.errors import MillicentError, NotSettled, OutcomeUnknown
from millicent.leases import Budget
from millicent.models import BatchResult

ToSpend: TypeAlias = tuple[str, Decimal | MillicentError, Mapping[str, Any]]
"""The key of a row, the most that it may cost or why it has no price, and what `Budget.spend` is told of it."""


class Budgets(Protocol):
    """The method of the client that makes a budget."""

    def budget(self, actor: str, slice: Amount) -> Budget: ...  # noqa: A002 - the client's own name


def spend_leased(
    client: Budgets, actor: str, slice_: Amount, rows: Sequence[ToSpend]
) -> Iterator[tuple[str, BatchResult | MillicentError]]:
    """What became of each row: the ledger's answer, or why it was not spent."""
    answers: dict[str, BatchResult | MillicentError] = {}
    budget = client.budget(actor, slice_)
    budget.listen(answers.__setitem__)
    try:
        for key, most, about in rows:
            failure = most if isinstance(most, MillicentError) else _failure(budget, key, most, about)
            if failure is not None:
                answers[key] = failure
    finally:
        unsettled = _close(budget)
    for key, _, _ in rows:
        yield key, answers.get(key) or OutcomeUnknown(f"no answer came: {unsettled}", key)


def _failure(budget: Budget, key: str, most: Decimal, about: Mapping[str, Any]) -> MillicentError | None:
    try:
        budget.spend(most, key=key, **about)
    except MillicentError as error:
        return error
    except ValueError as invalid:
        return MillicentError(str(invalid))
    return None


def _close(budget: Budget) -> NotSettled | None:
    try:
        budget.close()
    except NotSettled as unsettled:
        return unsettled
    return None

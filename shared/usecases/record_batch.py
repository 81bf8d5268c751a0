"""Records many charges: those of one account together, different accounts in parallel."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, TypeAlias

from shared.ledger.accounts import Account
from shared.ledger.errors import (
    IdempotencyKeyReused,
    LedgerError,
    LedgerThrottled,
    LedgerUnavailable,
    RecordDamaged,
)
from shared.ledger.operations import Operation
from shared.ledger.protocol import MAX_BATCH, Recorded
from shared.ports.ledger import Ledger

Answer: TypeAlias = Recorded | LedgerError
Answers: TypeAlias = dict[str, Answer]
"""Of one account, by key."""

ACCOUNTS_AT_ONCE: Final = 16


def record_batch(
    operations: Sequence[Operation], ledger: Ledger, now_ms: int, may_begin: Callable[[], bool]
) -> list[Answer]:
    """An answer for each operation, in order; each stands on its own feet.

    A key that comes again is a replay of its first, or reused where the content is another. `may_begin` says whether
    there is time for one more transaction; without, what is left is unavailable.
    """
    accounts = _by_account(operations)
    if not accounts:
        return []
    with ThreadPoolExecutor(min(len(accounts), ACCOUNTS_AT_ONCE)) as threads:
        recorded = threads.map(lambda firsts: _record_in_turn(firsts, ledger, now_ms, may_begin), accounts.values())
        answers = dict(zip(accounts, recorded, strict=True))
    return [_answer(each, accounts[each.account][each.key], answers[each.account]) for each in operations]


def damages(answers: Iterable[object]) -> set[RecordDamaged]:
    """The damaged records that were come upon, each once."""
    found = [answer for answer in answers if isinstance(answer, RecordDamaged)]
    return set({(damage.tenant, damage.actor): damage for damage in found}.values())


def failures(answers: Iterable[object]) -> list[LedgerError]:
    """Why charges are not recorded that would be another time. Damaged records are not among them."""
    found = (answer for answer in answers if isinstance(answer, LedgerThrottled | LedgerUnavailable))
    return [answer for answer in found if not isinstance(answer, RecordDamaged)]


def _by_account(operations: Sequence[Operation]) -> dict[Account, dict[str, Operation]]:
    """By account and key, the first under each key, in order."""
    accounts: dict[Account, dict[str, Operation]] = {}
    for operation in operations:
        accounts.setdefault(operation.account, {}).setdefault(operation.key, operation)
    return accounts


def _record_in_turn(
    firsts: dict[str, Operation], ledger: Ledger, now_ms: int, may_begin: Callable[[], bool]
) -> Answers:
    """One transaction after the other: each begins with the balances that the one before it left.

    Their size is no matter: with the largest body and the most grants they are far below what a transaction may have.
    """
    answers: Answers = {}
    for part in _parts(list(firsts.values())):
        answers |= ledger.record_batch(part, now_ms) if may_begin() else _out_of_time(part)
    return answers


def _parts(operations: list[Operation]) -> Iterator[list[Operation]]:
    return (operations[start : start + MAX_BATCH] for start in range(0, len(operations), MAX_BATCH))


def _out_of_time(operations: list[Operation]) -> Answers:
    return {each.key: LedgerUnavailable("the batch took too long; retry with the same key") for each in operations}


def _answer(operation: Operation, first: Operation, answers: Answers) -> Answer:
    answer = answers[operation.key]
    if operation is first:
        return answer
    if operation.request_hash != first.request_hash:
        return IdempotencyKeyReused(f"the key {operation.key} was used for another operation; use a new key")
    return replace(answer, replayed=True) if isinstance(answer, Recorded) else answer

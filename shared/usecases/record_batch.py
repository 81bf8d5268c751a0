"""Records many charges: those of one account together, different accounts in parallel."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, TypeAlias, TypeGuard

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
"""The answers of one account, by key."""

ACCOUNTS_AT_ONCE: Final = 16


def record_batch(
    operations: Sequence[Operation], ledger: Ledger, now_ms: int, may_begin: Callable[[], bool]
) -> list[Answer]:
    """The answers to the operations, in order; each operation is independent.

    A repeated key is a replay of its first operation, or a reused key if the content differs. `may_begin` says whether
    there is time for another transaction; without it the remaining operations are unavailable.
    """
    accounts = _by_account(operations)
    if not accounts:
        return []
    with ThreadPoolExecutor(min(len(accounts), ACCOUNTS_AT_ONCE)) as threads:
        recorded = threads.map(lambda firsts: _record_in_turn(firsts, ledger, now_ms, may_begin), accounts.values())
        answers = dict(zip(accounts, recorded, strict=True))
    return [_answer(each, accounts[each.account][each.key], answers[each.account]) for each in operations]


def damages(answers: Iterable[object]) -> set[RecordDamaged]:
    """The damaged accounts among the answers, each once."""
    found = [answer for answer in answers if isinstance(answer, RecordDamaged)]
    return set({(damage.tenant, damage.actor): damage for damage in found}.values())


def failures(answers: Iterable[object]) -> list[LedgerError]:
    """Why charges are not recorded that would be another time. Damaged records are not among them."""
    found = (answer for answer in answers if _is_passing(answer))
    return [answer for answer in found if not isinstance(answer, RecordDamaged)]


def _is_passing(answer: object) -> TypeGuard[LedgerThrottled | LedgerUnavailable]:
    return isinstance(answer, LedgerThrottled | LedgerUnavailable)


def _by_account(operations: Sequence[Operation]) -> dict[Account, dict[str, Operation]]:
    """By account and key, the first operation under each key, in order."""
    accounts: dict[Account, dict[str, Operation]] = {}
    for operation in operations:
        accounts.setdefault(operation.account, {}).setdefault(operation.key, operation)
    return accounts


def _record_in_turn(
    firsts: dict[str, Operation], ledger: Ledger, now_ms: int, may_begin: Callable[[], bool]
) -> Answers:
    """One transaction after the other: each begins with the balances that the one before it left.

    After one that failed for now, the others fail too: they would come before it, and add to what was too much.
    Its size needs no check: even with the largest body and the most grants it is far below the limit of a transaction.
    """
    answers: Answers = {}
    passing: LedgerError | None = None
    for part in _parts(list(firsts.values())):
        if passing is not None:
            answers |= {each.key: passing for each in part}
            continue
        recorded = ledger.record_batch(part, now_ms) if may_begin() else _out_of_time(part)
        passing = next((each for each in recorded.values() if _is_passing(each)), None)
        answers |= recorded
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

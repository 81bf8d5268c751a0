"""Batches: operations of one account that share transactions, each answered exactly as if it came alone.

Theory of operation. The operations of a batch are applied one after the other, each to what the ones before it left of
every account that pays: states, holds and what was due. Their changes are joined into one, as long as they fit into one
transaction. A refused operation changes nothing but its own account, which gets its entry; the others do not notice.

    alice is a member of team; both have 100          alice    team     items
    charge 60                                         40       40       2 entries, 2 states
    charge 60, refused                                40       40       3 entries, 2 states
    capture 10 of h7, a hold with team's h9           40       40       5 entries, 2 states, 2 holds
    capture 5 of h7                                   40       40       7 entries, 2 states, 2 holds: each once

Operations whose parents differ do not share a transaction: a hold is captured with the parent it was placed with, a
charge is paid by today's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from shared.ledger.accounts import Account, AccountState
from shared.ledger.context import Position, References
from shared.ledger.due import DueHolds
from shared.ledger.holds import Hold
from shared.ledger.operations import Operation
from shared.ledger.reducer import NOTHING_NAMED, Change, ReplacedHold, apply

MAX_ITEMS: Final = 100
"""Of one transaction of DynamoDB."""


class Standing:
    """The accounts that pay for a batch, as its operations so far have left them.

    `named` has, by the key of each operation, what was read with it. The listings of due holds are added by `set_due`.
    """

    def __init__(self, account: Account, state: AccountState, named: Mapping[str, References]) -> None:
        self.account = account
        self._named = named
        self._states: dict[Account, AccountState] = {account: state}
        self._holds: dict[tuple[Account, str], Hold] = {}
        self._due: dict[Account, DueHolds] = {}
        for references in named.values():
            self._learn(account, references)

    def _learn(self, account: Account, references: References) -> None:
        if references.hold is not None:
            self._holds[account, references.hold.id] = references.hold
        if references.parent is not None:
            parent = references.parent.state.account
            self._states[parent] = references.parent.state
            self._learn(parent, references.parent.references)

    @property
    def state(self) -> AccountState:
        return self._states[self.account]

    @property
    def payers(self) -> Iterator[Position]:
        """All accounts that pay for some of the operations, the batch's own first."""
        for account, state in self._states.items():
            yield Position(state, References(due=self._due.get(account)))

    def holds_of(self, account: Account) -> tuple[Hold, ...]:
        return tuple(hold for (owner, _), hold in self._holds.items() if owner == account)

    def set_due(self, account: Account, due: DueHolds) -> None:
        self._due[account] = due

    def references_of(self, operation: Operation) -> References:
        return self._present(self.account, self._named[operation.key])

    def _present(self, account: Account, read: References) -> References:
        due = self._due.get(account)
        if read is NOTHING_NAMED and due is None:
            return read
        hold, parent = read.hold, read.parent
        if hold is not None:
            hold = self._holds[account, hold.id]
        if parent is not None:
            above = parent.state.account
            parent = Position(self._states[above], self._present(above, parent.references))
        return replace(read, hold=hold, parent=parent, due=due)

    def take(self, change: Change) -> None:
        """The accounts after the change."""
        for part in change.parts:
            account = part.seen.account
            self._states[account] = part.state
            self._holds.update(((account, each.hold.id), each.hold) for each in part.holds)
            self._due.pop(account, None)


def first_group(standing: Standing, operations: Iterable[Operation], now_ms: int) -> Change:
    """The change that records the first operations: as many as share parents and fit into one transaction.

    Leaves `standing` as these operations leave it. Raises the errors of `apply` for the first operation.
    """
    first, *others = operations
    references = standing.references_of(first)
    group, path = apply(standing.state, first, now_ms, references), _path(references)
    standing.take(group)
    for operation in others:
        references = standing.references_of(operation)
        above = _path(references)
        if not _is_one_path(path, above):
            break
        change = apply(standing.state, operation, now_ms, references)
        joined = _joined(group, change)
        if items_of(joined) > MAX_ITEMS:
            break
        standing.take(change)
        group, path = joined, max(path, above, key=len)
    return group


def items_of(change: Change) -> int:
    """How many items its transaction writes."""
    return sum(_own_items_of(part) for part in change.parts)


def _own_items_of(part: Change) -> int:
    policy = part.state.policy
    replaces_policy = policy is not None and policy is not part.seen.policy
    begins, has_tally = part.seen.seq == 0, part.tally is not None
    return len(part.entries) + 1 + len(part.holds) + begins + has_tally + replaces_policy


def _path(references: References) -> tuple[Account, ...]:
    """The accounts above that pay too, the nearest first."""
    parent = references.parent
    return () if parent is None else (parent.state.account, *_path(parent.references))


def _is_one_path(one: Sequence[Account], other: Sequence[Account]) -> bool:
    return all(mine == yours for mine, yours in zip(one, other, strict=False))


def _joined(before: Change, after: Change) -> Change:
    """One change of both, of which `after` begins where `before` ends."""
    parent = before.parent if after.parent is None else after.parent
    if before.parent is not None and after.parent is not None:
        parent = _joined(before.parent, after.parent)
    holds = _joined_holds(before.holds, after.holds) if after.holds else before.holds
    entries = before.entries + after.entries
    return Change(before.seen, before.references, after.state, entries, holds, before.tally, parent)


def _joined_holds(before: Iterable[ReplacedHold], after: Iterable[ReplacedHold]) -> tuple[ReplacedHold, ...]:
    """The newest version of each hold, put under the condition on the version that was read."""
    seen_seqs = {each.hold.id: each.seen_seq for each in before}
    newest = {each.hold.id: each for each in before} | {each.hold.id: each for each in after}
    return tuple(replace(each, seen_seq=seen_seqs.get(name, each.seen_seq)) for name, each in newest.items())

"""The companion items of an account: its holds, its refunds and its policy.

Operations replace them, so that no operation has to read the whole history. Each must match the entries. A new kind of
item needs a line in `of_entries` and one in `name_of`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, TypeAlias

from shared.ledger.accounts import Account, AccountState, Begun
from shared.ledger.entries import Entry
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.operations import named_charge
from shared.ledger.policies import Policy
from shared.ledger.reducer import Replay
from shared.verification.accounts import NOT_AN_OPERATION, Finding

CompanionItem: TypeAlias = Begun | Hold | RefundTally | Policy
"""A companion item. Each has the `seq` of the entry that last changed it."""

_BEGUN: Final = "mark that it has begun"
_POLICY: Final = "policy"


def name_of(kept: CompanionItem) -> str:
    match kept:
        case Begun():
            return _BEGUN
        case Hold():
            return f"hold {kept.id}"
        case RefundTally():
            return f"refund of {kept.charge_key}"
        case Policy():
            return _POLICY


def of_any_entry(entries: Sequence[Entry]) -> dict[str, CompanionItem]:
    """The companion items of every account with entries."""
    return {_BEGUN: Begun()} if entries else {}


def of_entries(account: Account, entries: Iterable[Entry]) -> dict[str, CompanionItem]:
    """The companion items that these entries, in order of seq, lead to, by name; without those of `of_any_entry`."""
    history = Replay(account)
    tallies: dict[str, RefundTally] = {}
    for entry in entries:
        # Impossible entries are reported by the verification of the entries.
        with suppress(*NOT_AN_OPERATION):
            _add_refund(tallies, history.step(entry))
    policy = history.state.policy
    kept = (*history.holds.values(), *tallies.values(), *([policy] if policy else ()))
    return {name_of(each): each for each in kept}


def with_policy(state: AccountState, kept: Mapping[str, CompanionItem]) -> AccountState:
    """The state with its policy, if it was read without it."""
    policy = kept.get(_POLICY)
    return replace(state, policy=policy) if isinstance(policy, Policy) else state


def compare_companions(
    account: Account,
    expected: Mapping[str, CompanionItem],
    stored: Iterable[CompanionItem],
    settled_seq: int,
    newest_seq: int,
) -> Iterator[Finding]:
    """All faults of the stored items. `expected` follows from the entries up to `settled_seq`.

    `stored` was read at some time between that entry and the one with `newest_seq`: an item that changed meanwhile is
    newer than expected and cannot be judged.
    """
    found = {name_of(each): each for each in stored}
    for name in expected.keys() - found.keys():
        yield Finding(account, "state", expected[name].seq, f"{name} is missing")
    for name, kept in found.items():
        if (problem := _problem(kept, expected.get(name), settled_seq, newest_seq)) is not None:
            yield Finding(account, "state", kept.seq, f"{name} {problem}")


def _problem(kept: CompanionItem, expected: CompanionItem | None, settled_seq: int, newest_seq: int) -> str | None:
    if kept.seq > newest_seq:
        return "is ahead of the state"
    if kept.seq > settled_seq or kept == expected:
        return None
    if isinstance(kept, Begun) and expected is not None:
        return "is not in the index of accounts"
    return "is in no entry" if expected is None else "does not match the entries"


def _add_refund(tallies: dict[str, RefundTally], entry: Entry) -> None:
    key = named_charge(entry.terms)
    if key is not None and not entry.is_refused:
        before = tallies[key].refunded if key in tallies else 0
        tallies[key] = RefundTally(key, before + entry.amount, entry.seq)

"""What lies beside an account's entries and state: its holds, its refunds and its policy.

Each is an item that operations replace, so that none has to read the whole history; and each is what the entries add
up to. A new kind of item is a line in `of_entries` and one in `name_of`.
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
"""What an item beside an account's entries keeps. All have the `seq` of the entry that last changed them."""

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
    """What lies beside the entries of every account that has any."""
    return {_BEGUN: Begun()} if entries else {}


def of_entries(account: Account, entries: Iterable[Entry]) -> dict[str, CompanionItem]:
    """All that should lie beside these entries, which are in order of seq, by name, but for `of_any_entry`."""
    history = Replay(account)
    tallies: dict[str, RefundTally] = {}
    for entry in entries:
        # What cannot have been is named by whoever verifies the entries.
        with suppress(*NOT_AN_OPERATION):
            _add_refund(tallies, history.step(entry))
    policy = history.state.policy
    kept = (*history.holds.values(), *tallies.values(), *([policy] if policy else ()))
    return {name_of(each): each for each in kept}


def with_policy(state: AccountState, kept: Mapping[str, CompanionItem]) -> AccountState:
    """The state with the policy that belongs to it, where it was read without."""
    policy = kept.get(_POLICY)
    return replace(state, policy=policy) if isinstance(policy, Policy) else state


def compare_companions(
    account: Account,
    expected: Mapping[str, CompanionItem],
    stored: Iterable[CompanionItem],
    settled_seq: int,
    newest_seq: int,
) -> Iterator[Finding]:
    """All that is wrong with what is stored. `expected` follows from the entries up to `settled_seq`.

    `stored` was read at some time between that entry and the one with `newest_seq`: what changed meanwhile is newer
    than what is expected, and cannot be judged.
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
    return "is in no entry" if expected is None else "does not match the entries"


def _add_refund(tallies: dict[str, RefundTally], entry: Entry) -> None:
    key = named_charge(entry.terms)
    if key is not None and not entry.is_refused:
        before = tallies[key].refunded if key in tallies else 0
        tallies[key] = RefundTally(key, before + entry.amount, entry.seq)

"""What lies beside an account's entries and state: its holds, its refunds and its policy.

Each is an item that operations replace, so that none has to read the whole history; and each is what the entries add
up to. A new kind of item is a line in `of_entries` and one in `name_of`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from shared.ledger.accounts import Account, AccountState, Begun
from shared.ledger.entries import Entry
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.inspection_ports import Beside
from shared.ledger.operations import Refund
from shared.ledger.policies import Policy
from shared.ledger.reducer import Replay
from shared.ledger.verification import NOT_AN_OPERATION, Finding

_BEGUN: Final = "mark that it has begun"
_POLICY: Final = "policy"


def name_of(kept: Beside) -> str:
    match kept:
        case Begun():
            return _BEGUN
        case Hold():
            return f"hold {kept.id}"
        case RefundTally():
            return f"refund of {kept.charge_key}"
        case Policy():
            return _POLICY


def of_any_entry(entries: Sequence[Entry]) -> dict[str, Beside]:
    """What lies beside the entries of every account that has any."""
    return {_BEGUN: Begun()} if entries else {}


def of_entries(account: Account, entries: Iterable[Entry]) -> dict[str, Beside]:
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


def with_policy(state: AccountState, kept: Mapping[str, Beside]) -> AccountState:
    """The state with the policy that belongs to it, where it was read without."""
    policy = kept.get(_POLICY)
    return replace(state, policy=policy) if isinstance(policy, Policy) else state


def compare_beside(
    account: Account, expected: Mapping[str, Beside], stored: Iterable[Beside], settled_seq: int, newest_seq: int
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


def _problem(kept: Beside, expected: Beside | None, settled_seq: int, newest_seq: int) -> str | None:
    if kept.seq > newest_seq:
        return "is ahead of the state"
    if kept.seq > settled_seq or kept == expected:
        return None
    return "is in no entry" if expected is None else "does not match the entries"


def _add_refund(tallies: dict[str, RefundTally], entry: Entry) -> None:
    if isinstance(entry.terms, Refund) and not entry.is_refused:
        key = entry.terms.charge
        before = tallies[key].refunded if key in tallies else 0
        tallies[key] = RefundTally(key, before + entry.amount, entry.seq)

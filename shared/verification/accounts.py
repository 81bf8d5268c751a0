"""Verification: is an account's record intact, and does the audit table match it?

Pure, like the reducer: it takes the content of the tables and returns a finding for every fault.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Final, Literal, TypeAlias

from shared.ledger.accounts import Account, AccountState, Balances
from shared.ledger.counterparts import counterpart_key
from shared.ledger.entries import Entry
from shared.ledger.errors import InvalidOperation
from shared.ledger.frozen import dataclass
from shared.ledger.holds import Hold
from shared.ledger.invariants import InvariantBroken
from shared.ledger.kinds import KINDS
from shared.ledger.money import cost_of
from shared.ledger.reducer import Replay
from shared.verification.chain import breaks

NOT_AN_OPERATION: Final = (
    InvalidOperation,
    InvariantBroken,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
)
"""The errors of reading altered parameters."""

Place: TypeAlias = Literal["ledger", "state", "audit", "usage", "digest"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. `seq` is None if it is not in a single entry."""

    account: Account
    place: Place
    seq: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class AuditComparison:
    """How the audit table differs from the ledger. `missing` can be repaired; the other differences are evidence."""

    missing: tuple[Entry, ...]
    findings: tuple[Finding, ...]


def verify_account(account: Account, entries: Sequence[Entry], stored: AccountState | None) -> list[Finding]:
    """All faults of an account. `entries` is all its entries in order of seq, `stored` its state."""
    chain = [Finding(account, "ledger", found.seq, found.problem) for found in breaks(entries)]
    history, altered = _replay(account, entries)
    state = stored or AccountState(account)
    return [
        *chain,
        *altered,
        *_compare_states(history.state, state),
        *_misdated(history.state, state),
        *_overlooked(history.holds.values(), state),
    ]


def drift_microcents(account: Account, entries: Sequence[Entry], stored: AccountState | None) -> int:
    """The difference between the stored balances and the sum of the entries; 0 if all is well."""
    history, _ = _replay(account, entries)
    return _distance(history.state.balances, (stored or AccountState(account)).balances)


def compare_audit(account: Account, entries: Iterable[Entry], audited: Iterable[Entry]) -> AuditComparison:
    """Compares all entries of an account with all its audit rows, in any order."""
    recorded = {entry.seq: entry for entry in entries}
    copies = {entry.seq: entry for entry in audited}
    missing = tuple(recorded[seq] for seq in sorted(recorded.keys() - copies.keys()))
    findings = [
        *(Finding(account, "audit", entry.seq, "is missing") for entry in missing),
        *(
            Finding(account, "audit", seq, "differs from the ledger")
            for seq in sorted(recorded.keys() & copies.keys())
            if recorded[seq] != copies[seq]
        ),
        *(Finding(account, "audit", seq, "is in no ledger") for seq in sorted(copies.keys() - recorded.keys())),
    ]
    return AuditComparison(missing, tuple(findings))


@dataclass(frozen=True, slots=True)
class OtherHalf:
    """Where the counterpart of an entry is: it was written in the same transaction."""

    account: Account
    key: str


def other_halves(entry: Entry) -> Iterator[OtherHalf]:
    """None for most entries, two for an entry of an account that is a parent and a member."""
    tenant = entry.account.tenant
    if entry.parent is not None and not entry.is_refused and "declined" not in entry.parent:
        yield OtherHalf(Account(tenant, str(entry.parent.get("actor"))), counterpart_key(entry.account, entry.key))
    if entry.member is not None:
        member = Account(tenant, entry.member)
        yield OtherHalf(member, entry.key.removeprefix(counterpart_key(member, "")))


def compare_halves(entry: Entry, half: OtherHalf, found: Entry | None) -> list[Finding]:
    """Compares an entry with the counterpart that a strong read found at `half`."""
    if found is None:
        problem = f"has no counterpart at {half.account.actor}"
    elif _shared(entry) != _shared(found) or OtherHalf(entry.account, entry.key) not in other_halves(found):
        problem = f"differs from its counterpart at {half.account.actor}"
    else:
        return []
    return [Finding(entry.account, "ledger", entry.seq, problem)]


def _shared(entry: Entry) -> tuple[object, ...]:
    """The fields that both entries share. After a release their amounts can differ, since some grants have expired."""
    counterpart = KINDS[entry.kind].counterpart
    is_of_hold = entry.hold is not None and counterpart is not None and counterpart.shared_amount == "hold"
    amount = entry.hold["amount"] if entry.hold is not None and is_of_hold else entry.amount
    return entry.kind, amount, entry.at_ms, entry.correlation_id, entry.by


def _replay(account: Account, entries: Iterable[Entry]) -> tuple[Replay, list[Finding]]:
    # Continues from the reducer's entry, not from the stored one, so that one altered entry is one finding and the
    # resulting balances are the correct ones.
    history = Replay(account)
    findings: list[Finding] = []
    for entry in entries:
        try:
            expected = history.step(entry)
            is_misstated = _misstates_its_cost(entry)
        except NOT_AN_OPERATION:
            findings.append(Finding(account, "ledger", entry.seq, "records an impossible operation"))
            continue
        if is_misstated or _effect(expected) != _effect(entry):
            findings.append(Finding(account, "ledger", entry.seq, "differs from what the ledger would write"))
    return history, findings


def _misstates_its_cost(entry: Entry) -> bool:
    """Whether the entry took another cost than the money that it was given comes to."""
    parameters = entry.parameters
    cost = cost_of(parameters)
    return cost is not None and cost != (
        parameters.get("cost", parameters.get("amount")),
        parameters.get("remainder", 0),
    )


def _effect(entry: Entry) -> tuple[object, ...]:
    return (
        entry.amount,
        entry.outcome,
        entry.reason,
        entry.shortfall,
        entry.before,
        entry.after,
        entry.drawn,
        entry.hold,
        entry.alerts,
        entry.limit,
        entry.origin,
        entry.window_ends,
        entry.merged,
        entry.carry,
    )


def _compare_states(replayed: AccountState, stored: AccountState) -> list[Finding]:
    compared = [field.name for field in fields(AccountState) if field.compare]
    differing = [name for name in compared if getattr(replayed, name) != getattr(stored, name)]
    findings = [Finding(stored.account, "state", None, f"{name} does not match the entries") for name in differing]
    if sum(grant.remaining for grant in stored.grants) != max(stored.available, 0):
        findings.append(Finding(stored.account, "state", None, "grants do not add up to the available balance"))
    return findings


def _misdated(replayed: AccountState, stored: AccountState) -> list[Finding]:
    """A state of an older release has no time."""
    if stored.updated_at_ms in {None, replayed.updated_at_ms}:
        return []
    return [Finding(stored.account, "state", None, "updated_at_ms does not match the entries")]


def _overlooked(holds: Iterable[Hold], stored: AccountState) -> list[Finding]:
    """A state that looks for expired holds too late would not return their credits in time."""
    first_ms = min((hold.expires_at_ms for hold in holds if hold.status == "open"), default=None)
    if first_ms is None or (stored.next_hold_expiry_ms is not None and stored.next_hold_expiry_ms <= first_ms):
        return []
    return [Finding(stored.account, "state", None, "next_hold_expiry_ms is after the expiry of an open hold")]


def _distance(one: Balances, other: Balances) -> int:
    return sum(abs(getattr(one, field.name) - getattr(other, field.name)) for field in fields(Balances))

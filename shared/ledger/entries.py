"""Entries: the rows of the ledger.

An entry is the idempotency record of its operation, a line of the account's history, the audit row and the outbox,
all in one. It holds its own input (kind and parameters) and its whole effect, so that it can be answered again word
for word and replayed through the reducer.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Any, Final

from shared.ledger.accounts import SCHEMA_VERSION, Account, Balances
from shared.ledger.amounts import to_millicents
from shared.ledger.canonical import canonical_json, sha256_hex
from shared.ledger.grants import Draw
from shared.ledger.operations import Kind, Operation, Outcome, Reason, Terms, terms_from
from shared.ledger.remainders import carry_text
from shared.ledger.times import rfc3339


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. Amounts in microcents, `amount` signed (a charge is negative), times in epoch milliseconds.

    `shortfall` is what was missing: to a refused charge, or of the cost of a partial one. `hold` is what the entry made
    of a hold (id, amount, captured, status, expires_at_ms). `hash` covers every other field, `prev_hash` included,
    which chains the entries of an account.

    In the record only where there is something to say: `hold`; `alerts`, the low-balance thresholds that it fell below;
    `limit`, what decided a refusal other than the account's own balance; `origin`, the app and meter of the hold or
    charge that it names; `parent`, what a parent account said to it; `member`, whose operation a parent's entry is;
    `merged`, the grants that became one for want of room; `window_ends`, what the calendar said of the limits' windows,
    so that nobody has to ask it again (`Periods.ends`);
    `carry` before and after it, in quanta of remainders.py, where its usage is worth no whole number of microcents.
    """

    account: Account
    key: str
    seq: int
    kind: Kind
    parameters: Mapping[str, Any]
    amount: int
    outcome: Outcome
    reason: Reason | None
    shortfall: int
    before: Balances
    after: Balances
    drawn: tuple[Draw, ...]
    by: str
    app: str | None
    meter: str | None
    metadata: Mapping[str, Any] | None
    at_ms: int
    correlation_id: str
    request_hash: str
    prev_hash: str
    hash: str
    hold: Mapping[str, Any] | None = None
    alerts: tuple[int, ...] = ()
    limit: Mapping[str, Any] | None = None
    member: str | None = None
    origin: Mapping[str, Any] | None = None
    parent: Mapping[str, Any] | None = None
    window_ends: Mapping[str, int] | None = None
    merged: Mapping[str, Any] | None = None
    carry: Mapping[str, int] | None = None
    _record: str | None = field(init=False, default=None, repr=False, compare=False)
    """Remembered by `record`; a copy with other values starts without."""

    @property
    def record(self) -> str:
        """See `record_of`."""
        text = self._record
        if text is None:
            text = _record_text(self)
            object.__setattr__(self, "_record", text)
        return text

    @property
    def terms(self) -> Terms:
        return terms_from(self.kind, self.parameters)

    @property
    def is_refused(self) -> bool:
        return self.outcome == "refused"

    @property
    def not_restored(self) -> int:
        """What it would have given back, had the grants that it came from not expired in the meantime."""
        if self.kind == "allowance" or (self.kind == "expire" and self.hold is None):
            return 0
        # Credits are available, held, spent or expired: what is missing from the first three has expired.
        before, after = self.before, self.after
        there = after.available + after.held + after.spent - before.available - before.held - before.spent
        return after.funded - before.funded - there


def operation_of(entry: Entry) -> Operation:
    """The operation that the entry records."""
    return Operation(
        account=entry.account,
        key=entry.key,
        terms=entry.terms,
        by=entry.by,
        correlation_id=entry.correlation_id,
        app=entry.app,
        meter=entry.meter,
        metadata=entry.metadata,
        member=entry.member,
    )


def records(entry: Entry, operation: Operation) -> bool:
    """Whether the entry records an operation of this content.

    Its own request hash may be of a release that spelled the same content otherwise: it is made anew then.
    """
    asked = operation.request_hash
    return asked == entry.request_hash or asked == operation_of(entry).request_hash


def record_of(entry: Entry) -> str:
    """The canonical text that the entry's hash covers. `entry_from_record` is the way back."""
    return entry.record


def hash_of(entry: Entry) -> str:
    """What the entry's hash must be."""
    return sha256_hex(record_of(entry))


def sealed(entry: Entry) -> Entry:
    """Gives an entry its hash, in place: only for one that nobody else has seen. A copy would cost as much again."""
    object.__setattr__(entry, "hash", hash_of(entry))
    return entry


def public_entry(entry: Entry) -> dict[str, Any]:
    """The entry as the API and the events show it: amounts in millicents, times as RFC 3339."""
    shown: dict[str, Any] = {
        "key": entry.key,
        "seq": entry.seq,
        "kind": entry.kind,
        "actor": entry.account.actor,
        "app": entry.app,
        "by": entry.by,
        "amount": to_millicents(entry.amount),
        "available_before": to_millicents(entry.before.available),
        "available_after": to_millicents(entry.after.available),
        "held_before": to_millicents(entry.before.held),
        "held_after": to_millicents(entry.after.held),
        "drawn": [_public_draw(draw) for draw in entry.drawn],
        "meter": entry.meter,
        "metadata": entry.metadata,
        "at": rfc3339(entry.at_ms),
        "outcome": entry.outcome,
        "reason": entry.reason or entry.parameters.get("note"),
        "hash": entry.hash,
    }
    return shown | _not_restored(entry) | _public_details(entry)


def _not_restored(entry: Entry) -> dict[str, Any]:
    return {"not_restored": to_millicents(entry.not_restored)} if entry.not_restored else {}


def _public_details(entry: Entry) -> dict[str, Any]:
    """What only some entries have."""
    details: dict[str, Any] = {}
    if entry.hold is not None:
        details["hold"] = public_hold(entry.account, entry.hold)
    if entry.alerts:
        details["low_balance"] = [to_millicents(amount) for amount in entry.alerts]
    if entry.limit is not None:
        details["limit"] = public_limit(entry.limit)
    if entry.merged is not None:
        details["merged"] = _public_merger(entry.merged)
    details |= _public_family(entry)
    if entry.kind == "configure":
        details["settings"] = public_settings(entry.parameters)
    return details | _public_price(entry)


def _public_price(entry: Entry) -> dict[str, Any]:
    """Of an entry of usage: what was used, by which card it was priced, and what was carried before and after."""
    parameters = entry.parameters
    if "rate_card" not in parameters:
        return {}
    shown = {"usage": parameters["usage"], "rate_card": parameters["rate_card"]}
    if entry.carry is not None:
        shown |= {f"carry_{when}": carry_text(entry.carry[when]) for when in ("before", "after")}
    return shown


def _public_family(entry: Entry) -> dict[str, Any]:
    member = {} if entry.member is None else {"member": entry.member}
    return member if entry.parent is None else member | {"parent": entry.parent["actor"]}


def _public_merger(merged: Mapping[str, Any]) -> dict[str, Any]:
    expires_at_ms = merged["expires_at_ms"]
    return {
        "grant": merged["grant"],
        "into": merged["into"],
        "amount": to_millicents(merged["amount"]),
        "expires_at": None if expires_at_ms is None else rfc3339(expires_at_ms),
    }


def public_settings(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a change of the settings has set; what it left as it was is absent.

    In the order that the record has, so that a replay is the same word for word.
    """
    return {name: _SHOWN.get(name, _as_it_is)(value) for name, value in sorted(parameters.items())}


def public_limit(limit: Mapping[str, Any]) -> dict[str, Any]:
    """`limit` of an answer: the spending limit, or the parent account, that decided.

    In the order that the record has, so that a replay is the same word for word.
    """
    resets_at_ms = limit.get("resets_at_ms")
    amounts = {name: to_millicents(limit[name]) for name in ("amount", "used") if name in limit}
    shown = {name: value for name, value in sorted(limit.items()) if name != "resets_at_ms"} | amounts
    return shown if "window" not in limit else shown | {"resets_at": resets_at_ms and rfc3339(resets_at_ms)}


def public_hold(account: Account, summary: Mapping[str, Any]) -> dict[str, Any]:
    """`hold` of an answer, of what an entry or a hold itself says of it."""
    return {
        "id": summary["id"],
        "actor": account.actor,
        "amount": to_millicents(summary["amount"]),
        "captured": to_millicents(summary["captured"]),
        "status": summary["status"],
        "expires_at": rfc3339(summary["expires_at_ms"]),
    }


def public_balance(balances: Balances) -> dict[str, Any]:
    """`balance` of an answer, in millicents."""
    return {name: to_millicents(amount) for name, amount in _balances(balances).items()}


def entry_from_record(record: str, digest: str) -> Entry:
    """Reads a stored entry back. Nothing is checked here: whether `digest` is right is for chain.py to say.

    Raises ValueError, KeyError or TypeError where the text is no record.
    """
    fields = json.loads(record)
    if fields["schema"] != SCHEMA_VERSION:
        raise ValueError("a record of another schema")
    return Entry(
        account=Account(fields["tenant"], fields["actor"]),
        key=fields["key"],
        seq=fields["seq"],
        kind=fields["kind"],
        parameters=fields["parameters"],
        amount=fields["amount"],
        outcome=fields["outcome"],
        reason=fields["reason"],
        shortfall=fields["shortfall"],
        before=Balances(**fields["before"]),
        after=Balances(**fields["after"]),
        drawn=tuple([Draw(**draw) for draw in fields["drawn"]]),
        by=fields["by"],
        app=fields["app"],
        meter=fields["meter"],
        metadata=fields["metadata"],
        at_ms=fields["at_ms"],
        correlation_id=fields["correlation_id"],
        request_hash=fields["request_hash"],
        prev_hash=fields["prev_hash"],
        hash=digest,
        hold=fields.get("hold"),
        alerts=tuple(fields.get("alerts", ())),
        limit=fields.get("limit"),
        member=fields.get("member"),
        origin=fields.get("origin"),
        parent=fields.get("parent"),
        window_ends=fields.get("window_ends"),
        merged=fields.get("merged"),
        carry=fields.get("carry"),
    )


def _as_it_is(value: object) -> object:
    return value


def _with_amounts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_millicents(value) if name in _AMOUNTS else value for name, value in sorted(values.items())}


_AMOUNTS: Final = frozenset({"amount", "rollover_minimum", "rollover_maximum"})
_SHOWN: Final[Mapping[str, Callable[[Any], object]]] = {
    "overdraft_limit": to_millicents,
    "low_balance_thresholds": lambda amounts: [to_millicents(amount) for amount in amounts],
    "limits": lambda limits: [_with_amounts(limit) for limit in limits],
    "allowance": lambda allowance: _with_amounts(allowance) or None,
    "parent": lambda actor: actor or None,
}


def _balances(balances: Balances) -> dict[str, int]:
    return {
        "available": balances.available,
        "held": balances.held,
        "funded": balances.funded,
        "spent": balances.spent,
    }


def _record_text(entry: Entry) -> str:
    try:
        return _spelled_out(entry, encode_basestring)
    except TypeError:
        # A text that somebody altered can hold anything; what it says then is for its hash to judge.
        return _spelled_out(entry, _text)


def _spelled_out(entry: Entry, text: Callable[[str], str]) -> str:
    # In the order of the keys, and by hand: a third of the time of an encoder, for something that whoever writes,
    # publishes, audits or verifies an entry needs. `text` spells a string.
    account = entry.account
    alerts = _member("alerts", entry.alerts) if entry.alerts else ""
    carry = "" if entry.carry is None else _member("carry", entry.carry)
    hold = "" if entry.hold is None else _member("hold", entry.hold)
    limit = "" if entry.limit is None else _member("limit", entry.limit)
    member = "" if entry.member is None else _member("member", entry.member)
    merged = "" if entry.merged is None else _member("merged", entry.merged)
    origin = "" if entry.origin is None else _member("origin", entry.origin)
    parent = "" if entry.parent is None else _member("parent", entry.parent)
    # The last of all keys: with the comma in front of it.
    window_ends = "" if entry.window_ends is None else f',"window_ends":{canonical_json(entry.window_ends)}'
    return (
        f'{{"actor":{text(account.actor)},"after":{_balances_text(entry.after)},{alerts}"amount":{entry.amount},'
        f'"app":{_text(entry.app)},"at_ms":{entry.at_ms},"before":{_balances_text(entry.before)},'
        f'"by":{text(entry.by)},{carry}"correlation_id":{text(entry.correlation_id)},'
        f'"drawn":[{",".join(map(_draw_text, entry.drawn))}],{hold}"key":{text(entry.key)},'
        f'"kind":{text(entry.kind)},{limit}{member}{merged}'
        f'"metadata":{_text(entry.metadata)},"meter":{_text(entry.meter)},{origin}'
        f'"outcome":{text(entry.outcome)},"parameters":{canonical_json(entry.parameters)},'
        f'{parent}"prev_hash":{text(entry.prev_hash)},'
        f'"reason":{_text(entry.reason)},"request_hash":{text(entry.request_hash)},"schema":{SCHEMA_VERSION},'
        f'"seq":{entry.seq},"shortfall":{entry.shortfall},"tenant":{text(account.tenant)}{window_ends}}}'
    )


def _text(value: object) -> str:
    if value is None:
        return "null"
    return encode_basestring(value) if isinstance(value, str) else canonical_json(value)


def _balances_text(of: Balances) -> str:
    return f'{{"available":{of.available},"funded":{of.funded},"held":{of.held},"spent":{of.spent}}}'


def _member(name: str, value: object) -> str:
    return f'"{name}":{canonical_json(value)},'


def _draw_text(draw: Draw) -> str:
    return (
        f'{{"amount":{draw.amount},"category":{_text(draw.category)},"expires_at_ms":{_text(draw.expires_at_ms)},'
        f'"grant_seq":{draw.grant_seq},"priority":{draw.priority}}}'
    )


def _public_draw(draw: Draw) -> dict[str, Any]:
    return {
        "grant": draw.grant_id,
        "amount": to_millicents(draw.amount),
        "priority": draw.priority,
        "category": draw.category,
        "expires_at": None if draw.expires_at_ms is None else rfc3339(draw.expires_at_ms),
    }

"""The canonical text of an entry: it is stored, the hash covers it, and entries are read back from it."""

import json
from collections.abc import Callable
from json.encoder import encode_basestring

from shared.ledger.accounts import SCHEMA_VERSION, Account, Balances
from shared.ledger.canonical import canonical_json, sha256_hex
from shared.ledger.entries import Entry
from shared.ledger.grants import Draw


def record_of(entry: Entry) -> str:
    """The canonical text that the entry's hash covers. `entry_from_record` is the inverse."""
    text = entry.record_text
    if text is None:
        text = _record_text(entry)
        object.__setattr__(entry, "record_text", text)
    return text


def hash_of(entry: Entry) -> str:
    """The correct hash of the entry."""
    return sha256_hex(record_of(entry))


def sealed(entry: Entry) -> Entry:
    """Sets the entry's hash in place, which saves a copy. Only for an entry that no other code has seen."""
    object.__setattr__(entry, "hash", hash_of(entry))
    return entry


def entry_from_record(record: str, digest: str) -> Entry:
    """Reads a stored entry; chain.py checks its digest. Raises ValueError, KeyError or TypeError for any other text."""
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
        model=fields.get("model"),
    )


def _record_text(entry: Entry) -> str:
    try:
        return _spelled_out(entry, encode_basestring)
    except TypeError:
        # A tampered text can contain any value; its hash will show that.
        return _spelled_out(entry, _text)


def _spelled_out(entry: Entry, text: Callable[[str], str]) -> str:
    # In the order of the keys, and written out by hand: three times as fast as an encoder, and every writer, publisher,
    # auditor and verifier of an entry calls it. `text` spells a string.
    account = entry.account
    alerts = _member("alerts", entry.alerts) if entry.alerts else ""
    carry = "" if entry.carry is None else _member("carry", entry.carry)
    hold = "" if entry.hold is None else _member("hold", entry.hold)
    limit = "" if entry.limit is None else _member("limit", entry.limit)
    member = "" if entry.member is None else _member("member", entry.member)
    merged = "" if entry.merged is None else _member("merged", entry.merged)
    model = "" if entry.model is None else _member("model", entry.model)
    origin = "" if entry.origin is None else _member("origin", entry.origin)
    parent = "" if entry.parent is None else _member("parent", entry.parent)
    # The last of all keys, so its comma comes before it.
    window_ends = "" if entry.window_ends is None else f',"window_ends":{canonical_json(entry.window_ends)}'
    return (
        f'{{"actor":{text(account.actor)},"after":{_balances_text(entry.after)},{alerts}"amount":{entry.amount},'
        f'"app":{_text(entry.app)},"at_ms":{entry.at_ms},"before":{_balances_text(entry.before)},'
        f'"by":{text(entry.by)},{carry}"correlation_id":{text(entry.correlation_id)},'
        f'"drawn":[{",".join(map(_draw_text, entry.drawn))}],{hold}"key":{text(entry.key)},'
        f'"kind":{text(entry.kind)},{limit}{member}{merged}'
        f'"metadata":{_text(entry.metadata)},"meter":{_text(entry.meter)},{model}{origin}'
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

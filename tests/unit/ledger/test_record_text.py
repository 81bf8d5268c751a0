"""The text that an entry's hash covers, which is spelled out by hand for speed."""

import hashlib
import json
from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.accounts import Account, Balances
from shared.ledger.canonical import canonical_json, sha256_hex
from shared.ledger.entries import Entry
from shared.ledger.grants import Draw
from shared.ledger.operations import Charge, Operation
from shared.ledger.records import entry_from_record, hash_of, record_of

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
AMOUNT = st.integers(-(10**15), 10**15)
BALANCES = st.builds(Balances, AMOUNT, AMOUNT, AMOUNT, AMOUNT)
DRAW = st.builds(Draw, AMOUNT, AMOUNT, AMOUNT, st.sampled_from(["purchased", "promotional"]), st.none() | AMOUNT)
PLAIN = st.dictionaries(TEXT, TEXT | AMOUNT | st.none() | st.booleans() | st.lists(TEXT), max_size=4)
ENTRY = st.builds(
    Entry,
    account=st.builds(Account, TEXT, TEXT),
    key=TEXT,
    seq=AMOUNT,
    kind=st.sampled_from(["charge", "grant"]),
    parameters=PLAIN,
    amount=AMOUNT,
    outcome=st.sampled_from(["applied", "refused"]),
    reason=st.sampled_from([None, "insufficient_credits"]),
    shortfall=AMOUNT,
    before=BALANCES,
    after=BALANCES,
    drawn=st.lists(DRAW, max_size=3).map(tuple),
    by=TEXT,
    app=st.none() | TEXT,
    meter=st.none() | TEXT,
    metadata=st.none() | PLAIN,
    at_ms=AMOUNT,
    correlation_id=TEXT,
    request_hash=TEXT,
    prev_hash=TEXT,
    hash=TEXT,
    hold=st.none() | PLAIN,
    alerts=st.lists(AMOUNT, max_size=3).map(tuple),
    limit=st.none() | PLAIN,
    member=st.none() | TEXT,
    origin=st.none() | PLAIN,
    parent=st.none() | PLAIN,
    merged=st.none() | PLAIN,
    window_ends=st.none() | st.dictionaries(TEXT, AMOUNT, min_size=1, max_size=3),
    model=st.none() | TEXT,
    carry=st.none() | st.fixed_dictionaries({"before": AMOUNT, "after": AMOUNT}),
)
ONLY_WHERE_THERE_IS_ONE = {
    "hold",
    "alerts",
    "limit",
    "member",
    "origin",
    "parent",
    "merged",
    "window_ends",
    "carry",
    "model",
}


@given(ENTRY)
def test_the_record_is_canonical_json_and_leads_back_to_the_entry(entry: Entry) -> None:
    record = record_of(entry)
    assert canonical_json(json.loads(record)) == record
    assert entry_from_record(record, entry.hash) == entry


@given(ENTRY, st.sampled_from(sorted({field.name for field in fields(Entry) if field.init} - {"hash"})))
def test_the_record_names_every_field_but_the_hash(entry: Entry, name: str) -> None:
    recorded: dict[str, Any] = json.loads(record_of(entry))
    assert "hash" not in recorded
    if name == "account":
        assert {"tenant", "actor"} <= recorded.keys()
    elif name in ONLY_WHERE_THERE_IS_ONE:
        assert (name in recorded) == (getattr(entry, name) not in [None, ()])
    else:
        assert name in recorded


@given(ENTRY, TEXT)
def test_values_of_a_foreign_type_make_another_hash_and_no_error(entry: Entry, foreign: str) -> None:
    record = json.loads(record_of(entry)) | {"amount": [foreign], "tenant": 7, "app": {"a": foreign}, "seq": None}
    assert hash_of(entry_from_record(json.dumps(record), entry.hash)) != hash_of(entry)


@given(st.none() | TEXT, st.none() | TEXT, st.none() | PLAIN)
def test_the_request_hash_is_that_of_the_content_as_canonical_json(
    app: str | None, meter: str | None, metadata: dict[str, Any] | None
) -> None:
    asked = Operation(Account("main", "a"), "k", Charge(5), "by", "request", app, meter, metadata)
    parameters = {"cost": 5, "if_insufficient": "refuse"}
    content = {"kind": "charge", "parameters": parameters, "app": app, "meter": meter, "metadata": metadata}
    assert asked.request_hash == sha256_hex(canonical_json(content))


@given(ENTRY)
def test_the_hash_is_that_of_the_whole_record(entry: Entry) -> None:
    assert hash_of(entry) == hashlib.sha256(record_of(entry).encode()).hexdigest()


@given(ENTRY, AMOUNT)
def test_a_copy_with_another_amount_has_another_record(entry: Entry, amount: int) -> None:
    record_of(entry)
    assert json.loads(record_of(replace(entry, amount=amount)))["amount"] == amount

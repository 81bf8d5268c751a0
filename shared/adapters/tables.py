"""The tables: keys, items and how they are reached. Keys are spelled here and nowhere else.

Ledger table, all of an account under one pk:

    sk = BEGUN        put with the first entry, never replaced nor deleted: an account whose STATE is gone is no new one
    sk = STATE        the state that decides the next operation; at most 1 KB, so that replacing it costs one unit
    sk = OP#<key>     an entry; written once, never changed; listed by the index `entries-by-seq`
    sk = HOLD#<id>    a hold; replaced when it ends; while it is open listed by the index `open-holds`
    sk = REFUND#<key> how much of a charge was given back
    sk = POLICY       what governs the account beside its balance, where something does

Audit table, the same pk:

    sk = SEQ#<seq>                         the copy of an entry
    sk = CHECK#<occurred_at>#<check_id>    a check
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import new_class
from typing import Any, Final, TypeVar, cast

from botocore.exceptions import ChecksumError
from botocore.parsers import ResponseParserError
from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.constants import BINARY, NUMBER
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from shared.ledger.accounts import SCHEMA_VERSION, Account, AccountState, Begun
from shared.ledger.canonical import canonical_json
from shared.ledger.entries import Entry
from shared.ledger.grants import Category, Draw, Grant, Grants
from shared.ledger.holds import HeldPrice, Hold, HoldStatus, RefundTally
from shared.ledger.policies import Policy, policy_from, policy_values
from shared.ledger.records import entry_from_record, record_of

CONNECT_TIMEOUT_S: Final = 1
READ_TIMEOUT_S: Final = 2
CONNECTIONS_MAX: Final = 64
"""Open connections are kept for later; no more are made than there are threads."""

STATE_SK: Final = "STATE"
BEGUN_SK: Final = "BEGUN"
POLICY_SK: Final = "POLICY"
ENTRIES_BY_SEQ: Final = "entries-by-seq"
OPEN_HOLDS: Final = "open-holds"

_TENANT: Final = "TENANT#"
_ACTOR: Final = "#ACTOR#"
_ENTRY_PREFIX: Final = "OP#"
_HOLD_PREFIX: Final = "HOLD#"
_TALLY_PREFIX: Final = "REFUND#"
_AUDIT_ENTRY_PREFIX: Final = "SEQ#"
_SEQ_DIGITS: Final = 12
SEQ_MAX: Final = 10**_SEQ_DIGITS - 1
_CATEGORIES: Final[tuple[Category, ...]] = ("purchased", "promotional", "allowance")
_NEVER: Final = 0
_SERVER_ERROR: Final = 500

_Model = TypeVar("_Model", bound=Model)


def account_pk(account: Account) -> str:
    """Neither id can hold "#", so no two accounts share a partition."""
    return f"{_TENANT}{account.tenant}{_ACTOR}{account.actor}"


def account_of(pk: str) -> Account | None:
    """The account whose partition it is; None where it is none's."""
    tenant, _, actor = pk.removeprefix(_TENANT).partition(_ACTOR)
    account = Account(tenant, actor)
    return account if tenant and actor and account_pk(account) == pk else None


def entry_sk(key: str) -> str:
    return f"{_ENTRY_PREFIX}{key}"


def hold_sk(hold_id: str) -> str:
    return f"{_HOLD_PREFIX}{hold_id}"


def tally_sk(charge_key: str) -> str:
    return f"{_TALLY_PREFIX}{charge_key}"


def audit_entry_sk(seq: int) -> str:
    """Padded, so that the order of the text is the order of the numbers."""
    return f"{_AUDIT_ENTRY_PREFIX}{seq:0{_SEQ_DIGITS}d}"


def audited_seq(sk: str) -> int:
    """The way back from `audit_entry_sk`."""
    return int(sk.removeprefix(_AUDIT_ENTRY_PREFIX))


def audit_check_sk(occurred_at: str, check_id: str) -> str:
    return f"CHECK#{occurred_at}#{check_id}"


class IntegerAttribute(Attribute[int]):
    """An exact whole number. PynamoDB's own number attribute is a float to the type checker and lets 0.1 through."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        if type(value) is not int:
            raise TypeError(f"{self.attr_name} must be an int, not {type(value).__name__}")
        return str(value)

    def deserialize(self, value: str) -> int:
        return int(value)


class GrantsAttribute(Attribute[Grants]):
    """The open grants, packed: six numbers a grant, each in as few bytes as it needs.

    As a list of lists, 16 grants would take an account's state over 1 KB and so double what every charge writes.
    """

    attr_type = BINARY

    def serialize(self, value: Grants) -> bytes:
        return b"".join(_varint(number) for grant in value for number in _numbers_of(grant))

    def deserialize(self, value: bytes) -> Grants:
        numbers = _varints(value)
        return tuple(_grant_of(*six) for six in zip(*[numbers] * 6, strict=True))


class DrawsAttribute(Attribute[tuple[Draw, ...]]):
    """Draws, packed as grants are: five numbers each."""

    attr_type = BINARY

    def serialize(self, value: tuple[Draw, ...]) -> bytes:
        return b"".join(_varint(number) for draw in value for number in _numbers_of_draw(draw))

    def deserialize(self, value: bytes) -> tuple[Draw, ...]:
        numbers = _varints(value)
        return tuple(_draw_of(*five) for five in zip(*[numbers] * 5, strict=True))


class HashAttribute(Attribute[str]):
    """A SHA-256 in hexadecimal, packed: with 16 grants and the longest ids a state needs the room."""

    attr_type = BINARY

    def serialize(self, value: str) -> bytes:
        return bytes.fromhex(value)

    def deserialize(self, value: bytes) -> str:
        return value.hex()


class StateItem(Model):
    """STATE. Amounts in microcents, times in epoch milliseconds; absent what there is none of."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=STATE_SK)
    available = IntegerAttribute()
    held = IntegerAttribute()
    funded = IntegerAttribute()
    spent = IntegerAttribute()
    expired = IntegerAttribute()
    overdraft_limit = IntegerAttribute()
    grants = GrantsAttribute()
    seq = IntegerAttribute()
    head_hash = HashAttribute()
    next_hold_expiry = IntegerAttribute(null=True)
    open_holds = IntegerAttribute(null=True)
    carry = IntegerAttribute(null=True)
    policy_seq = IntegerAttribute(null=True)
    schema = IntegerAttribute()

    @classmethod
    def of(cls, state: AccountState) -> "StateItem":
        return cls(
            account_pk(state.account),
            available=state.available,
            held=state.held,
            funded=state.funded,
            spent=state.spent,
            expired=state.expired,
            overdraft_limit=state.overdraft_limit,
            grants=state.grants,
            seq=state.seq,
            head_hash=state.head_hash,
            next_hold_expiry=state.next_hold_expiry_ms,
            open_holds=state.open_holds or None,
            carry=state.carry or None,
            policy_seq=state.policy_seq or None,
            schema=SCHEMA_VERSION,
        )

    def state_of(self, account: Account) -> AccountState:
        """Without its policy. Raises ValueError for a state that another version of the ledger wrote."""
        if self.schema != SCHEMA_VERSION:
            raise ValueError(f"a state of schema {self.schema}, not {SCHEMA_VERSION}")
        return AccountState(
            account=account,
            available=self.available,
            held=self.held,
            funded=self.funded,
            spent=self.spent,
            expired=self.expired,
            overdraft_limit=self.overdraft_limit,
            grants=self.grants,
            seq=self.seq,
            head_hash=self.head_hash,
            next_hold_expiry_ms=self.next_hold_expiry,
            open_holds=self.open_holds or 0,
            carry=self.carry or 0,
            policy_seq=self.policy_seq or 0,
        )


class BegunItem(Model):
    """BEGUN. That the account has an entry 1; it is there or not, and says no more."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=BEGUN_SK)

    @classmethod
    def of(cls, account: Account, _: Begun) -> "BegunItem":
        return cls(account_pk(account))

    @property
    def begun(self) -> Begun:
        return Begun()


class PolicyItem(Model):
    """POLICY. `policy` is its canonical JSON, `seq` that of the entry that last changed it."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=POLICY_SK)
    seq = IntegerAttribute()
    policy = UnicodeAttribute()

    @classmethod
    def of(cls, account: Account, policy: Policy) -> "PolicyItem":
        return cls(account_pk(account), seq=policy.seq, policy=canonical_json(policy_values(policy)))

    @property
    def value(self) -> Policy:
        """Raises ValueError, KeyError or TypeError where the text is no policy."""
        return policy_from(json.loads(self.policy))


class EntriesBySeq(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # the base has an untyped hook
    """An account's entries in order. Only entries have `entry_seq`, so nothing else is in it."""

    class Meta:
        index_name = ENTRIES_BY_SEQ
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True)
    entry_seq = IntegerAttribute(range_key=True)


class EntryItem(Model):
    """OP#<key>. `record` is the text that `hash` covers and all there is to an entry; the others are for filters."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    entry_seq = IntegerAttribute()
    kind = UnicodeAttribute()
    outcome = UnicodeAttribute()
    amount = IntegerAttribute()
    at_ms = IntegerAttribute()
    record = UnicodeAttribute()
    hash = UnicodeAttribute()
    by_seq = EntriesBySeq()

    @classmethod
    def of(cls, entry: Entry) -> "EntryItem":
        return cls(
            account_pk(entry.account),
            entry_sk(entry.key),
            entry_seq=entry.seq,
            kind=entry.kind,
            outcome=entry.outcome,
            amount=entry.amount,
            at_ms=entry.at_ms,
            record=record_of(entry),
            hash=entry.hash,
        )

    @property
    def entry(self) -> Entry:
        """Raises ValueError, KeyError or TypeError where the record is none."""
        return entry_from_record(self.record, self.hash)


class OpenHolds(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # the base has an untyped hook
    """An account's open holds by expiry. Only a hold that is open has `open_until`, so nothing else is in it."""

    class Meta:
        index_name = OPEN_HOLDS
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True)
    open_until = IntegerAttribute(range_key=True)


class HoldItem(Model):
    """HOLD#<id>. Amounts in microcents; `seq` is that of the entry that last changed it."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    hold_id = UnicodeAttribute()
    amount = IntegerAttribute()
    captured = IntegerAttribute()
    status = UnicodeAttribute()
    expires_at_ms = IntegerAttribute()
    open_until = IntegerAttribute(null=True)
    drawn = DrawsAttribute()
    seq = IntegerAttribute()
    app = UnicodeAttribute(null=True)
    meter = UnicodeAttribute(null=True)
    parent = UnicodeAttribute(null=True)
    parent_hold = UnicodeAttribute(null=True)
    member = UnicodeAttribute(null=True)
    rate_card = UnicodeAttribute(null=True)
    priced_model = UnicodeAttribute(null=True)
    priced_at_ms = IntegerAttribute(null=True)
    open_holds = OpenHolds()

    @classmethod
    def of(cls, account: Account, hold: Hold) -> "HoldItem":
        return cls(
            account_pk(account),
            hold_sk(hold.id),
            hold_id=hold.id,
            amount=hold.amount,
            captured=hold.captured,
            status=hold.status,
            expires_at_ms=hold.expires_at_ms,
            open_until=hold.expires_at_ms if hold.status == "open" else None,
            drawn=hold.drawn,
            seq=hold.seq,
            app=hold.app,
            meter=hold.meter,
            parent=hold.parent and hold.parent[0],
            parent_hold=hold.parent and hold.parent[1],
            member=hold.member,
            rate_card=hold.price and hold.price.rate_card,
            priced_model=hold.price and hold.price.model,
            priced_at_ms=hold.price and hold.price.at_ms,
        )

    @property
    def hold(self) -> Hold:
        return Hold(
            id=self.hold_id,
            amount=self.amount,
            captured=self.captured,
            status=cast("HoldStatus", self.status),
            expires_at_ms=self.expires_at_ms,
            drawn=self.drawn,
            seq=self.seq,
            app=self.app,
            meter=self.meter,
            parent=(self.parent, self.parent_hold) if self.parent else None,
            member=self.member,
            price=HeldPrice(self.rate_card, self.priced_model, self.priced_at_ms) if self.rate_card else None,
        )


class TallyItem(Model):
    """REFUND#<key of the charge>. `seq` is that of the entry of the last refund."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    charge_key = UnicodeAttribute()
    refunded = IntegerAttribute()
    seq = IntegerAttribute()

    @classmethod
    def of(cls, account: Account, tally: RefundTally) -> "TallyItem":
        return cls(
            account_pk(account),
            tally_sk(tally.charge_key),
            charge_key=tally.charge_key,
            refunded=tally.refunded,
            seq=tally.seq,
        )

    @property
    def tally(self) -> RefundTally:
        return RefundTally(self.charge_key, self.refunded, self.seq)


class AnyItem(Model):
    """The table itself: its key and its indexes, as the template declares them."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    entry_seq = IntegerAttribute(null=True)
    open_until = IntegerAttribute(null=True)
    by_seq = EntriesBySeq()
    open_holds = OpenHolds()


class AuditItem(Model):
    """A row of the audit table: the copy of an entry (`seq` to `hash`), or a check (`detail`)."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    event_id = UnicodeAttribute()
    seq = IntegerAttribute(null=True)
    kind = UnicodeAttribute(null=True)
    outcome = UnicodeAttribute(null=True)
    amount = IntegerAttribute(null=True)
    at_ms = IntegerAttribute(null=True)
    record = UnicodeAttribute(null=True)
    hash = UnicodeAttribute(null=True)
    detail = UnicodeAttribute(null=True)

    @classmethod
    def of(cls, entry: Entry, event_id: str) -> "AuditItem":
        return cls(
            account_pk(entry.account),
            audit_entry_sk(entry.seq),
            event_id=event_id,
            seq=entry.seq,
            kind=entry.kind,
            outcome=entry.outcome,
            amount=entry.amount,
            at_ms=entry.at_ms,
            record=record_of(entry),
            hash=entry.hash,
        )

    @property
    def entry(self) -> Entry:
        """Raises ValueError, KeyError or TypeError where the row is no copy of an entry."""
        return entry_from_record(self.record, self.hash)


def is_entry_sk(sk: str) -> bool:
    return sk.startswith(_ENTRY_PREFIX)


def is_hold_sk(sk: str) -> bool:
    return sk.startswith(_HOLD_PREFIX)


def is_tally_sk(sk: str) -> bool:
    return sk.startswith(_TALLY_PREFIX)


@dataclass(frozen=True)
class LedgerTable:
    """The models bound to one table, and the connection that they share."""

    whole: type[AnyItem]
    begun: type[BegunItem]
    states: type[StateItem]
    entries: type[EntryItem]
    holds: type[HoldItem]
    tallies: type[TallyItem]
    policies: type[PolicyItem]
    connection: Connection


def ledger_table(table_name: str, *, region: str | None = None, host: str | None = None) -> LedgerTable:
    """`region` and `host` are found as every AWS SDK finds them where they are not given."""
    whole = _bound(AnyItem, table_name, region, host)
    entries = _bound(EntryItem, table_name, region, host)
    begun = _bound(BegunItem, table_name, region, host)
    states = _bound(StateItem, table_name, region, host)
    holds = _bound(HoldItem, table_name, region, host)
    tallies = _bound(TallyItem, table_name, region, host)
    policies = _bound(PolicyItem, table_name, region, host)
    # One client for all: each would cost its own time at cold start and its own connections.
    for model in (begun, states, entries, holds, tallies, policies):
        model._connection = whole._get_connection()  # noqa: SLF001 - PynamoDB has no public way to share or reach it
    return LedgerTable(whole, begun, states, entries, holds, tallies, policies, _guarded(whole))


def audit_table(table_name: str, *, region: str | None = None, host: str | None = None) -> type[AuditItem]:
    """As `ledger_table`."""
    items = _bound(AuditItem, table_name, region, host)
    _guarded(items)
    return items


def _bound(model: type[_Model], table_name: str, region: str | None, host: str | None) -> type[_Model]:
    # Whoever calls retries: the protocol knows what is safe to send again and how much time is left, an SDK does not.
    meta = {
        "table_name": table_name,
        "region": region,
        "host": host,
        "connect_timeout_seconds": CONNECT_TIMEOUT_S,
        "read_timeout_seconds": READ_TIMEOUT_S,
        "max_retry_attempts": 0,
        "max_pool_connections": CONNECTIONS_MAX,
    }
    body = {"Meta": type("Meta", (), meta), "__module__": model.__module__}
    return cast("type[_Model]", new_class(model.__name__, (model,), exec_body=lambda names: names.update(body)))


def _guarded(model: type[Model]) -> Connection:
    connection = model._get_connection().connection  # noqa: SLF001 - PynamoDB has no public way to share or reach it
    connection.client.meta.events.register("before-parse.dynamodb", _refuse_damaged_answer)
    return connection


def _refuse_damaged_answer(response_dict: dict[str, Any], **_: object) -> None:
    """Without retries botocore takes an answer that fails DynamoDB's checksum, and reads no JSON as an empty answer.

    To a read that would mean: there is no such account. Raises an error that means: no answer.
    """
    body, checksum = response_dict["body"], response_dict["headers"].get("x-amz-crc32")
    if response_dict["status_code"] >= _SERVER_ERROR:
        return
    computed = str(zlib.crc32(body))
    if checksum not in {None, computed}:
        raise ChecksumError(checksum_type="crc32", expected_checksum=checksum, actual_checksum=computed)
    if not _is_json_object(body):
        raise ResponseParserError("the answer is not a JSON object")


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _numbers_of(grant: Grant) -> tuple[int, ...]:
    expires_at_ms = _NEVER if grant.expires_at_ms is None else grant.expires_at_ms
    category = _CATEGORIES.index(grant.category)
    return grant.seq, grant.amount, grant.remaining, grant.priority, category, expires_at_ms


def _grant_of(seq: int, amount: int, remaining: int, priority: int, category: int, expires_at_ms: int) -> Grant:
    expires = None if expires_at_ms == _NEVER else expires_at_ms
    return Grant(seq, amount, remaining, priority, _CATEGORIES[category], expires)


def _numbers_of_draw(draw: Draw) -> tuple[int, ...]:
    expires_at_ms = _NEVER if draw.expires_at_ms is None else draw.expires_at_ms
    return draw.grant_seq, draw.amount, draw.priority, _CATEGORIES.index(draw.category), expires_at_ms


def _draw_of(grant_seq: int, amount: int, priority: int, category: int, expires_at_ms: int) -> Draw:
    expires = None if expires_at_ms == _NEVER else expires_at_ms
    return Draw(grant_seq, amount, priority, _CATEGORIES[category], expires)


def _varint(number: int) -> bytes:
    """LEB128 with zigzag, as Protocol Buffers' sint: seven bits a byte, lowest first, the sign in the lowest bit."""
    rest = number * 2 if number >= 0 else -number * 2 - 1
    packed = bytearray()
    while rest > 0x7F:  # noqa: PLR2004
        packed.append(rest & 0x7F | 0x80)
        rest >>= 7
    packed.append(rest)
    return bytes(packed)


def _varints(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte <= 0x7F:  # noqa: PLR2004
            yield (number >> 1) ^ -(number & 1)
            number = shift = 0
    if shift:
        raise ValueError("the last number is cut off")

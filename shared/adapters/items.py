"""The tables: their items, models and connections.

Ledger table, every item of an account under one pk:

    sk = BEGUN        put with the first entry, never replaced or deleted: tells a lost STATE from a new account;
                      listed by the index `accounts`
    sk = STATE        the state that decides the next operation; at most 1 KB, so that replacing it costs one unit
    sk = OP#<key>     an entry; written once, never changed; listed by the index `entries-by-seq`
    sk = HOLD#<id>    a hold; replaced when it ends; while it is open listed by the index `open-holds`
    sk = REFUND#<key> the refunded amount of a charge
    sk = POLICY       the account's policy, if it has one

Audit table, the same pk:

    sk = SEQ#<seq>                         the copy of an entry
    sk = CHECK#<occurred_at>#<check_id>    a check
"""

import json
from typing import Any, Final, cast

from shared.adapters.attributes import DrawsAttribute, GrantsAttribute, HashAttribute, IntegerAttribute, RecordAttribute
from shared.adapters.connection import bound_to, wired
from shared.adapters.keys import (
    BEGUN_SK,
    POLICY_SK,
    STATE_SK,
    account_pk,
    audit_entry_sk,
    entry_sk,
    hold_sk,
    list_of,
    tally_sk,
)
from shared.adapters.plain_items import PlainItem
from shared.adapters.pynamo import (
    AllProjection,
    Connection,
    GlobalSecondaryIndex,
    KeysOnlyProjection,
    UnicodeAttribute,
)
from shared.adapters.stored_records import stored, text_of
from shared.ledger.accounts import SCHEMA_VERSION, Account, AccountState, Begun
from shared.ledger.canonical import canonical_json
from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.holds import HeldPrice, Hold, HoldStatus, RefundTally
from shared.ledger.policies import Policy, policy_from, policy_values
from shared.ledger.records import entry_from_record, record_of

ENTRIES_BY_SEQ: Final = "entries-by-seq"
OPEN_HOLDS: Final = "open-holds"
ACCOUNTS: Final = "accounts"


class StateItem(PlainItem):
    """STATE. Amounts in microcents, times in epoch milliseconds; attributes without a value are absent."""

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
    at = IntegerAttribute(null=True)  # with a longer name the largest state would be more than 1 KB
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
            at=state.updated_at_ms,
            schema=SCHEMA_VERSION,
        )

    def state_of(self, account: Account) -> AccountState:
        """The state without its policy. Raises ValueError for a state that another version of the ledger wrote."""
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
            updated_at_ms=self.at,
        )


class Accounts(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # the base has an untyped hook
    """The accounts of a tenant by name. Only the marks that accounts have begun are listed, and they never change."""

    class Meta:
        index_name = ACCOUNTS
        projection = KeysOnlyProjection()

    listed_in = UnicodeAttribute(hash_key=True)
    pk = UnicodeAttribute(range_key=True)


class BegunItem(PlainItem):
    """BEGUN. It marks that the account has an entry 1, and names the list of accounts that it is in."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=BEGUN_SK)
    listed_in = UnicodeAttribute(null=True)
    accounts = Accounts()

    @classmethod
    def of(cls, account: Account, begun: Begun) -> "BegunItem":
        return cls(account_pk(account), listed_in=list_of(account) if begun.is_listed else None)

    @property
    def begun(self) -> Begun:
        return Begun(is_listed=self.listed_in is not None)


class PolicyItem(PlainItem):
    """POLICY. `policy` is its canonical JSON, `seq` the entry that last changed it."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=POLICY_SK)
    seq = IntegerAttribute()
    policy = UnicodeAttribute()

    @classmethod
    def of(cls, account: Account, policy: Policy) -> "PolicyItem":
        return cls(account_pk(account), seq=policy.seq, policy=canonical_json(policy_values(policy)))

    @property
    def value(self) -> Policy:
        """Raises ValueError, KeyError or TypeError if the text is not a policy."""
        return policy_from(json.loads(self.policy))


class EntriesBySeq(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # the base has an untyped hook
    """The entries of an account in order. Only entries have `entry_seq`, so the index holds no other items."""

    class Meta:
        index_name = ENTRIES_BY_SEQ
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True)
    entry_seq = IntegerAttribute(range_key=True)


class EntryItem(PlainItem):
    """OP#<key>.

    `record` is the text that `hash` covers, deflated; it contains the whole entry. The other attributes serve filters,
    and people who look at the table.
    """

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    entry_seq = IntegerAttribute()
    kind = UnicodeAttribute()
    outcome = UnicodeAttribute()
    amount = IntegerAttribute()
    at_ms = IntegerAttribute()
    record = RecordAttribute()
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
            record=stored(record_of(entry)),
            hash=entry.hash,
        )

    @property
    def entry(self) -> Entry:
        """Raises ValueError, KeyError or TypeError if the record is not an entry."""
        return entry_from_record(text_of(self.record), self.hash)


class OpenHolds(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # the base has an untyped hook
    """The open holds of an account by expiry. Only open holds have `open_until`, so the index holds no other items."""

    class Meta:
        index_name = OPEN_HOLDS
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True)
    open_until = IntegerAttribute(range_key=True)


class HoldItem(PlainItem):
    """HOLD#<id>. Amounts in microcents; `seq` is the entry that last changed it."""

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
    adjustment = UnicodeAttribute(null=True)
    service_tier = UnicodeAttribute(null=True)
    model = UnicodeAttribute(null=True)
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
            adjustment=hold.price and hold.price.adjustment,
            service_tier=hold.price and hold.price.service_tier,
            model=hold.model,
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
            price=self._price,
            model=self.model,
        )

    @property
    def _price(self) -> HeldPrice | None:
        if not self.rate_card:
            return None
        return HeldPrice(self.rate_card, self.priced_model, self.priced_at_ms, self.adjustment, self.service_tier)


class TallyItem(PlainItem):
    """REFUND#<key of the charge>. `seq` is the entry of the last refund."""

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


class AnyItem(PlainItem):
    """The table itself: its key and its indexes, as the template declares them."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    entry_seq = IntegerAttribute(null=True)
    open_until = IntegerAttribute(null=True)
    listed_in = UnicodeAttribute(null=True)
    by_seq = EntriesBySeq()
    open_holds = OpenHolds()
    accounts = Accounts()


class AuditItem(PlainItem):
    """A row of the audit table: the copy of an entry (`seq` to `hash`), or a check (`detail`)."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    event_id = UnicodeAttribute()
    seq = IntegerAttribute(null=True)
    kind = UnicodeAttribute(null=True)
    outcome = UnicodeAttribute(null=True)
    amount = IntegerAttribute(null=True)
    at_ms = IntegerAttribute(null=True)
    record = RecordAttribute(null=True)
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
            record=stored(record_of(entry)),
            hash=entry.hash,
        )

    @property
    def entry(self) -> Entry:
        """Raises ValueError, KeyError or TypeError if the row is not a copy of an entry."""
        return entry_from_record(text_of(self.record), self.hash)


@dataclass(frozen=True, slots=True)
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


def ledger_table(table_name: str, region: str | None = None, host: str | None = None) -> LedgerTable:
    """`region` and `host` default to those of the AWS SDK's configuration."""
    whole = bound_to(AnyItem, table_name, region, host)
    entries = bound_to(EntryItem, table_name, region, host)
    begun = bound_to(BegunItem, table_name, region, host)
    states = bound_to(StateItem, table_name, region, host)
    holds = bound_to(HoldItem, table_name, region, host)
    tallies = bound_to(TallyItem, table_name, region, host)
    policies = bound_to(PolicyItem, table_name, region, host)
    # One client for all models: each client would add its own cold-start time and its own connections.
    for model in (begun, states, entries, holds, tallies, policies):
        model._connection = whole._get_connection()  # noqa: SLF001 - PynamoDB has no public way to share or reach it
    return LedgerTable(whole, begun, states, entries, holds, tallies, policies, wired(whole))


def audit_table(table_name: str, region: str | None = None, host: str | None = None) -> type[AuditItem]:
    """Defaults as for `ledger_table`."""
    items = bound_to(AuditItem, table_name, region, host)
    wired(items)
    return items

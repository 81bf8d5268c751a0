"""Does everything add up? Replays the whole ledger and compares it with the stored states and the audit table."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mypy_boto3_dynamodb import DynamoDBClient

from local.aws import Aws
from local.deploy import Stack
from shared.adapters.items import AuditItem, EntryItem, PolicyItem, StateItem
from shared.adapters.keys import POLICY_SK, STATE_SK, entry_sk, is_entry_sk
from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.policies import Policy
from shared.verification.accounts import Finding, compare_audit, drift_microcents, verify_account

STANDSTILL_S: Final = 210
"""Without one new audit row in all that time, none will come: an event that failed once comes again after 180 s."""
POLL_INTERVAL_S: Final = 1
SK_OF_ENTRY: Final = entry_sk("")
SK_OF_AUDITED_ENTRY: Final = "SEQ#"
PARTITION_KEY: Final = re.compile(r"TENANT#(?P<tenant>[^#]+)#ACTOR#(?P<actor>[^#]+)")

Item = Mapping[str, Any]


@dataclass
class Books:
    """What the tables hold of one account."""

    stored: AccountState | None = None
    policy: Policy | None = None
    entries: list[Entry] = field(default_factory=list)
    audited: list[Entry] = field(default_factory=list)

    @property
    def state(self) -> AccountState | None:
        """With the policy, which has an item of its own."""
        return None if self.stored is None else replace(self.stored, policy=self.policy)


@dataclass(frozen=True)
class Reconciliation:
    """Of all accounts. `drift_microcents` is by how much states differ from their rows, plus one for each row that the
    audit table lacks."""

    accounts: int
    ledger_rows: int
    audit_rows: int
    drift_microcents: int
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return not self.findings and self.drift_microcents == 0 and self.ledger_rows == self.audit_rows


class Tables:
    """The two tables as the deployer may read them: whole."""

    def __init__(self, aws: Aws, stack: Stack) -> None:
        self._dynamodb: DynamoDBClient = aws.session.client("dynamodb", endpoint_url=aws.url)
        self._ledger = stack.outputs["LedgerTableName"]
        self._audit = stack.outputs["AuditTableName"]

    def outcomes(self) -> dict[tuple[str, str], str]:
        """What is recorded: the outcome by actor and key."""
        return {
            (_account(item).actor, item["sk"]["S"].removeprefix(SK_OF_ENTRY)): item["outcome"]["S"]
            for item in self.ledger_items()
            if is_entry_sk(item["sk"]["S"])
        }

    def ledger_items(self) -> Iterator[Item]:
        return self._scan(self._ledger)

    def audit_items(self) -> Iterator[Item]:
        return (item for item in self._scan(self._audit) if item["sk"]["S"].startswith(SK_OF_AUDITED_ENTRY))

    def _scan(self, table: str) -> Iterator[Item]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]


def reconcile(tables: Tables) -> Reconciliation:
    """Reads both tables whole. Nothing may be charged meanwhile, or rows seem to be missing."""
    books = _books(tables)
    return Reconciliation(
        accounts=len(books),
        ledger_rows=sum(len(account_books.entries) for account_books in books.values()),
        audit_rows=sum(len(account_books.audited) for account_books in books.values()),
        drift_microcents=sum(_drift(account, account_books) for account, account_books in books.items()),
        findings=tuple(finding for account, of_it in books.items() for finding in _findings(account, of_it)),
    )


def reconcile_when_caught_up(
    tables: Tables, now_s: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Reconciliation:
    """Gives the audit table time to catch up, as long as rows keep coming in."""
    expected = sum(is_entry_sk(item["sk"]["S"]) for item in tables.ledger_items())
    moved_at = now_s()
    rows = -1
    while now_s() - moved_at < STANDSTILL_S:
        counted = sum(1 for _ in tables.audit_items())
        if counted >= expected:
            break
        if counted != rows:
            rows, moved_at = counted, now_s()
        sleep(POLL_INTERVAL_S)
    return reconcile(tables)


def _books(tables: Tables) -> Mapping[Account, Books]:
    books: defaultdict[Account, Books] = defaultdict(Books)
    for item in tables.ledger_items():
        sk = item["sk"]["S"]
        if sk == STATE_SK:
            account = _account(item)
            books[account].stored = _model(StateItem, item).state_of(account)
        elif sk == POLICY_SK:
            books[_account(item)].policy = _model(PolicyItem, item).value
        elif is_entry_sk(sk):
            books[_account(item)].entries.append(_model(EntryItem, item).entry)
    for item in tables.audit_items():
        books[_account(item)].audited.append(_model(AuditItem, item).entry)
    for of_it in books.values():
        of_it.entries.sort(key=lambda entry: entry.seq)
    return books


def _model(kind: Any, item: Item) -> Any:  # noqa: ANN401 - PynamoDB's models are typed by what they are bound to
    return kind.from_raw_data(item)


def _account(item: Item) -> Account:
    named = PARTITION_KEY.fullmatch(item["pk"]["S"])
    if named is None:
        raise ValueError(f"no account has the partition key {item['pk']['S']!r}")
    return Account(named["tenant"], named["actor"])


def _drift(account: Account, books: Books) -> int:
    missing = compare_audit(account, books.entries, books.audited).missing
    return drift_microcents(account, books.entries, books.state) + len(missing)


def _findings(account: Account, books: Books) -> Iterator[Finding]:
    yield from verify_account(account, books.entries, books.state)
    yield from compare_audit(account, books.entries, books.audited).findings

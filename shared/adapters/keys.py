"""Keys: the names of accounts, entries, holds and audit rows in the tables. Only this module spells them."""

from typing import Final
from zlib import crc32

from shared.ledger.accounts import Account

STATE_SK: Final = "STATE"
BEGUN_SK: Final = "BEGUN"
POLICY_SK: Final = "POLICY"
_TENANT: Final = "TENANT#"
_ACTOR: Final = "#ACTOR#"
_RATES: Final = "#RATES"
_ACTIVITY: Final = "#ACTIVITY#"
_ACCOUNTS: Final = "#ACCOUNTS#"
LISTS_OF_A_TENANT: Final = 4
"""Over how many partitions of the index a tenant's accounts are spread: each takes a thousand new accounts a second."""
_BEFORE_EVERY_NEXT: Final = "!"
_AFTER_EVERY_ID: Final = "~"
"""The first character of ids in the order of text, and the first after all of them."""
_ENTRY_PREFIX: Final = "OP#"
_HOLD_PREFIX: Final = "HOLD#"
_TALLY_PREFIX: Final = "REFUND#"
AUDIT_ENTRY_PREFIX: Final = "SEQ#"
_SEQ_DIGITS: Final = 12
SEQ_MAX: Final = 10**_SEQ_DIGITS - 1


def account_pk(account: Account) -> str:
    """The partition of an account. Ids contain no "#", so no two accounts share a partition."""
    return f"{_TENANT}{account.tenant}{_ACTOR}{account.actor}"


def account_of(pk: str) -> Account | None:
    """The account of a partition; None if the partition belongs to no account."""
    tenant, _, actor = pk.removeprefix(_TENANT).partition(_ACTOR)
    account = Account(tenant, actor)
    return account if tenant and actor and account_pk(account) == pk else None


def list_of(account: Account) -> str:
    """The partition of the index of accounts that lists the account."""
    return _list(account.tenant, crc32(account.actor.encode()) % LISTS_OF_A_TENANT)


def lists_of(tenant: str) -> tuple[str, ...]:
    """The partitions of the index that together list a tenant's accounts."""
    return tuple(_list(tenant, number) for number in range(LISTS_OF_A_TENANT))


def _list(tenant: str, number: int) -> str:
    return f"{_TENANT}{tenant}{_ACCOUNTS}{number}"


def account_pks(tenant: str, prefix: str, after: str | None) -> tuple[str, str]:
    """The first and the last possible partition of actors whose names begin with `prefix` and come after `after`."""
    first = account_pk(Account(tenant, prefix))
    if after is not None:
        first = max(first, account_pk(Account(tenant, after)) + _BEFORE_EVERY_NEXT)
    return first, account_pk(Account(tenant, prefix)) + _AFTER_EVERY_ID


def rates_pk(tenant: str) -> str:
    """The partition of a tenant's rate cards."""
    return f"{_TENANT}{tenant}{_RATES}"


def is_rates_pk(pk: str) -> bool:
    tenant = pk.removeprefix(_TENANT).removesuffix(_RATES)
    return bool(tenant) and "#" not in tenant and rates_pk(tenant) == pk


def activity_pk(tenant: str, shard: int) -> str:
    """The partition of a shard of a tenant's feed."""
    return f"{_TENANT}{tenant}{_ACTIVITY}{shard}"


def accounts_prefix(tenant: str) -> str:
    """How the partitions of all accounts of a tenant begin."""
    return f"{_TENANT}{tenant}{_ACTOR}"


def entry_sk(key: str) -> str:
    return f"{_ENTRY_PREFIX}{key}"


def hold_sk(hold_id: str) -> str:
    return f"{_HOLD_PREFIX}{hold_id}"


def tally_sk(charge_key: str) -> str:
    return f"{_TALLY_PREFIX}{charge_key}"


def audit_entry_sk(seq: int) -> str:
    """The seq is padded, so that text order is number order."""
    return f"{AUDIT_ENTRY_PREFIX}{seq:0{_SEQ_DIGITS}d}"


def is_audit_entry_sk(sk: str) -> bool:
    return sk.startswith(AUDIT_ENTRY_PREFIX)


def audited_seq(sk: str) -> int:
    """The inverse of `audit_entry_sk`."""
    return int(sk.removeprefix(AUDIT_ENTRY_PREFIX))


def audit_check_sk(occurred_at: str, check_id: str) -> str:
    return f"CHECK#{occurred_at}#{check_id}"


def is_entry_sk(sk: str) -> bool:
    return sk.startswith(_ENTRY_PREFIX)


def is_hold_sk(sk: str) -> bool:
    return sk.startswith(_HOLD_PREFIX)


def is_tally_sk(sk: str) -> bool:
    return sk.startswith(_TALLY_PREFIX)

"""An account and its state: available, held, funded and spent credits, and the grants that they came from."""

from dataclasses import field
from typing import Final

from shared.ledger.frozen import dataclass
from shared.ledger.grants import Grant
from shared.ledger.policies import Policy

GENESIS_HASH: Final = "0" * 64
SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays (`actor`) within which `tenant`. The tenant comes from the caller's identity, never from a body."""

    tenant: str
    actor: str


@dataclass(frozen=True, slots=True)
class Begun:
    """Marks that the account has begun: written with its entry 1 and never deleted.

    `is_listed`: the account is in the index of the tenant's accounts. An older release made marks that are not.
    """

    seq: int = 1
    is_listed: bool = True


@dataclass(frozen=True, slots=True)
class Balances:
    """Microcents. available + held + spent + expired = funded."""

    available: int
    held: int
    funded: int
    spent: int


@dataclass(frozen=True, slots=True)
class AccountState:
    """Everything that decides the next operation. Amounts in microcents.

    `grants` is in draw-down order; the sum of their remaining amounts is max(available, 0). `seq` and `head_hash` are
    those of the account's newest entry; the state of an account without entries has seq 0. `open_holds` counts the
    holds that have not ended. `carry` is the collected remainders of priced usage, in quanta of remainders.py. `policy`
    is stored in an item of its own; `policy_seq` is its seq, 0 if there is none.

    `next_hold_expiry_ms` says when to look for expired holds: no open hold expires before it. It is a lower bound and
    not on the record, since only reading the holds shows the next expiry after one was captured. So it does not count
    when two states are compared; verification compares it with the holds.

    `updated_at_ms` is the time of the newest entry; None in a state that an older release wrote. It decides how long a
    request pauses and nothing that is recorded, so it does not count either; verification compares it with the entry.
    """

    account: Account
    available: int = 0
    held: int = 0
    funded: int = 0
    spent: int = 0
    expired: int = 0
    overdraft_limit: int = 0
    grants: tuple[Grant, ...] = ()
    seq: int = 0
    head_hash: str = GENESIS_HASH
    next_hold_expiry_ms: int | None = field(default=None, compare=False)
    open_holds: int = 0
    carry: int = 0
    policy_seq: int = 0
    updated_at_ms: int | None = field(default=None, compare=False)
    policy: Policy | None = None

    @property
    def has_its_policy(self) -> bool:
        """Whether `policy` is the version that belongs to this state."""
        return self.policy_seq == (self.policy.seq if self.policy else 0)

    @property
    def balances(self) -> Balances:
        return Balances(self.available, self.held, self.funded, self.spent)

    @property
    def is_frozen(self) -> bool:
        return self.policy is not None and self.policy.status == "frozen"

    @property
    def is_low(self) -> bool:
        """Whether it is below a threshold, as an entry would warn of it."""
        return bool(self.thresholds_above)

    @property
    def thresholds_above(self) -> tuple[int, ...]:
        """The low-balance thresholds that available and held together are below, the highest first.

        Held credits count as present, since most of them return.
        """
        there = self.available + self.held
        return tuple(each.amount for each in self.policy.thresholds if there < each.amount) if self.policy else ()

    @property
    def spendable(self) -> int:
        """The most that an enforced charge may take: available plus the overdraft limit.

        Negative after a forced overdraft.
        """
        return self.available + self.overdraft_limit

    @property
    def next_expiry_ms(self) -> int | None:
        """When the first open grant expires."""
        return min([grant.expires_at_ms for grant in self.grants if grant.expires_at_ms is not None], default=None)

"""An account and its state: what is available, held, funded and spent, and the grants that the credits came from."""

from dataclasses import dataclass, field
from typing import Final

from shared.ledger.grants import Grant
from shared.ledger.policies import Policy

GENESIS_HASH: Final = "0" * 64
SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays (`actor`) within whose system (`tenant`). The tenant comes from the caller's identity, never a body."""

    tenant: str
    actor: str


@dataclass(frozen=True, slots=True)
class Begun:
    """That the account has begun: written with its entry 1, and never taken away."""

    seq: int = 1


@dataclass(frozen=True, slots=True)
class Balances:
    """Microcents. available + held + spent + what expired = funded."""

    available: int
    held: int
    funded: int
    spent: int


@dataclass(frozen=True, slots=True)
class AccountState:
    """Everything that decides the next operation. Amounts in microcents.

    `grants` is sorted in draw-down order; the sum of what remains in them is max(available, 0). `seq` and `head_hash`
    are those of the account's newest entry; the state of an account without entries has seq 0. `open_holds` counts the
    holds that have not ended. `carry` is what usage was worth beyond what it took, in quanta of remainders.py. `policy`
    is kept in an item of its own and has `policy_seq`, 0 where there is none.

    `next_hold_expiry_ms` says when to look for holds that are over: no open hold expires before it. It is a bound and
    no part of the record, since only a look at the holds tells when the next one is over after one was captured. So two
    states are equal whatever it is; verification compares it with the holds.
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
    policy: Policy | None = None

    @property
    def has_its_policy(self) -> bool:
        """Whether `policy` is the one that belongs to this state."""
        return self.policy_seq == (self.policy.seq if self.policy else 0)

    @property
    def balances(self) -> Balances:
        return Balances(self.available, self.held, self.funded, self.spent)

    @property
    def spendable(self) -> int:
        """What an enforced charge may take: available plus the overdraft. Below zero after a forced overdraft."""
        return self.available + self.overdraft_limit

    @property
    def next_expiry_ms(self) -> int | None:
        """The instant at which the first open grant expires."""
        return min([grant.expires_at_ms for grant in self.grants if grant.expires_at_ms is not None], default=None)

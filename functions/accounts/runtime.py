"""The runtime of the accounts function."""

from collections.abc import Callable
from dataclasses import field

from shared.composition.accounts import accounts_of
from shared.composition.ledger import ledger_of
from shared.composition.parts import identity_of
from shared.edge.identity import IdentityRule
from shared.ledger.frozen import dataclass
from shared.ports.accounts import AccountList
from shared.ports.ledger import Ledger
from shared.runtime.clock import epoch_now_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsRuntime:
    observability: Observability
    identity: IdentityRule
    accounts: AccountList
    ledger: Ledger
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


def accounts_runtime() -> AccountsRuntime:
    settings = settings_of("accounts")
    return AccountsRuntime(
        observability=observability(settings),
        identity=identity_of(settings),
        accounts=accounts_of(settings),
        ledger=ledger_of(settings),
    )

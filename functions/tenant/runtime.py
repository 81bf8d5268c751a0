"""The runtime of the tenant function."""

from collections.abc import Callable
from dataclasses import field

from functions.tenant.activity_runtime import ActivityRuntime, activity_runtime
from shared.composition.boards import boards_of
from shared.composition.parts import identity_of
from shared.edge.identity import IdentityRule
from shared.ledger.frozen import dataclass
from shared.ports.boards import BoardStore
from shared.runtime.clock import epoch_now_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRuntime:
    observability: Observability
    identity: IdentityRule
    activity: ActivityRuntime
    boards: BoardStore
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


def tenant_runtime() -> TenantRuntime:
    settings = settings_of("tenant")
    return TenantRuntime(
        observability=observability(settings),
        identity=identity_of(settings),
        boards=boards_of(settings),
        activity=activity_runtime(settings),
    )

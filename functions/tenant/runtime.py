"""The runtime of the tenant function."""

from functions.tenant.activity_runtime import ActivityRuntime, activity_runtime
from shared.composition.parts import tenants_of
from shared.edge.identity import TenantRule
from shared.ledger.frozen import dataclass
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRuntime:
    observability: Observability
    tenants: TenantRule
    activity: ActivityRuntime


def tenant_runtime() -> TenantRuntime:
    settings = settings_of("tenant")
    return TenantRuntime(
        observability=observability(settings), tenants=tenants_of(settings), activity=activity_runtime(settings)
    )

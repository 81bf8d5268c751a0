"""The settings that every function reads."""

from shared.edge.identity import TenantRule
from shared.runtime.settings import Settings


def tenants_of(settings: Settings) -> TenantRule:
    return TenantRule(claim=settings.tenant_claim, default=settings.default_tenant)

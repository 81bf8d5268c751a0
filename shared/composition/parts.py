"""The settings that every function reads."""

from shared.edge.identity import IdentityRule
from shared.runtime.settings import Settings


def identity_of(settings: Settings) -> IdentityRule:
    return IdentityRule(
        tenant_claim=settings.tenant_claim,
        default_tenant=settings.default_tenant,
        operator_claim=settings.operator_claim,
        operator_value=settings.operator_value,
        console_client=settings.console_client,
    )

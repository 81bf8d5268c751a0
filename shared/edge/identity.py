"""The caller, its tenant and its permissions, from the claims of the token that the gateway has verified."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from shared.edge.errors import ActorNotAllowed, InsufficientScope, TenantMissing, Unauthenticated
from shared.ledger.accounts import Account
from shared.ledger.frozen import dataclass
from shared.ledger.ids import REQUIREMENT, is_id

Scope: TypeAlias = Literal["credits/read", "credits/charge", "credits/fund", "credits/admin"]

ADMIN_SCOPE: Final = "credits/admin"
"""The scope that opens every route."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified identity. A service names the actor it acts for; an end user acts for itself."""

    subject: str
    tenant: str
    is_service: bool

    def account_of(self, actor: str) -> Account:
        """The account of `actor` in the caller's tenant. Raises ActorNotAllowed."""
        if not self.is_service and actor != self.subject:
            raise ActorNotAllowed("an end user may act only for its own actor")
        return Account(self.tenant, actor)


@dataclass(frozen=True, slots=True)
class TenantRule:
    """The source of the tenant: this claim, or `default`. The caller is rejected if both are missing."""

    claim: str
    default: str


def caller_of(request_context: Mapping[str, Any], scope: Scope, tenants: TenantRule) -> Caller:
    """The caller, if its token has this scope.

    Raises Unauthenticated, InsufficientScope, TenantMissing or ActorNotAllowed.
    """
    claims = _claims(request_context)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise Unauthenticated("the request has no verified token")
    if not scopes_of(claims) & {scope, ADMIN_SCOPE}:
        raise InsufficientScope(f"the token must have the scope {scope}")
    is_service = _is_service(claims)
    if not is_service and not is_id(subject):
        raise ActorNotAllowed(f"the sub of the token cannot be an actor: it must be {REQUIREMENT}")
    return Caller(subject, _tenant(claims, tenants), is_service)


def scopes_of(claims: Mapping[str, Any]) -> set[str]:
    """The token's scopes: `scope` or `scp`, a list or words. The gateway turns a list into the text "[a b]"."""
    return {word for claim in ("scope", "scp") for word in _words(claims.get(claim))}


def _claims(request_context: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = request_context
    for name in ("authorizer", "jwt", "claims"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _words(claim: object) -> list[str]:
    if isinstance(claim, str):
        return claim.strip("[]").replace(",", " ").split()
    return [word for word in claim if isinstance(word, str)] if isinstance(claim, list) else []


def _is_service(claims: Mapping[str, Any]) -> bool:
    """Whether the token was given to a client itself: its sub is the client's id, or the issuer says so.

    Okta names the client `cid`. Auth0 and Entra ID give clients a sub of their own, and a claim that no user has.
    """
    is_the_client = claims["sub"] in (claims.get("client_id"), claims.get("azp"), claims.get("cid"))
    return is_the_client or claims.get("gty") == "client-credentials" or claims.get("idtyp") == "app"


def _tenant(claims: Mapping[str, Any], tenants: TenantRule) -> str:
    tenant = claims.get(tenants.claim, tenants.default)
    if not is_id(tenant):
        raise TenantMissing("the token has no valid tenant")
    if tenant.startswith("[") and tenant.endswith("]"):
        # The gateway makes the text "[a b]" of a list.
        raise TenantMissing(f"the claim {tenants.claim} must be one tenant, not a list")
    return str(tenant)

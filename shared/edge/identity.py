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
ACT_SCOPE: Final = "credits/act"
"""The scope that lets a token name any actor of its tenant. It opens no route."""
_READ_SCOPE: Final = "credits/read"


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified identity. A service or an operator names the actor it acts for; an end user acts for itself."""

    subject: str
    tenant: str
    may_act_for_others: bool

    def account_of(self, actor: str) -> Account:
        """The account of `actor` in the caller's tenant. Raises ActorNotAllowed."""
        if not self.may_act_for_others and actor != self.subject:
            raise ActorNotAllowed("an end user may act only for its own actor")
        return Account(self.tenant, actor)


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """What the claims of a token mean in this deployment.

    The tenant is that of `tenant_claim`, or `default_tenant`; the caller is rejected if both are missing. Whoever has
    `operator_value` in `operator_claim`, a text or a list, is an operator. `console_client` is the console's client in
    the stack's own user pool, "" if there is none; it gives every person all scopes that the console has use for.
    """

    tenant_claim: str
    default_tenant: str
    operator_claim: str
    operator_value: str
    console_client: str = ""


def caller_of(request_context: Mapping[str, Any], scope: Scope, rule: IdentityRule) -> Caller:
    """The caller, if its token has this scope.

    Raises Unauthenticated, InsufficientScope, TenantMissing or ActorNotAllowed.
    """
    claims = _claims(request_context)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise Unauthenticated("the request has no verified token")
    is_operator = _is_operator(claims, rule)
    if not _usable_scopes(claims, rule, is_operator=is_operator) & {scope, ADMIN_SCOPE}:
        raise InsufficientScope(f"the token must have the scope {scope}")
    may_act = is_operator or ACT_SCOPE in scopes_of(claims) or _is_service(claims)
    if not may_act and not is_id(subject):
        raise ActorNotAllowed(f"the sub of the token cannot be an actor: it must be {REQUIREMENT}")
    return Caller(subject, _tenant(claims, rule), may_act)


def operator_of(request_context: Mapping[str, Any], scope: Scope, rule: IdentityRule) -> Caller:
    """The caller, if it may ask about the whole tenant. Raises as `caller_of` does."""
    caller = caller_of(request_context, scope, rule)
    if not caller.may_act_for_others:
        raise ActorNotAllowed(
            f"the whole tenant is shown to services and operators: the token must have the scope {ACT_SCOPE},"
            f" or {rule.operator_value} in its claim {rule.operator_claim}"
        )
    return caller


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


def _is_operator(claims: Mapping[str, Any], rule: IdentityRule) -> bool:
    claim = claims.get(rule.operator_claim)
    if isinstance(claim, str):
        # A list, as the gateway writes it, has one bracket at each end. A comma may be part of a name.
        claim = claim[1:-1].split() if claim.startswith("[") and claim.endswith("]") else [claim]
    return isinstance(claim, list) and rule.operator_value in claim


def _usable_scopes(claims: Mapping[str, Any], rule: IdentityRule, *, is_operator: bool) -> set[str]:
    """Cognito gives a client's scopes to whoever signs in: those beyond reading are for operators."""
    scopes = scopes_of(claims)
    is_of_the_console = bool(rule.console_client) and claims.get("client_id") == rule.console_client
    return scopes & {_READ_SCOPE} if is_of_the_console and not is_operator else scopes


def _is_service(claims: Mapping[str, Any]) -> bool:
    """Whether the token was given to a client itself: its sub is the client's id, or the issuer says so.

    Okta names the client `cid`. Auth0 and Entra ID give clients a sub of their own, and a claim that no user has.
    """
    is_the_client = claims["sub"] in (claims.get("client_id"), claims.get("azp"), claims.get("cid"))
    return is_the_client or claims.get("gty") == "client-credentials" or claims.get("idtyp") == "app"


def _tenant(claims: Mapping[str, Any], rule: IdentityRule) -> str:
    tenant = claims.get(rule.tenant_claim, rule.default_tenant)
    if not is_id(tenant):
        raise TenantMissing("the token has no valid tenant")
    if tenant.startswith("[") and tenant.endswith("]"):
        # The gateway makes the text "[a b]" of a list.
        raise TenantMissing(f"the claim {rule.tenant_claim} must be one tenant, not a list")
    return str(tenant)

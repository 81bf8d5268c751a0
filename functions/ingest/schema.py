from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from shared.edge.charges import RequestContext, keyed_charge
from shared.edge.errors import EdgeError, FieldError, TenantMissing, ValidationFailed
from shared.edge.exact_json import body_bytes, read_object
from shared.ledger.accounts import Account
from shared.ledger.ids import is_id
from shared.ledger.operations import Operation
from shared.ports.ingest import Message, Rejection
from shared.runtime.settings import IngestTenant
from shared.usecases.take_charges import Request

TENANT_ATTRIBUTE = "tenant"


def requests(event: Mapping[str, Any], default_tenant: str, tenant_from: IngestTenant) -> list[Request]:
    """The messages of a queue event in their order; the body of each is a charge."""
    letters = [_letter(record) for record in event["Records"]]
    return [Request(letter, _asked(letter, default_tenant, tenant_from)) for letter in letters]


def _letter(record: Mapping[str, Any]) -> Message:
    attributes = record["attributes"]
    named = record["messageAttributes"].get(TENANT_ATTRIBUTE)
    return Message(
        id=record["messageId"],
        group=attributes["MessageGroupId"],
        sender=attributes["SenderId"],
        body=record["body"],
        tenant=None if named is None else named.get("stringValue", ""),
    )


def _asked(letter: Message, default_tenant: str, tenant_from: IngestTenant) -> Operation | Rejection:
    try:
        account_of = partial(Account, _tenant(letter, default_tenant, tenant_from))
        document = read_object(body_bytes(letter.body, is_base64=False))
        return keyed_charge(document, account_of, RequestContext(letter.sender, letter.id))
    except ValidationFailed as wrong:
        return Rejection(wrong.code, _sentence(wrong.errors))
    except EdgeError as wrong:
        return Rejection(wrong.code, str(wrong))


def _tenant(letter: Message, default_tenant: str, tenant_from: IngestTenant) -> str:
    """Raises TenantMissing. A message that names a tenant is never charged to another tenant."""
    tenant = default_tenant if letter.tenant is None else letter.tenant
    if not is_id(tenant):
        raise TenantMissing("the message names no valid tenant")
    if tenant != default_tenant and tenant_from == "default":
        raise TenantMissing("the message names a tenant, but IngestTenant does not allow that")
    return tenant


def _sentence(errors: Iterable[FieldError]) -> str:
    return "; ".join(f"{each.path} {each.detail}" for each in errors)

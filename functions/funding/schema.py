from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from shared.edge.mutations import ActorRequest
from shared.edge.validation import Flag, Identifier, Microcents, Note, PositiveMicrocents, Priority, Time, convert
from shared.ledger.grants import DEFAULT_PRIORITY, Category
from shared.ledger.operations import FundingUpdate, GrantCredits, Terms, VoidGrant
from shared.ledger.times import epoch_ms


class FundingUpdateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form that sets the funded total."""

    actor: Identifier
    old_amount: Microcents
    new_amount: Microcents
    force: Flag = False
    reason: Note | None = None

    @property
    def terms(self) -> Terms:
        return FundingUpdate(int(self.old_amount), int(self.new_amount), self.force, self.reason)


class GrantRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form that adds a grant."""

    actor: Identifier
    amount: PositiveMicrocents
    category: Category = "purchased"
    priority: Priority = DEFAULT_PRIORITY
    expires_at: Time | None = None
    reason: Note | None = None

    @property
    def terms(self) -> Terms:
        expires_at_ms = None if self.expires_at is None else epoch_ms(self.expires_at)
        return GrantCredits(int(self.amount), self.category, self.priority, expires_at_ms, self.reason)


class VoidRequest(ActorRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: Note | None = None

    def terms(self, grant: str) -> VoidGrant:
        return VoidGrant(grant, self.reason)


FundingRequest: TypeAlias = FundingUpdateRequest | GrantRequest


def funding_request(document: Mapping[str, Any]) -> FundingRequest:
    """The form that the fields belong to. Raises ValidationFailed, which rejects fields of the other form."""
    if document.keys() & {"old_amount", "new_amount"}:
        return convert(document, FundingUpdateRequest)
    return convert(document, GrantRequest)

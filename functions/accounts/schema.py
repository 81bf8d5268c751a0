from hashlib import sha256
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from shared.edge.cursors import NOT_OF_THIS_LISTING, cursor, place_in
from shared.edge.errors import ValidationFailed
from shared.edge.validation import Cursor, PageLimit
from shared.ledger import ids
from shared.ledger.policies import Status
from shared.usecases.list_accounts import AccountsPage, AccountsWanted, public_account

DEFAULT_ACCOUNTS: Final = 50

_DIGEST_BYTES: Final = 8
Prefix: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"\A{ids.CHARACTER}{{0,{ids.LONGEST}}}\Z",
        description=f"the beginning of an actor's name: {ids.REQUIREMENT.replace('1 to', 'at most')}",
    ),
]


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call without query parameters."""


class AccountsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: PageLimit = PageLimit(DEFAULT_ACCOUNTS)
    after: Cursor | None = None
    prefix: Prefix = ""
    status: Status | None = None
    low: Literal["true", "false"] | None = None

    def wanted(self, tenant: str) -> AccountsWanted:
        """Raises ValidationFailed for a cursor that is not from this listing."""
        return AccountsWanted(
            limit=int(self.limit),
            prefix=self.prefix,
            after=self._name_after(tenant),
            status=self.status,
            is_low=None if self.low is None else self.low == "true",
        )

    def _name_after(self, tenant: str) -> str | None:
        if self.after is None:
            return None
        name = (place_in(self.after) or b"")[_DIGEST_BYTES:].decode("ascii", errors="replace")
        if not ids.is_id(name) or accounts_cursor(tenant, self.prefix, name) != self.after:
            raise ValidationFailed([NOT_OF_THIS_LISTING])
        return name


def accounts_cursor(tenant: str, prefix: str, name: str) -> str:
    """The place after a name, in the listing of this tenant and prefix alone."""
    # No id contains "#".
    listing = sha256(f"{tenant}#{prefix}#{name}".encode()).digest()
    return cursor(listing[:_DIGEST_BYTES] + name.encode())


def accounts_listing(tenant: str, prefix: str, page: AccountsPage) -> dict[str, Any]:
    return {
        "items": [public_account(state) for state in page.items],
        "next": None if page.next_after is None else accounts_cursor(tenant, prefix, page.next_after),
    }

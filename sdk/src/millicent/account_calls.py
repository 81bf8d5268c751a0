"""What belongs to an account: its funding, grants, settings, limits and allowance."""

from collections.abc import Iterable
from datetime import datetime

from millicent.amounts import Amount, wire_text
from millicent.calls import Calls
from millicent.ids import in_path
from millicent.models import Account, Receipt
from millicent.transport import Call
from millicent.wire import (
    NULL,
    Category,
    Interval,
    SpendingLimit,
    Status,
    account_path,
    optional_amount,
    optional_instant,
)


class AccountCalls(Calls):
    """The calls that fund and configure an account, and show it as it is."""

    def account(self, actor: str) -> Account:
        """Raises NotFound for an actor without entries."""
        return self._answer(Call("GET", account_path(actor)), Account)

    def update_funding(
        self,
        actor: str,
        old_amount: Amount,
        new_amount: Amount,
        *,
        reason: str | None = None,
        force: bool = False,
        key: str | None = None,
    ) -> Receipt:
        """Sets the funded total to `new_amount` if it is `old_amount` (0 at first); available changes by the
        difference.

        Raises FundingConflict if it is not, WouldOverdraw if without `force` the account would be overdrawn beyond its
        limit.
        """
        body = {
            "actor": actor,
            "old_amount": wire_text(old_amount),
            "new_amount": wire_text(new_amount),
            "reason": reason,
            "force": True if force else None,
        }
        return self._mutate("/v1/funding", body, key)

    def grant(  # noqa: PLR0913 - one option for each field of the API
        self,
        actor: str,
        amount: Amount,
        *,
        category: Category | None = None,
        priority: int | None = None,
        expires_at: datetime | None = None,
        reason: str | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Adds a grant. `expires_at` needs its offset. Grants with a lower `priority` are spent first."""
        body = {
            "actor": actor,
            "amount": wire_text(amount),
            "category": category,
            "priority": priority,
            "expires_at": optional_instant(expires_at),
            "reason": reason,
        }
        return self._mutate("/v1/funding", body, key)

    def void_grant(self, actor: str, grant: str, *, reason: str | None = None, key: str | None = None) -> Receipt:
        """Takes back the unspent part of a grant. Raises ReferenceNotFound for a grant that is not open."""
        body = {"actor": actor, "reason": reason}
        return self._mutate(f"/v1/grants/{in_path(grant)}/void", body, key)

    def configure(  # noqa: PLR0913 - one option for each field of the API
        self,
        actor: str,
        *,
        overdraft_limit: Amount | None = None,
        low_balance_thresholds: Iterable[Amount] | None = None,
        time_zone: str | None = None,
        status: Status | None = None,
        parent: str | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Changes settings of the account; None leaves a setting unchanged.

        Windows and periods follow the clocks of `time_zone` (an IANA name). With a `parent`, that account pays for the
        account's spending too; `leave` ends it.
        """
        thresholds = low_balance_thresholds
        body = {
            "overdraft_limit": optional_amount(overdraft_limit),
            "low_balance_thresholds": None if thresholds is None else [wire_text(each) for each in thresholds],
            "time_zone": time_zone,
            "status": status,
            "parent": parent,
        }
        return self._mutate(account_path(actor), body, key, "PATCH")

    def freeze(self, actor: str, *, key: str | None = None) -> Receipt:
        """Refuses new spending of the account. Open holds can still be captured."""
        return self.configure(actor, status="frozen", key=key)

    def unfreeze(self, actor: str, *, key: str | None = None) -> Receipt:
        return self.configure(actor, status="open", key=key)

    def join(self, actor: str, parent: str, *, key: str | None = None) -> Receipt:
        """Makes the account a member: its parent pays for its spending too, and the smaller headroom decides."""
        return self.configure(actor, parent=parent, key=key)

    def leave(self, actor: str, *, key: str | None = None) -> Receipt:
        """Ends the membership. Open holds stay with both accounts until they end."""
        return self._mutate(account_path(actor), {"parent": NULL}, key, "PATCH")

    def set_limits(self, actor: str, limits: Iterable[SpendingLimit], *, key: str | None = None) -> Receipt:
        """Replaces all spending limits of the account. A limit that existed before keeps its count."""
        body = {"limits": [limit.wire for limit in limits]}
        return self._mutate(f"{account_path(actor)}/limits", body, key, "PUT")

    def set_allowance(  # noqa: PLR0913 - one option for each field of the API
        self,
        actor: str,
        amount: Amount,
        interval: Interval,
        *,
        priority: int | None = None,
        rollover_minimum: Amount | None = None,
        rollover_maximum: Amount | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Refills `amount` every day, week or month. The first refill comes at once.

        A change of a running allowance applies from the next refill. The rest of a period expires then, except that up
        to `rollover_maximum` is carried over if at least `rollover_minimum` is left.
        """
        body = {
            "amount": wire_text(amount),
            "interval": interval,
            "priority": priority,
            "rollover_minimum": optional_amount(rollover_minimum),
            "rollover_maximum": optional_amount(rollover_maximum),
        }
        return self._mutate(_allowance_path(actor), body, key, "PUT")

    def end_allowance(self, actor: str, *, key: str | None = None) -> Receipt:
        """Ends the refills. The current credits last until their period ends."""
        return self._mutate(_allowance_path(actor), None, key, "DELETE")


def _allowance_path(actor: str) -> str:
    return f"{account_path(actor)}/allowance"

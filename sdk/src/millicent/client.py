"""The client: one method per call of the API."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from importlib.metadata import version
from itertools import count
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias, TypeVar

import httpx
import msgspec

from millicent.amounts import Amount, Dollars, wire_text
from millicent.endpoint import find_endpoint
from millicent.errors import HoldEnded, UnexpectedAnswer
from millicent.ids import in_path
from millicent.keys import new_key
from millicent.models import (
    Account,
    AccountPage,
    ActivityItem,
    ActivityPage,
    Adjustment,
    AdjustmentPage,
    Alerts,
    AuditPage,
    AuditTrail,
    BatchResult,
    BatchResults,
    CheckResult,
    CurrencyPage,
    CurrencyRate,
    Entry,
    EntryPage,
    Health,
    Hold,
    ListedAccount,
    Operation,
    Quote,
    RateCard,
    RatePage,
    Receipt,
    TenantUsagePage,
    UsagePage,
    Verified,
)
from millicent.recent import Recent
from millicent.retry import Clock, RetryPolicy
from millicent.tokens import BearerAuth, Token
from millicent.transport import Call, Params, Transport, is_replayed

if TYPE_CHECKING:
    from millicent.leases.budget import Budget
    from millicent.leases.terms import Record

IfInsufficient: TypeAlias = Literal["refuse", "overdraw", "partial"]
Overrun: TypeAlias = Literal["refuse", "charge", "partial", "overdraw"]
IfExpired: TypeAlias = Literal["refuse", "charge", "overdraw"]
Category: TypeAlias = Literal["purchased", "promotional", "allowance"]
Grouping: TypeAlias = Literal["meter", "app", "model", "member", "day"]
TenantGrouping: TypeAlias = Literal["actor", "meter", "app", "model", "day"]

Status: TypeAlias = Literal["open", "frozen"]
Window: TypeAlias = Literal["hour", "day", "week", "month"]
Interval: TypeAlias = Literal["daily", "weekly", "monthly"]

Wire: TypeAlias = Mapping[str, object]
"""A part of a request in its JSON form."""

Usage: TypeAlias = Mapping[str, object]
"""A meter, a model and quantities: `{"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}`.

Or a provider's report: `{"provider": "openai", "model": response.model, "raw": response.usage.model_dump()}`.
"""

_Answer = TypeVar("_Answer")
_Page = TypeVar("_Page", AccountPage, EntryPage, RatePage, AdjustmentPage, CurrencyPage, AuditPage, ActivityPage)
_NULL: Final = msgspec.Raw(b"null")
"""The value of a member that is sent as null; a member that is None is not sent."""
_USER_AGENT: Final = f"millicent-python/{version('millicent')}"
_MAX_PAGE: Final = 100
_MAX_LINES: Final = 1000
_CSV: Final = "text/csv"
_MAX_BATCH: Final = 1000
MAX_BATCH_BYTES: Final = 256 * 1024 - len('{"charges":[]}')
_KEEP_ALIVE_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCharge:
    """One cost of a batch, or the `usage` that a rate card prices, or `cost_usd`, with its own idempotency key.

    `occurred_at`, with its offset, is the time of the work, as in `Millicent.charge`. With a `hold` it is charged from
    what is left of that hold, which stays open; `overrun` and `if_expired` are those of `Millicent.capture`.
    """

    actor: str
    cost: Amount | None = None
    usage: Usage | None = None
    cost_usd: Dollars | None = None
    occurred_at: datetime | None = None
    if_insufficient: IfInsufficient = "refuse"
    check_id: str | None = None
    app: str | None = None
    meter: str | None = None
    metadata: Mapping[str, Any] | None = None
    hold: str | None = None
    overrun: Overrun | None = None
    if_expired: IfExpired | None = None
    key: str = field(default_factory=new_key)

    @property
    def wire(self) -> dict[str, object]:
        """The JSON form of the API."""
        members = {each.name: getattr(self, each.name) for each in fields(self)} | {
            "cost": _optional_amount(self.cost),
            "cost_usd": _optional_dollars(self.cost_usd),
            "occurred_at": _optional_instant(self.occurred_at),
            # A part of a hold has overrun in its place.
            "if_insufficient": self.if_insufficient if self.hold is None else None,
        }
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingLimit:
    """At most `amount` through `app`, on `meter` and of `model` (None: any) in every `window`; None: ever.

    A window is an hour, day, week or month, or rolls: then it is its length as an ISO 8601 duration, such as PT5H.
    """

    amount: Amount
    window: Window | str | None = None
    app: str | None = None
    meter: str | None = None
    model: str | None = None

    @property
    def wire(self) -> Wire:
        """The JSON form of the API."""
        scope = {"window": self.window, "app": self.app, "meter": self.meter}
        return {"amount": wire_text(self.amount), **scope, **({} if self.model is None else {"model": self.model})}


class Holding:
    """An open hold within a block. `hold` is the hold as it was placed."""

    def __init__(self, client: "Millicent", placed: Receipt, key: str) -> None:
        if placed.hold is None:
            raise UnexpectedAnswer("the service placed a hold but did not return its id", key)
        self.hold: Hold = placed.hold
        self._client = client
        self._key = key
        self._is_captured = False
        self._parts = 0

    def capture(self, amount: Amount | None = None, **terms: Any) -> Receipt:  # noqa: ANN401 - those of Millicent.capture
        """Charges the cost of the work, as `Millicent.capture` does. After a refusal the hold is still released.

        With `final=False` it is a part, and others can follow. Their keys count them: the same block again must
        capture them in the same order.
        """
        is_final = terms.get("final", True)
        self._parts += not is_final
        key = f"{self._key}.capture" if is_final else f"{self._key}.part-{self._parts}"
        receipt = self._client.capture(self.hold.actor, self.hold.id, amount, key=key, **terms)
        self._is_captured = is_final
        return receipt

    def release(self) -> None:
        """Releases the hold, unless it was captured or has ended."""
        if self._is_captured:
            return
        with suppress(HoldEnded):
            self._client.release(self.hold.actor, self.hold.id, key=f"{self._key}.release")


class Millicent:
    """A connection to the service; threads may share it.

    The service and the identity come from `base_url` and `token`, or the environment (MILLICENT_URL, MILLICENT_TOKEN),
    or the nearest `.millicent/endpoint.json` upwards from the working directory.

    Every mutation has an idempotency key, which is created here unless the caller gives one. It is sent again with that
    same key while its outcome is unknown. Errors are those of `millicent.errors`; each contains the key.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: Token | None = None,
        *,
        retry: RetryPolicy | None = None,
        max_connections: int = 16,
        transport: httpx.BaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        endpoint = find_endpoint(base_url, token)
        self._http = httpx.Client(
            base_url=endpoint.base_url,
            auth=BearerAuth(endpoint.tokens) if endpoint.tokens else None,
            headers={"User-Agent": _USER_AGENT, "Accept": "application/json"},
            limits=_limits(max_connections),
            transport=transport,
            # A proxy in the environment cannot reach this machine's own loopback.
            trust_env=not endpoint.is_on_this_machine,
        )
        self._policy, self._clock = retry or RetryPolicy(), clock or Clock()
        self._transport = Transport(self._http, self._policy, self._clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def base_url(self) -> str:
        return str(self._http.base_url)

    @property
    def retry_policy(self) -> RetryPolicy:
        return self._policy

    def with_policy(self, policy: RetryPolicy) -> Self:
        """A client of the same connections, with another policy. It is closed with this one."""
        other = copy(self)
        # A copy shares the connections; these two are of the same class.
        other._policy, other._transport = policy, Transport(self._http, policy, self._clock)  # noqa: SLF001
        return other

    @property
    def steady_now_s(self) -> Callable[[], float]:
        """The clock by which holds last."""
        return self._clock.steady_now_s

    def budget(  # noqa: PLR0913 - one option for each setting
        self,
        actor: str,
        slice: Amount,  # noqa: A002 - as the documentation calls it
        *,
        minimum: Amount | None = None,
        record: "Record" = "each",
        journal: str | PathLike[str] | None = None,
        low_water: float = 0.3,
        flush_every_s: float = 1.0,
        flush_at: int = 500,
        ttl_s: int = 900,
        idle_release_s: float = 60.0,
        wait_s: float = 10.0,
        app: str | None = None,
        meter: str | None = None,
    ) -> "Budget":
        """A part of the account that is spent in memory: a context manager, also with `async with`.

        It holds a `slice` of millicents, near the end of the account down to `minimum` (default: a hundredth), for
        `ttl_s`, and fetches the next one when less than `low_water` of it is left. Spends are sent in batches, after
        `flush_every_s` or when there are `flush_at`: each as an entry, or as one sum for each app, meter and model.
        With a `journal`, a file, an accepted spend is not lost with the process. A slice that is not used for
        `idle_release_s` goes back. A spend waits for a slice up to `wait_s`. Limits count `app` and `meter` of the
        hold. Raises ValueError for an invalid setting, JournalUnusable if the file cannot be used.
        """
        settings = {
            "record": record,
            "low_water": low_water,
            "flush_every_s": flush_every_s,
            "flush_at": flush_at,
            "ttl_s": ttl_s,
            "idle_release_s": idle_release_s,
            "wait_s": wait_s,
            "app": app,
            "meter": meter,
        }
        from millicent.leases.budget import Budget  # noqa: PLC0415 - which is made of this module
        from millicent.leases.terms import terms  # noqa: PLC0415

        return Budget(self, actor, terms(slice, minimum, **settings), journal)

    def check(
        self,
        actor: str,
        minimum: Amount | None = None,
        *,
        usage: Usage | None = None,
        app: str | None = None,
        meter: str | None = None,
    ) -> CheckResult:
        """Whether a charge of `minimum` (default of the service: 100 millicents), or of `usage`, would succeed now.

        Raises Unpriced if no rate card has a price for the usage.
        """
        body = {
            "actor": actor,
            "minimum": _optional_amount(minimum),
            "usage": usage,
            "app": app,
            "meter": meter,
        }
        return self._answer(Call("POST", "/v1/check", body), CheckResult)

    def charge(  # noqa: PLR0913 - one option for each field of the API
        self,
        actor: str,
        cost: Amount | None = None,
        *,
        usage: Usage | None = None,
        cost_usd: Dollars | None = None,
        occurred_at: datetime | None = None,
        if_insufficient: IfInsufficient = "refuse",
        check_id: str | None = None,
        app: str | None = None,
        meter: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Records a cost, or `usage`, which a rate card prices, or `cost_usd`, dollars with any number of decimals.

        `occurred_at`, with its offset, is the time of the work; default: now. Prices and days of usage are those of
        that time. Raises InsufficientCredits, which is final for the key, and Unpriced if no rate card has a price for
        the usage.
        """
        body = {
            "actor": actor,
            "cost": _optional_amount(cost),
            "usage": usage,
            "cost_usd": _optional_dollars(cost_usd),
            "occurred_at": _optional_instant(occurred_at),
            "if_insufficient": if_insufficient,
            "check_id": check_id,
            "app": app,
            "meter": meter,
            "metadata": metadata,
        }
        return self._mutate("/v1/cost", body, key)

    def charge_batch(self, charges: Iterable[BatchCharge]) -> tuple[BatchResult, ...]:
        """Records many costs in as few calls as the service allows. Each result is that of an independent charge.

        Charges that the service had no time for are sent again, with their keys, until the deadline. Raises
        OutcomeUnknown if an answer is lost; it is safe to send the same charges again.
        """
        return tuple(result for part in _parts(charges) for result in self._charge_part(part))

    def _charge_part(self, part: Sequence[Wire]) -> list[BatchResult]:
        results: dict[int, BatchResult] = {}
        waiting = list(range(len(part)))
        deadline_s = self._clock.now_s() + self._policy.deadline_s
        for attempt in count():
            call = Call("POST", "/v1/cost/batch", {"charges": [part[place] for place in waiting]}, is_batch=True)
            results.update(zip(waiting, self._answer(call, BatchResults).results, strict=True))
            waiting = [place for place in waiting if results[place].is_open]
            pause_s = self._clock.uniform(0.0, self._policy.longest_pause_s(attempt))
            if not waiting or self._clock.now_s() + pause_s >= deadline_s:
                break
            self._clock.sleep(pause_s)
        return [results[place] for place in range(len(part))]

    def hold(  # noqa: PLR0913 - one option for each field of the API
        self,
        actor: str,
        amount: Amount | None = None,
        *,
        usage: Usage | None = None,
        minimum_amount: Amount | None = None,
        ttl_s: int | None = None,
        app: str | None = None,
        meter: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Sets credits aside until they are captured or released, or for `ttl_s` (default 600 seconds).

        Instead of an amount, `usage` gives an upper bound: `max_output_tokens` stands for output_tokens. With a
        `minimum_amount` the hold takes as much as is spendable, but at least that amount. Raises InsufficientCredits.
        """
        body = {
            "actor": actor,
            "amount": _optional_amount(amount),
            "usage": usage,
            "minimum_amount": _optional_amount(minimum_amount),
            "ttl_s": ttl_s,
            "app": app,
            "meter": meter,
            "metadata": metadata,
        }
        return self._mutate("/v1/holds", body, key)

    def capture(  # noqa: PLR0913 - one option for each field of the API
        self,
        actor: str,
        hold: str,
        amount: Amount | None = None,
        *,
        usage: Usage | None = None,
        cost_usd: Dollars | None = None,
        occurred_at: datetime | None = None,
        final: bool = True,
        overrun: Overrun = "refuse",
        if_expired: IfExpired = "refuse",
        app: str | None = None,
        meter: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Charges `amount` of the hold, the price of `usage` or `cost_usd`, default: what is left. Returns the rest.

        With `final=False` it captures a part: the hold stays open and nothing returns.

        `occurred_at` is the time of the work, as in `charge`.

        An amount above what is left raises ExceedsHold, unless `overrun` says otherwise: the excess is charged like any
        cost (`charge`), as far as it is spendable (`partial`), or regardless of the balance (`overdraw`). Raises
        HoldEnded for a hold that was captured, released or has expired. For an expired hold `if_expired` charges the
        whole amount instead: like any cost (`charge`), or regardless of the balance (`overdraw`).
        """
        body = {
            "actor": actor,
            "amount": _optional_amount(amount),
            "usage": usage,
            "cost_usd": _optional_dollars(cost_usd),
            "occurred_at": _optional_instant(occurred_at),
            "final": None if final else False,
            "overrun": overrun,
            "if_expired": None if if_expired == "refuse" else if_expired,
            "app": app,
            "meter": meter,
            "metadata": metadata,
        }
        return self._mutate(f"{_hold_path(hold)}/capture", body, key)

    def release(self, actor: str, hold: str, *, key: str | None = None) -> Receipt:
        """Returns what is left of the hold. Raises HoldEnded."""
        return self._mutate(f"{_hold_path(hold)}/release", {"actor": actor}, key)

    def extend(self, actor: str, hold: str, ttl_s: int, *, key: str | None = None) -> Receipt:
        """Lets the hold last at least `ttl_s` from now. Raises HoldEnded."""
        return self._mutate(f"{_hold_path(hold)}/extend", {"actor": actor, "ttl_s": ttl_s}, key)

    @contextmanager
    def holding(
        self,
        actor: str,
        amount: Amount | None = None,
        *,
        key: str | None = None,
        **terms: Any,  # noqa: ANN401 - those of hold()
    ) -> Iterator[Holding]:
        """A hold for the duration of a block: at its end, the part that was not captured is released.

        `terms` are those of `hold`. The keys of capture and release derive from `key`, so that the same block again,
        with the same key, is applied once. Raises InsufficientCredits before the block is entered.
        """
        key = key or new_key()
        placed = self.hold(actor, amount, key=key, **terms)
        holding = Holding(self, placed, key)
        try:
            yield holding
        finally:
            holding.release()

    def refund(self, actor: str, charge: str, amount: Amount | None = None, *, key: str | None = None) -> Receipt:
        """Refunds `amount` (default: the unrefunded rest) of the charge or capture with the key `charge`.

        Raises ExceedsCharge, or ReferenceNotFound if there is no such charge.
        """
        body = {"actor": actor, "charge": charge, "amount": _optional_amount(amount)}
        return self._mutate("/v1/refunds", body, key)

    def void_grant(self, actor: str, grant: str, *, reason: str | None = None, key: str | None = None) -> Receipt:
        """Takes back the unspent part of a grant. Raises ReferenceNotFound for a grant that is not open."""
        body = {"actor": actor, "reason": reason}
        return self._mutate(f"/v1/grants/{in_path(grant)}/void", body, key)

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
            "expires_at": _optional_instant(expires_at),
            "reason": reason,
        }
        return self._mutate("/v1/funding", body, key)

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
            "overdraft_limit": _optional_amount(overdraft_limit),
            "low_balance_thresholds": None if thresholds is None else [wire_text(each) for each in thresholds],
            "time_zone": time_zone,
            "status": status,
            "parent": parent,
        }
        return self._mutate(_account_path(actor), body, key, "PATCH")

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
        return self._mutate(_account_path(actor), {"parent": _NULL}, key, "PATCH")

    def set_limits(self, actor: str, limits: Iterable[SpendingLimit], *, key: str | None = None) -> Receipt:
        """Replaces all spending limits of the account. A limit that existed before keeps its count."""
        body = {"limits": [limit.wire for limit in limits]}
        return self._mutate(f"{_account_path(actor)}/limits", body, key, "PUT")

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
            "rollover_minimum": _optional_amount(rollover_minimum),
            "rollover_maximum": _optional_amount(rollover_maximum),
        }
        return self._mutate(_allowance_path(actor), body, key, "PUT")

    def end_allowance(self, actor: str, *, key: str | None = None) -> Receipt:
        """Ends the refills. The current credits last until their period ends."""
        return self._mutate(_allowance_path(actor), None, key, "DELETE")

    def account(self, actor: str) -> Account:
        """Raises NotFound for an actor without entries."""
        return self._answer(Call("GET", _account_path(actor)), Account)

    def accounts(
        self,
        prefix: str = "",
        *,
        status: Status | None = None,
        low: bool | None = None,
        page_size: int = _MAX_PAGE,
    ) -> Iterator[ListedAccount]:
        """The tenant's accounts whose names begin with `prefix`, by name; pages are fetched as they are read.

        `low`: those below their highest threshold, or the others. For services and operators, else Forbidden.
        """
        wanted = None if low is None else "true" if low else "false"
        params: Params = {"prefix": prefix or None, "status": status, "low": wanted, "limit": page_size}
        for page in self._pages("/v1/accounts", params, AccountPage):
            yield from page.items

    def entries(  # noqa: PLR0913 - one option for each parameter of the API
        self,
        actor: str,
        *,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        app: str | None = None,
        meter: str | None = None,
        model: str | None = None,
        page_size: int = _MAX_PAGE,
    ) -> Iterator[Entry]:
        """The account's entries, newest first; pages are fetched as they are read. `until` is exclusive."""
        filters = _filters(kind, since, until, app=app, meter=meter, model=model)
        for page in self._pages(f"{_account_path(actor)}/entries", {**filters, "limit": page_size}, EntryPage):
            yield from page.items

    def statement(  # noqa: PLR0913 - one option for each parameter of the API
        self,
        actor: str,
        *,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        app: str | None = None,
        meter: str | None = None,
        model: str | None = None,
        page_size: int = _MAX_LINES,
    ) -> Iterator[str]:
        """The account's entries as CSV, newest first: a heading, then the lines of each page. `until` is exclusive."""
        path = f"{_account_path(actor)}/entries"
        filters = _filters(kind, since, until, app=app, meter=meter, model=model)
        after: str | None = None
        while True:
            params: Params = {**filters, "limit": page_size, "after": after}
            response = self._transport.send(Call("GET", path, params=params, accept=_CSV))
            yield response.text if after is None else response.text.partition("\r\n")[2]
            after = _next_page(response)
            if after is None:
                return

    def usage(
        self,
        actor: str,
        *,
        group_by: Grouping = "meter",
        first: date | None = None,
        last: date | None = None,
        page_size: int = _MAX_PAGE,
    ) -> UsagePage:
        """The account's spending by meter, app, model, member or day, with all pages combined.

        From the day `first` to `last`, both inclusive, in UTC; default: the last 30 days. At most 366 days.
        """
        days: Params = {"group_by": group_by, "from": _optional_day(first), "to": _optional_day(last)}
        path = f"{_account_path(actor)}/usage"
        whole = page = self._answer(Call("GET", path, params={**days, "limit": page_size}), UsagePage)
        while page.next is not None:
            # The period stays that of the first page, even if a new day begins in between.
            days = {**days, "from": _optional_day(whole.first), "to": _optional_day(whole.last)}
            page = self._answer(Call("GET", path, params={**days, "limit": page_size, "after": page.next}), UsagePage)
            counted_through = min(whole.counted_through, page.counted_through)
            items = whole.items + page.items
            whole = msgspec.structs.replace(whole, items=items, counted_through=counted_through, next=page.next)
        return whole

    def tenant_usage(
        self,
        *,
        group_by: TenantGrouping = "meter",
        first: date | None = None,
        last: date | None = None,
        max_items: int | None = None,
    ) -> TenantUsagePage:
        """The spending of all accounts of the tenant by meter, app, model, day or actor, with all pages combined.

        From the day `first` to `last`, both inclusive, in UTC; default: the last 30 days. At most 366 days. Actors are
        ranked, those that spent most first, for one day or one calendar month; default: the present month. `max_items`
        ends the listing; `next` of what is returned says whether there are more.
        """
        left = sys.maxsize if max_items is None else max_items
        params: Params = {"group_by": group_by, "from": _optional_day(first), "to": _optional_day(last)}
        call = Call("GET", "/v1/usage", params={**params, "limit": min(left, _MAX_PAGE)})
        whole = self._answer(call, TenantUsagePage)
        while whole.next is not None and len(whole.items) < left:
            # The period stays that of the first page, even if a new day begins in between.
            params = {**params, "from": _optional_day(whole.first), "to": _optional_day(whole.last)}
            size = min(left - len(whole.items), _MAX_PAGE)
            call = Call("GET", "/v1/usage", params={**params, "limit": size, "after": whole.next})
            page = self._answer(call, TenantUsagePage)
            whole = msgspec.structs.replace(page, items=whole.items + page.items)
        return whole

    def audit(self, actor: str, *, max_rows: int | None = None) -> AuditTrail:
        """The account's newest rows in the audit table (default: all), and whether sequence and chain are intact."""
        rows: list[Entry] = []
        pages: list[AuditPage] = []
        for page in self._audit_pages(actor, max_rows):
            pages.append(page)
            rows.extend(page.items)
            if max_rows is not None and len(rows) >= max_rows:
                break
        verified, through = _verdict(pages)
        return AuditTrail(items=tuple(rows[:max_rows]), verified=verified, verified_through=through)

    def operation(self, key: str, actor: str) -> Operation:
        """The entry under `key`, refusals included. Raises NotFound if there is none."""
        path = f"/v1/operations/{in_path(key)}"
        return self._answer(Call("GET", path, params={"actor": actor}), Operation)

    def proof(self, actor: str, *, digest: str = "latest", records: int | None = None) -> Mapping[str, Any]:
        """The proof that the account's history is in a digest: `latest`, a number or a date. See verify_proof.

        With the newest `records` entries (at most 100) up to the head. Raises NotFound if there is no such proof.
        """
        params: Params = {"digest": digest, "records": records}
        return self._answer(Call("GET", f"{_account_path(actor)}/proof", params=params), dict[str, Any])

    def quote(self, usage: Usage, *, actor: str | None = None, occurred_at: datetime | None = None) -> Quote:
        """The price of usage, as the next operation of `actor` if given; records nothing. Raises Unpriced.

        The price is that of the time `occurred_at`, with its offset; default: now.
        """
        body = {"usage": usage, "actor": actor, "occurred_at": _optional_instant(occurred_at)}
        return self._answer(Call("POST", "/v1/rates/quote", body), Quote)

    def digest(self, wanted: str = "latest") -> Mapping[str, Any]:
        """A signed digest over all accounts: `latest`, or a number. Its text, signature, public_key and key_id.

        Raises NotFound if there is no digest of that number. millicent.kept compares digests that were kept.
        """
        return self._answer(Call("GET", f"/v1/digests/{in_path(wanted)}"), dict[str, Any])

    def rates(
        self, meter: str | None = None, model: str | None = None, *, page_size: int = _MAX_PAGE
    ) -> Iterator[RateCard]:
        """The versions of the tenant's own rate cards; pages are fetched as they are read.

        Built-in cards are not listed.
        """
        for page in self._pages("/v1/rates", {"meter": meter, "model": model, "limit": page_size}, RatePage):
            yield from page.items

    def rate_in_effect(self, meter: str, model: str | None = None) -> RateCard | None:
        """The card that prices usage of this model now, built-in prices included; None if there is none."""
        params: Params = {"meter": meter, "model": model, "limit": 1}
        return self._answer(Call("GET", "/v1/rates", params=params), RatePage).in_effect

    def put_rate(self, card: Wire) -> RateCard:
        """Creates the next version of a card; the same content again creates none. Needs the scope credits/admin.

        With a `version` it creates that version, however often it is repeated, or raises RateVersionConflict.
        """
        return self._answer(Call("PUT", "/v1/rates", card), RateCard)

    def adjustments(self, name: str | None = None, *, page_size: int = _MAX_PAGE) -> Iterator[Adjustment]:
        """The versions of adjustments of the built-in card; pages are fetched as they are read."""
        for page in self._pages("/v1/rates/adjustments", {"name": name, "limit": page_size}, AdjustmentPage):
            yield from page.items

    def put_adjustment(self, adjustment: Wire) -> Adjustment:
        """Creates the next version of an adjustment; the same content again creates none, as for a card.

        Needs the scope credits/admin.
        """
        return self._answer(Call("PUT", "/v1/rates/adjustments", adjustment), Adjustment)

    def currencies(self, currency: str | None = None, *, page_size: int = _MAX_PAGE) -> Iterator[CurrencyRate]:
        """The versions of the rates of currencies; pages are fetched as they are read."""
        for page in self._pages("/v1/rates/currencies", {"name": currency, "limit": page_size}, CurrencyPage):
            yield from page.items

    def put_currency(self, currency: Wire) -> CurrencyRate:
        """Creates the next version of a currency's rate, as `put_adjustment` does of an adjustment."""
        return self._answer(Call("PUT", "/v1/rates/currencies", currency), CurrencyRate)

    def activity(
        self,
        *,
        kind: str | None = None,
        outcome: str | None = None,
        actor: str | None = None,
        page_size: int = _MAX_PAGE,
    ) -> Iterator[ActivityItem]:
        """Entries and checks of the whole tenant, newest first, each once; pages are fetched as they are read.

        A kind is that of an entry or check, an outcome applied, partial, refused or allowed. For what comes from now
        on, see millicent.following. Raises Forbidden for an end user.
        """
        listed = Recent()
        params: Params = {"kind": kind, "outcome": outcome, "actor": actor, "limit": page_size}
        for page in self._pages("/v1/activity", params, ActivityPage):
            yield from (item for item in page.items if listed.is_new(item.id))

    def activity_page(
        self, *, after: str | None = None, newer_than: str | None = None, limit: int = _MAX_PAGE, **filters: str | None
    ) -> ActivityPage:
        """One page of `activity`: after the `next` of an earlier one, or of what came since the `newer` of one."""
        params: Params = {**filters, "limit": limit, "after": after, "newer_than": newer_than}
        return self._answer(Call("GET", "/v1/activity", params=params), ActivityPage)

    def alerts(self) -> Alerts:
        """Accounts that fell low, refusals of a day, holds that expire soon; failure queues with credits/admin.

        Raises Forbidden for an end user.
        """
        return self._answer(Call("GET", "/v1/alerts"), Alerts)

    def health(self) -> Health:
        """Needs no token."""
        return self._answer(Call("GET", "/v1/health"), Health)

    def _audit_pages(self, actor: str, max_rows: int | None) -> Iterator[AuditPage]:
        limit = min(max_rows or _MAX_PAGE, _MAX_PAGE)
        return self._pages(f"{_account_path(actor)}/audit", {"limit": limit}, AuditPage)

    def _pages(self, path: str, params: Params, page_type: type[_Page]) -> Iterator[_Page]:
        """Each page of a listing; the next one is fetched when it is asked for."""
        after: str | None = None
        while True:
            page = self._answer(Call("GET", path, params={**params, "after": after}), page_type)
            yield page
            after = page.next
            if after is None:
                return

    def _mutate(self, path: str, body: Mapping[str, object] | None, key: str | None, method: str = "POST") -> Receipt:
        call = Call(method, path, body, key=key or new_key())
        response = self._transport.send(call)
        return msgspec.structs.replace(_decoded(call, response, Receipt), replayed=is_replayed(response))

    def _answer(self, call: Call, kind: type[_Answer]) -> _Answer:
        return _decoded(call, self._transport.send(call), kind)


def _decoded(call: Call, response: httpx.Response, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as malformed:
        raise UnexpectedAnswer(f"{call.path} did not answer like Millicent: {malformed}", call.key) from malformed


def _limits(max_connections: int) -> httpx.Limits:
    # Every connection may be kept open: as many calls run at once as there are connections.
    return httpx.Limits(
        max_connections=max_connections, max_keepalive_connections=max_connections, keepalive_expiry=_KEEP_ALIVE_S
    )


def _parts(charges: Iterable[BatchCharge]) -> Iterator[list[Wire]]:
    """The charges in order, split into calls within the limits of the service."""
    part: list[Wire] = []
    size_bytes = 0
    for charge in charges:
        wire = charge.wire
        its_bytes = len(msgspec.json.encode(wire)) + 1
        if part and (len(part) == _MAX_BATCH or size_bytes + its_bytes > MAX_BATCH_BYTES):
            yield part
            part, size_bytes = [], 0
        part.append(wire)
        size_bytes += its_bytes
    if part:
        yield part


def _hold_path(hold: str) -> str:
    return f"/v1/holds/{in_path(hold)}"


def _account_path(actor: str) -> str:
    return f"/v1/accounts/{in_path(actor)}"


def _allowance_path(actor: str) -> str:
    return f"{_account_path(actor)}/allowance"


def _filters(kind: str | None, since: datetime | None, until: datetime | None, **named: str | None) -> Params:
    """The filters for entries; `named` are those by app, meter and model."""
    return {"kind": kind, "from": _optional_instant(since), "to": _optional_instant(until), **named}


def _next_page(response: httpx.Response) -> str | None:
    """`after` of the page that the answer's Link header names."""
    link = response.links.get("next")
    return None if link is None else httpx.URL(link["url"]).params["after"]


def _optional_day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _verdict(pages: Sequence[AuditPage]) -> tuple[Verified, int | None]:
    """The verdict over all pages, newest first: the worst verdict, and the seq below the oldest gap."""
    if not all(page.verified for page in pages):
        return False, None
    pending = [page for page in pages if page.verified == "pending"]
    return ("pending", pending[-1].verified_through) if pending else (True, pages[0].verified_through)


def _optional_amount(amount: Amount | None) -> str | None:
    return None if amount is None else wire_text(amount)


def _optional_dollars(dollars: Dollars | None) -> str | None:
    """A text stays as it is: the record keeps it as it was given. Raises TypeError and ValueError as wire_text does."""
    plain = _optional_amount(dollars)
    return dollars if isinstance(dollars, str) else plain


def _optional_instant(at: datetime | None) -> str | None:
    """RFC 3339. Raises ValueError for a time without offset, which would be ambiguous."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError(f"{at} has no offset: give a time zone")
    return at.isoformat()

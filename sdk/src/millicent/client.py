"""The client: one method per call of the API."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from datetime import datetime
from itertools import count
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import httpx
import msgspec

from millicent.account_calls import AccountCalls
from millicent.amounts import Amount, Dollars
from millicent.endpoint import find_endpoint
from millicent.errors import HoldEnded, UnexpectedAnswer
from millicent.ids import in_path
from millicent.keys import new_key
from millicent.models import BatchResult, BatchResults, CheckResult, Hold, Receipt
from millicent.rate_calls import RateCalls
from millicent.record_calls import RecordCalls
from millicent.retry import Clock, RetryPolicy
from millicent.tenant_calls import TenantCalls
from millicent.tokens import BearerAuth, Token
from millicent.transport import Call, Transport
from millicent.wire import (
    BatchCharge,
    Category,
    Grouping,
    IfExpired,
    IfInsufficient,
    Interval,
    Overrun,
    SpendingLimit,
    Status,
    TenantGrouping,
    Usage,
    Window,
    Wire,
    optional_amount,
    optional_dollars,
    optional_instant,
)

if TYPE_CHECKING:
    from millicent.leases.budget import Budget
    from millicent.leases.terms import Record

__all__ = [
    "MAX_BATCH_BYTES",
    "BatchCharge",
    "Category",
    "Grouping",
    "Holding",
    "IfExpired",
    "IfInsufficient",
    "Interval",
    "Millicent",
    "Overrun",
    "SpendingLimit",
    "Status",
    "TenantGrouping",
    "Usage",
    "Window",
    "Wire",
]

MAX_BATCH: Final = 1000
MAX_BATCH_BYTES: Final = 256 * 1024 - len('{"charges":[]}')
_KEEP_ALIVE_S: Final = 30.0

# Pickles and documents name these two of this module.
BatchCharge.__module__ = SpendingLimit.__module__ = __name__


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


class Millicent(AccountCalls, RecordCalls, RateCalls, TenantCalls):
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
            headers={"User-Agent": _user_agent(), "Accept": "application/json"},
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
            "minimum": optional_amount(minimum),
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
            "cost": optional_amount(cost),
            "usage": usage,
            "cost_usd": optional_dollars(cost_usd),
            "occurred_at": optional_instant(occurred_at),
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
            "amount": optional_amount(amount),
            "usage": usage,
            "minimum_amount": optional_amount(minimum_amount),
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
            "amount": optional_amount(amount),
            "usage": usage,
            "cost_usd": optional_dollars(cost_usd),
            "occurred_at": optional_instant(occurred_at),
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
        body = {"actor": actor, "charge": charge, "amount": optional_amount(amount)}
        return self._mutate("/v1/refunds", body, key)


def _user_agent() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - a tenth of the import of this package

    return f"millicent-python/{version('millicent')}"


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
        if part and (len(part) == MAX_BATCH or size_bytes + its_bytes > MAX_BATCH_BYTES):
            yield part
            part, size_bytes = [], 0
        part.append(wire)
        size_bytes += its_bytes
    if part:
        yield part


def _hold_path(hold: str) -> str:
    return f"/v1/holds/{in_path(hold)}"

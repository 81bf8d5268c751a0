"""The client: one method for each call of the API."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from millicent.amounts import Amount, wire_text
from millicent.endpoint import find_endpoint
from millicent.errors import UnexpectedAnswer
from millicent.keys import new_key
from millicent.models import (
    Account,
    AuditPage,
    AuditTrail,
    CheckResult,
    Entry,
    EntryPage,
    Health,
    Operation,
    Receipt,
)
from millicent.retry import Clock, RetryPolicy
from millicent.tokens import BearerAuth, Token
from millicent.transport import Call, Params, Transport, is_replayed

IfInsufficient: TypeAlias = Literal["refuse", "overdraw", "partial"]
Category: TypeAlias = Literal["purchased", "promotional", "allowance"]

_Answer = TypeVar("_Answer")
_USER_AGENT: Final = f"millicent-python/{version('millicent')}"
_MAX_PAGE: Final = 100
_KEEP_ALIVE_S: Final = 30.0


class Millicent:
    """A connection to the service; threads may share it.

    Where it is and as whom to call: `base_url` and `token`, else the environment (MILLICENT_URL, MILLICENT_TOKEN), else
    the nearest `.millicent/endpoint.json` upwards from the working directory.

    Every mutation carries an idempotency key, made here unless the caller gives one, and is sent again with that same
    key while its outcome is unknown. Errors are those of `millicent.errors`; each keeps the key.
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
            # A proxy of the environment's cannot reach this machine's own loopback.
            trust_env=not endpoint.is_on_this_machine,
        )
        self._transport = Transport(self._http, retry or RetryPolicy(), clock or Clock())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    @property
    def base_url(self) -> str:
        return str(self._http.base_url)

    def check(self, actor: str, minimum: Amount | None = None, *, app: str | None = None) -> CheckResult:
        """Whether `actor` has at least `minimum` available (the service's default: 100 millicents)."""
        body = {"actor": actor, "minimum": _optional_amount(minimum), "app": app}
        return self._answer(Call("POST", "/v1/check", body), CheckResult)

    def charge(  # noqa: PLR0913 - one option for each field of the API
        self,
        actor: str,
        cost: Amount,
        *,
        if_insufficient: IfInsufficient = "refuse",
        check_id: str | None = None,
        app: str | None = None,
        meter: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Receipt:
        """Records a cost. Raises InsufficientCredits, which is final for the key."""
        body = {
            "actor": actor,
            "cost": wire_text(cost),
            "if_insufficient": if_insufficient,
            "check_id": check_id,
            "app": app,
            "meter": meter,
            "metadata": metadata,
        }
        return self._mutate("/v1/cost", body, key)

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
        """Sets the funded total to `new_amount` if it is `old_amount` (0 at first); available moves by the difference.

        Raises FundingConflict when it is not, WouldOverdraw when available would fall below the limit without `force`.
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
        """Adds a lot of credits. `expires_at` needs its offset. Lower `priority` is spent first."""
        body = {
            "actor": actor,
            "amount": wire_text(amount),
            "category": category,
            "priority": priority,
            "expires_at": _optional_instant(expires_at),
            "reason": reason,
        }
        return self._mutate("/v1/funding", body, key)

    def account(self, actor: str) -> Account:
        """Raises NotFound for an actor that nothing was ever recorded for."""
        return self._answer(Call("GET", _account_path(actor)), Account)

    def entries(
        self,
        actor: str,
        *,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = _MAX_PAGE,
    ) -> Iterator[Entry]:
        """The account's entries, newest first, page by page as they are read. `until` is exclusive."""
        filters: Params = {"kind": kind, "from": _optional_instant(since), "to": _optional_instant(until)}
        after: str | None = None
        while True:
            params: Params = {**filters, "limit": page_size, "after": after}
            page = self._answer(Call("GET", f"{_account_path(actor)}/entries", params=params), EntryPage)
            yield from page.items
            after = page.next
            if after is None:
                return

    def audit(self, actor: str, *, max_rows: int | None = None) -> AuditTrail:
        """The account's newest rows in the audit table (by default all), and whether sequence and chain hold."""
        rows: list[Entry] = []
        verified = True
        for page in self._audit_pages(actor, max_rows):
            rows.extend(page.items)
            verified = verified and page.verified
            if max_rows is not None and len(rows) >= max_rows:
                break
        return AuditTrail(items=tuple(rows[:max_rows]), verified=verified)

    def operation(self, key: str, actor: str) -> Operation:
        """What was recorded under `key`, refusals included. Raises NotFound when nothing was."""
        path = f"/v1/operations/{quote(key, safe='')}"
        return self._answer(Call("GET", path, params={"actor": actor}), Operation)

    def proof(self, actor: str, *, digest: str = "latest", records: int | None = None) -> Mapping[str, Any]:
        """The proof that the account's history is in a digest: `latest`, a number or a date. See verify_proof.

        With the newest `records` entries (at most 100) up to the head. Raises NotFound where there is nothing to prove.
        """
        params: Params = {"digest": digest, "records": records}
        return self._answer(Call("GET", f"{_account_path(actor)}/proof", params=params), dict[str, Any])

    def health(self) -> Health:
        """Needs no token."""
        return self._answer(Call("GET", "/v1/health"), Health)

    def _audit_pages(self, actor: str, max_rows: int | None) -> Iterator[AuditPage]:
        after: str | None = None
        limit = min(max_rows or _MAX_PAGE, _MAX_PAGE)
        while True:
            params: Params = {"limit": limit, "after": after}
            page = self._answer(Call("GET", f"{_account_path(actor)}/audit", params=params), AuditPage)
            yield page
            after = page.next
            if after is None:
                return

    def _mutate(self, path: str, body: Mapping[str, object], key: str | None) -> Receipt:
        call = Call("POST", path, body, key=key or new_key())
        response = self._transport.send(call)
        return msgspec.structs.replace(_decoded(call, response, Receipt), replayed=is_replayed(response))

    def _answer(self, call: Call, kind: type[_Answer]) -> _Answer:
        return _decoded(call, self._transport.send(call), kind)


def _decoded(call: Call, response: httpx.Response, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as malformed:
        raise UnexpectedAnswer(f"{call.path} did not answer as Millicent does: {malformed}", call.key) from malformed


def _limits(max_connections: int) -> httpx.Limits:
    # Every connection may be kept: as many calls run at once as there are connections.
    return httpx.Limits(
        max_connections=max_connections, max_keepalive_connections=max_connections, keepalive_expiry=_KEEP_ALIVE_S
    )


def _account_path(actor: str) -> str:
    return f"/v1/accounts/{quote(actor, safe='')}"


def _optional_amount(amount: Amount | None) -> str | None:
    return None if amount is None else wire_text(amount)


def _optional_instant(at: datetime | None) -> str | None:
    """RFC 3339. Raises ValueError for a time without offset, which could be any of two dozen instants."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError(f"{at} lacks its offset: give a time zone")
    return at.isoformat()

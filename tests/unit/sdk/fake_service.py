"""The service as the client sees it: the real reducer behind an HTTP transport in memory, with faults on request.

It has prices of its own, of two models.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx
import msgspec

from millicent.amounts import dollars_to_microcents
from shared.ledger.accounts import Account, AccountState
from shared.ledger.amounts import parse_millicents, to_millicents
from shared.ledger.entries import Entry
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits, Operation, Terms
from shared.ledger.reducer import apply
from shared.ledger.views import public_balance, public_entry
from tests.builders import NOW_MS

URL = "http://127.0.0.1:9"
TOKEN = "token-of-a-test"
MAX_PAGE = 100
MICROCENTS_PER_TOKEN = {"gpt-4o": (250, 1000), "gpt-4o-mini": (15, 60)}
"""Of input and of output."""

Fault = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]
"""Stands between a request and the service, which answers when it is called."""

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


def answer(status: int, body: object, **headers: str) -> httpx.Response:
    return httpx.Response(status, content=_encode(body), headers={"X-Request-Id": "request-1", **headers})


def problem(status: int, code: str, **members: object) -> httpx.Response:
    told = {"status": status, "code": code, "title": code, "detail": f"because of {code}"}
    return answer(status, told | members)


@dataclass
class FakeService:
    """`faults` are used up one by one, by the requests that come first. `seen` are the requests, in order."""

    token: str | None = TOKEN
    faults: deque[Fault] = field(default_factory=deque)
    seen: list[httpx.Request] = field(default_factory=list)
    tokens_seen: list[str | None] = field(default_factory=list)
    states: dict[str, AccountState] = field(default_factory=dict)
    rows: dict[str, list[Entry]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    def fund(self, actor: str, amount: int) -> None:
        self._record(actor, f"fund-{actor}-{amount}", GrantCredits(parse_millicents(amount)))

    def keys_seen(self) -> list[str | None]:
        return [request.headers.get("Idempotency-Key") for request in self.seen]

    def charges(self) -> Counter[str]:
        """How often each key took something."""
        return Counter(row.key for rows in self.rows.values() for row in rows if row.kind == "charge")

    def available(self, actor: str) -> int | Decimal:
        return to_millicents(self.states[actor].available)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.seen.append(request)
            # Noted at once: a request that is signed again is the same object with another header.
            self.tokens_seen.append(request.headers.get("Authorization", "").removeprefix("Bearer ") or None)
            if self.faults:
                return self.faults.popleft()(request, lambda: self._serve(request))
            return self._serve(request)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0].strip("/").split("/")[1:]
        if path == ["health"]:
            return answer(200, {"status": "ok"})
        if self.token is not None and request.headers.get("Authorization") != f"Bearer {self.token}":
            return httpx.Response(401, json={"message": "Unauthorized"})
        if request.method == "POST":
            return self._post(path[0], request, _decode(request.content))
        return self._get([unquote(part) for part in path], request.url.params)

    def _post(self, route: str, request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
        if route != "check" and "usage" in body and _price(body["usage"]) is None:
            model = body["usage"].get("model")
            return problem(422, "unpriced", meter="llm", model=model)
        if route == "rates":
            return answer(200, _quote(body["usage"]))
        actor = body["actor"]
        if route == "check":
            return self._check(actor, body)
        terms = _terms(route, body)
        return self._mutate(actor, request.headers["Idempotency-Key"], terms, body.get("metadata"))

    def _check(self, actor: str, body: dict[str, Any]) -> httpx.Response:
        minimum = parse_millicents(body.get("minimum", 100))
        available = self.states[actor].available if actor in self.states else 0
        allowed = available >= minimum
        short = {"required": to_millicents(minimum), "shortfall": to_millicents(minimum - available)}
        return answer(
            200,
            {
                "allowed": allowed,
                "actor": actor,
                "minimum": to_millicents(minimum),
                "available": to_millicents(available),
                "held": 0,
                "spendable": to_millicents(available),
                "reason": None if allowed else "insufficient_credits",
                "check_id": "check-1",
                **({} if allowed else short),
            },
        )

    def _mutate(self, actor: str, key: str, terms: Terms, metadata: dict[str, Any] | None) -> httpx.Response:
        entry = self._entry(actor, key)
        replayed = {"Idempotency-Replayed": "true"} if entry else {}
        if entry is None:
            entry = self._record(actor, key, terms, metadata)
        elif entry.terms != terms:
            return problem(422, "idempotency_key_reused")
        if entry.is_refused:
            return _refusal(entry, replayed)
        return answer(200 if replayed else 201, _receipt(entry), **replayed)

    def _record(self, actor: str, key: str, terms: Terms, metadata: dict[str, Any] | None = None) -> Entry:
        account = Account("main", actor)
        state = self.states.get(actor, AccountState(account))
        change = apply(state, Operation(account, key, terms, "service", "request-1", metadata=metadata), NOW_MS)
        self.states[actor] = change.state
        self.rows.setdefault(actor, []).extend(change.entries)
        return change.entries[-1]

    def _entry(self, actor: str, key: str) -> Entry | None:
        return next((row for row in self.rows.get(actor, []) if row.key == key), None)

    def _get(self, path: list[str], params: httpx.QueryParams) -> httpx.Response:
        match path:
            case ["operations", key]:
                return self._operation(params["actor"], key)
            case ["accounts", actor, *rest] if actor in self.states:
                return self._listing(rest[0], actor, params) if rest else self._account(self.states[actor])
            case _:
                return problem(404, "account_not_found")

    def _operation(self, actor: str, key: str) -> httpx.Response:
        entry = self._entry(actor, key)
        if entry is None:
            return problem(404, "operation_not_found")
        if not entry.is_refused:
            return answer(200, {**_receipt(entry), "status": 201})
        refusal = _refusal(entry, {})
        return answer(200, {**_receipt(entry), "status": refusal.status_code, "problem": _decode(refusal.content)})

    def _listing(self, what: str, actor: str, params: httpx.QueryParams) -> httpx.Response:
        newest_first = list(reversed(self.rows[actor]))
        if "kind" in params:
            newest_first = [row for row in newest_first if row.kind == params["kind"]]
        start, limit = int(params.get("after", 0)), int(params["limit"])
        if limit > MAX_PAGE:
            return problem(422, "validation_failed")
        page: dict[str, object] = {"items": [public_entry(row) for row in newest_first[start : start + limit]]}
        if start + limit < len(newest_first):
            page["next"] = str(start + limit)
        verified = {"verified": True, "verified_through": len(newest_first) - start}
        return answer(200, page | (verified if what == "audit" else {}))

    def _account(self, state: AccountState) -> httpx.Response:
        grants = [
            {
                "id": grant.id,
                "amount": to_millicents(grant.amount),
                "remaining": to_millicents(grant.remaining),
                "priority": grant.priority,
                "category": grant.category,
                "expires_at": None,
            }
            for grant in state.grants
        ]
        balances = public_balance(state.balances)
        return answer(
            200,
            {**balances, "actor": state.account.actor, "overdraft_limit": 0, "seq": state.seq, "grants": grants}
            | {"holds": [], "a_later_field": 1},
        )


def _terms(route: str, body: dict[str, Any]) -> Terms:
    if route == "cost":
        return Charge(_cost(body), body["if_insufficient"], body.get("check_id"), body.get("usage"))
    if "amount" in body:
        return GrantCredits(parse_millicents(body["amount"]), body.get("category", "purchased"))
    old, new = parse_millicents(body["old_amount"]), parse_millicents(body["new_amount"])
    return FundingUpdate(old, new, body.get("force", False), body.get("reason"))


def _cost(body: dict[str, Any]) -> int:
    if "usage" in body:
        return _price(body["usage"]) or 0
    return parse_millicents(body["cost"]) if "cost" in body else dollars_to_microcents(Decimal(body["cost_usd"]))


def _price(usage: dict[str, Any]) -> int | None:
    """In microcents; None if the model has no price."""
    prices = MICROCENTS_PER_TOKEN.get(usage.get("model", ""))
    if prices is None:
        return None
    used = (int(usage.get(name, 0)) for name in ("input_tokens", "output_tokens"))
    return sum(price * units for price, units in zip(prices, used, strict=True))


def _quote(usage: dict[str, Any]) -> dict[str, Any]:
    amount = to_millicents(_price(usage) or 0)
    item = {"item": "tokens", "units": "1", "price": str(amount), "per": 1, "amount": str(amount)}
    return {"amount": amount, "hold": amount, "card": "fake@1", "items": [item]}


def _receipt(entry: Entry) -> dict[str, Any]:
    shortfall = {"shortfall": to_millicents(entry.shortfall)} if entry.outcome == "partial" else {}
    return {"entry": public_entry(entry), "balance": public_balance(entry.after)} | shortfall


def _refusal(entry: Entry, headers: dict[str, str]) -> httpx.Response:
    available, held = to_millicents(entry.before.available), to_millicents(entry.before.held)
    members: dict[str, object] = {"funded": to_millicents(entry.before.funded)}
    if entry.reason == "insufficient_credits":
        required = to_millicents(entry.parameters["cost"])
        members = {"required": required, "shortfall": to_millicents(entry.shortfall)}
        members |= {"available": available, "held": held}
    response = problem(402 if entry.reason == "insufficient_credits" else 409, str(entry.reason), **members)
    response.headers.update(headers)
    return response


def lost_answer(_: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    """The request takes effect, and the connection breaks before its answer."""
    serve()
    raise httpx.ReadError("connection reset")


def lost_request(_: httpx.Request, __: Callable[[], httpx.Response]) -> httpx.Response:
    """The connection breaks while the request is on its way; the service never sees it."""
    raise httpx.WriteError("broken pipe")


def no_connection(_: httpx.Request, __: Callable[[], httpx.Response]) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def instead(response: Callable[[], httpx.Response]) -> Fault:
    """Something before the service answers in its place."""
    return lambda _, __: response()


def always(fault: Fault) -> deque[Fault]:
    """More of one fault than any test sends requests."""
    return deque([fault] * 1000)


@dataclass
class FakeClock:
    """Time passes only by sleeping. The pause before another attempt is the longest that the policy allows."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now_s(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def uniform(self, _: float, longest: float) -> float:
        return longest

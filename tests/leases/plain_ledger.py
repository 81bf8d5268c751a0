"""A ledger of plain accounts behind a transport of the client's: holds, parts, and what is due, in a few lines each.

It shares no code with the service. Tests of the budget alone use it; that the service itself answers so is tested with
`millicent.testing`, in tests/leases/test_in_memory.py and by the model.
"""

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from millicent import Clock, Millicent, RetryPolicy

URL = "http://127.0.0.1:9"
Fault = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]


@dataclass
class PlainHold:
    id: str
    amount: Decimal
    ends_at_s: float
    captured: Decimal = Decimal(0)
    status: str = "open"

    @property
    def remaining(self) -> Decimal:
        return self.amount - self.captured if self.status == "open" else Decimal(0)


@dataclass
class PlainLedger:
    """One account with `available` millicents. `now_s` is its clock; `faults` meet the next requests."""

    available: Decimal = Decimal(0)
    now_s: float = 0.0
    holds: dict[str, PlainHold] = field(default_factory=dict)
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    charges: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was taken, by key: the line, as it was sent."""
    after: dict[str, Decimal] = field(default_factory=dict)
    """What was available after it."""
    faults: deque[Fault] = field(default_factory=deque)
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    whole: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    """How a batch is answered whole that has a line of this key: its status and code."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def client(self, clock: Clock | None = None, policy: RetryPolicy | None = None) -> Millicent:
        return Millicent(URL, "token", transport=httpx.MockTransport(self.handle), clock=clock, retry=policy)

    @property
    def held(self) -> Decimal:
        return sum((each.remaining for each in self.holds.values()), Decimal(0))

    @property
    def spent(self) -> Decimal:
        return sum((Decimal(str(line["cost"])) for line in self.charges.values()), Decimal(0))

    def charge(self, line: dict[str, Any]) -> None:
        """By somebody else."""
        self.expire()
        self._line(line)

    def fail_next(self, failure: str) -> None:
        self.faults.append({"account_busy": busy, "unavailable": unavailable}[failure])

    def handle(self, request: httpx.Request) -> httpx.Response:
        with self.lock:
            body = json.loads(request.content, parse_float=Decimal)
            self.seen.append((request.url.path, body))
            if self.faults:
                return self.faults.popleft()(request, lambda: self._serve(request, body))
            return self._serve(request, body)

    def _serve(self, request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
        self.expire()
        path = request.url.path.split("/")[2:]
        if path == ["cost", "batch"]:
            for line in body["charges"]:
                if line["key"] in self.whole:
                    status, code = self.whole[line["key"]]
                    return _answer(status, {"status": status, "code": code, "detail": "not as it is"})
            return _answer(200, {"results": [self._line(line) for line in body["charges"]]})
        key = request.headers["Idempotency-Key"]
        replayed = {"Idempotency-Replayed": "true"} if key in self.answers else {}
        if key not in self.answers:
            self.answers[key] = self._place(body) if path == ["holds"] else self._change(path[1], path[2], body)
        status, told = self.answers[key]
        return _answer(status, told, **replayed)

    def expire(self) -> None:
        for each in self.holds.values():
            if each.status == "open" and each.ends_at_s <= self.now_s:
                self._end(each, "expired")

    def _end(self, hold: PlainHold, status: str) -> None:
        self.available += hold.remaining
        hold.status = status

    def _place(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        wanted, least = Decimal(body["amount"]), Decimal(body.get("minimum_amount", body["amount"]))
        if least <= 0:
            return _problem(422, "validation_failed")
        amount = min(wanted, max(self.available, Decimal(0)))
        if amount < least:
            return self._short(least)
        hold = PlainHold(f"h{len(self.holds) + 1}", amount, self.now_s + body["ttl_s"])
        self.holds[hold.id] = hold
        self.available -= amount
        return 201, self._receipt(hold)

    def _change(self, hold_id: str, what: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        hold = self.holds[hold_id]
        if hold.status != "open":
            return _problem(409, f"hold_{hold.status}")
        if what == "extend":
            hold.ends_at_s = max(hold.ends_at_s, self.now_s + body["ttl_s"])
        else:
            self._end(hold, "released")
        return 201, self._receipt(hold)

    def _line(self, line: dict[str, Any]) -> dict[str, Any]:
        key = line["key"]
        replayed = key in self.answers
        if not replayed:
            self.answers[key] = self._charge(line)
        status, told = self.answers[key]
        if status == 201:
            return {"key": key, "status": 200 if replayed else 201, "replayed": replayed, "entry": told}
        return {"key": key, "status": status, "replayed": replayed, "problem": told}

    def _charge(self, line: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        cost = Decimal(line["cost"])
        if "hold" not in line:
            if cost > self.available and line.get("if_insufficient", "refuse") == "refuse":
                return self._short(cost)
            self.available -= cost
        else:
            hold = self.holds.get(line["hold"])
            if hold is None:
                return _problem(404, "hold_not_found")
            if hold.status != "open":
                return _problem(409, f"hold_{hold.status}")
            if cost > hold.remaining:
                return _problem(409, "exceeds_hold")
            hold.captured += cost
        self.charges[line["key"]] = line
        self.after[line["key"]] = self.available
        return 201, _entry(line["key"], -cost)

    def _short(self, required: Decimal) -> tuple[int, dict[str, Any]]:
        largest = max(self.available, Decimal(0))
        return _problem(
            402,
            "insufficient_credits",
            required=required,
            available=self.available,
            held=self.held,
            shortfall=required - largest,
            largest_affordable=largest,
        )

    def _receipt(self, hold: PlainHold) -> dict[str, Any]:
        shown = {
            "id": hold.id,
            "actor": "user:alice",
            "amount": hold.amount,
            "captured": hold.captured,
            "remaining": hold.remaining,
            "status": hold.status,
            "expires_at": "2026-01-01T00:00:00Z",
        }
        balance = {"available": self.available, "held": self.held, "funded": 0, "spent": self.spent}
        return {"entry": _entry("k", -hold.amount), "balance": balance, "hold": shown}


def _entry(key: str, amount: Decimal) -> dict[str, Any]:
    figures = dict.fromkeys(("available_before", "available_after", "held_before", "held_after"), 0)
    named = {"actor": "user:alice", "by": "tests", "kind": "capture", "outcome": "applied", "hash": "0"}
    return {"key": key, "seq": 1, "amount": amount, "at": "2026-01-01T00:00:00Z", **figures, **named}


def _problem(status: int, code: str, **members: object) -> tuple[int, dict[str, Any]]:
    return status, {"status": status, "code": code, "title": code, **members}


def _answer(status: int, body: object, **headers: str) -> httpx.Response:
    return httpx.Response(status, content=json.dumps(body, default=str), headers=headers)


def lost_before(request: httpx.Request, _serve: Callable[[], httpx.Response]) -> httpx.Response:
    raise httpx.ReadTimeout("lost before it arrived", request=request)


def lost_after(request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    serve()
    raise httpx.ReadTimeout("carried out, and the answer was lost", request=request)


def unreachable(request: httpx.Request, _serve: Callable[[], httpx.Response]) -> httpx.Response:
    raise httpx.ConnectError("no network", request=request)


def busy(_request: httpx.Request, _serve: Callable[[], httpx.Response]) -> httpx.Response:
    status, told = _problem(429, "account_busy")
    return _answer(status, told, **{"Retry-After": "1"})


def unavailable(_request: httpx.Request, _serve: Callable[[], httpx.Response]) -> httpx.Response:
    return _answer(*_problem(503, "ledger_unavailable"))

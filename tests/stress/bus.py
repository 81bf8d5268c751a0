"""A bus and its queues on the loopback: takes PutEvents over HTTP; fails, repeats, delays and reorders as AWS may."""

import hashlib
import heapq
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Lock, Thread
from typing import Any, Final

from tests.stress.chance import happens

REFUSED_ENTRY: Final = "an entry of a call not taken"
REFUSED_CALL: Final = "a call not taken"
LOST_ANSWER: Final = "events taken, answer lost"
REPEATED: Final = "an event delivered twice"
LATE: Final = "an event delivered late and out of order"
SET_ASIDE: Final = "an event set aside in a failure queue"
LOST: Final = "an event lost for good, as a later one of its account was not"
BUS_FAULTS: Final = (REFUSED_ENTRY, REFUSED_CALL, LOST_ANSWER, REPEATED, LATE, SET_ASIDE, LOST)

LONGEST_DELAY_S: Final = 3.0


@dataclass(order=True)
class Message:
    """`body` is the JSON text of an event's envelope."""

    due_s: float
    number: int
    body: str = field(compare=False)
    receives: int = field(default=0, compare=False)


class Queue:
    """Every message until it is deleted, in no particular order. `now_s` is a clock that is never set."""

    def __init__(self) -> None:
        self._waiting: list[Message] = []
        self._changed = Condition(Lock())
        self._unfinished = 0
        self._sent = 0

    def send(self, body: str, due_s: float) -> None:
        with self._changed:
            self._sent += 1
            self._unfinished += 1
            heapq.heappush(self._waiting, Message(due_s, self._sent, body))
            self._changed.notify()

    def receive(self, now_s: float, at_most: int, wait_s: float) -> list[Message]:
        """What is due, at most so many; waits a little for the first."""
        with self._changed:
            if not self._is_due(now_s):
                self._changed.wait(wait_s)
            received: list[Message] = []
            while len(received) < at_most and self._is_due(now_s):
                received.append(heapq.heappop(self._waiting))
            return received

    def delete(self, messages: list[Message]) -> None:
        with self._changed:
            self._unfinished -= len(messages)

    def give_back(self, messages: list[Message], due_s: float) -> None:
        """They become visible again."""
        with self._changed:
            for message in messages:
                message.due_s, message.receives = due_s, message.receives + 1
                heapq.heappush(self._waiting, message)

    @property
    def unfinished(self) -> int:
        """Messages that wait, and those in hand."""
        with self._changed:
            return self._unfinished

    def _is_due(self, now_s: float) -> bool:
        return bool(self._waiting) and self._waiting[0].due_s <= now_s


@dataclass
class Rule:
    """Where events of these kinds go; all, where none is named.

    `signals_alone`: an event says no more than that there is something new in its account, so the newest of each is
    enough. Such a rule has a failure queue. `failing` are the actors of whom every event ends there.
    """

    queue: Queue
    kinds: frozenset[str] | None = None
    signals_alone: bool = False
    failing: frozenset[str] = frozenset()
    failures: list[str] = field(default_factory=list)

    def takes(self, kind: str) -> bool:
        return self.kinds is None or kind in self.kinds


@dataclass(frozen=True)
class Shares:
    """How often each fault strikes: entries of a call, calls, or events. What is set aside are signals alone."""

    refused_entry: float = 0.01
    refused_call: float = 0.02
    lost_answer: float = 0.02
    repeated: float = 0.03
    late: float = 0.03
    set_aside: float = 0.03

    def times(self, scale: float) -> "Shares":
        return Shares(*(getattr(self, each.name) * scale for each in fields(self)))


class Bus:
    """Takes events as EventBridge does; `now_s` is read by whoever calls."""

    def __init__(self, rules: Sequence[Rule], chance: random.Random, shares: Shares) -> None:
        self._rules = rules
        self._chance = chance
        self._shares = shares
        self._lock = Lock()
        self.struck: Counter[str] = Counter()
        self.poisoned: list[str] = []

    def put_events(self, entries: list[dict[str, Any]], now_s: float) -> tuple[int, dict[str, Any]] | None:
        """Status and content of the answer; None where the caller gets none."""
        with self._lock:
            if self._strikes(self._shares.refused_call, REFUSED_CALL):
                return 500, {"__type": "InternalException", "message": "try again"}
            results = [self._put(entry, now_s) for entry in entries]
            if self._strikes(self._shares.lost_answer, LOST_ANSWER):
                return None
        return 200, {"FailedEntryCount": sum("ErrorCode" in each for each in results), "Entries": results}

    def send_message(self, body: str) -> tuple[int, dict[str, Any]]:
        """What the outbox sets aside as never to be published. There must be none."""
        self.poisoned.append(body)
        return 200, {"MessageId": "1", "MD5OfMessageBody": hashlib.md5(body.encode()).hexdigest()}  # noqa: S324

    def _is_set_aside(self, envelope: str, rule: Rule) -> bool:
        if _account(envelope)[1] in rule.failing:
            self.struck[SET_ASIDE] += 1
            return True
        return self._strikes(self._shares.set_aside, SET_ASIDE)

    def redrive(self, now_s: float) -> int:
        """What an operator does with failure queues at last; returns the number of messages.

        Of signals only the newest of each account comes back, so that the sums have to do without the others.
        """
        with self._lock:
            return sum(self._redriven(rule, now_s) for rule in self._rules)

    def _redriven(self, rule: Rule, now_s: float) -> int:
        newest = sorted(rule.failures, key=_seq)
        kept = {_account(envelope): envelope for envelope in newest}
        self.struck[LOST] += len(newest) - len(kept)
        for envelope in kept.values():
            rule.queue.send(envelope, now_s)
        rule.failures.clear()
        return len(kept)

    def _put(self, entry: dict[str, Any], now_s: float) -> dict[str, str]:
        if self._strikes(self._shares.refused_entry, REFUSED_ENTRY):
            return {"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}
        envelope = _envelope(entry)
        for rule in self._rules:
            if rule.takes(entry["DetailType"]):
                self._deliver(envelope, rule, now_s)
        return {"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"}

    def _deliver(self, envelope: str, rule: Rule, now_s: float) -> None:
        if rule.signals_alone and self._is_set_aside(envelope, rule):
            rule.failures.append(envelope)
            return
        rule.queue.send(envelope, now_s + self._delay_s())
        if self._strikes(self._shares.repeated, REPEATED):
            rule.queue.send(envelope, now_s + self._delay_s())

    def _delay_s(self) -> float:
        return self._chance.uniform(0, LONGEST_DELAY_S) if self._strikes(self._shares.late, LATE) else 0.0

    def _strikes(self, share: float, fault: str) -> bool:
        strikes = happens(self._chance, share, self.struck[fault])
        self.struck[fault] += strikes
        return strikes


@contextmanager
def serving(bus: Bus, now_s: Any) -> Iterator[str]:
    """The address that EventBridge and SQS clients are to be given."""
    handler = type("Handler", (_Handler,), {"bus": bus, "now_s": staticmethod(now_s)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet an answer; two would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True
    bus: Bus
    now_s: Any

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = self._answer(content)
        if answer is None:
            self.close_connection = True
            return
        status, result = answer
        text = json.dumps(result).encode()
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _answer(self, content: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        if self.headers["x-amz-target"] == "AWSEvents.PutEvents":
            return self.bus.put_events(content["Entries"], self.now_s())
        return self.bus.send_message(content["MessageBody"])


def _seq(envelope: str) -> int:
    seq: int = json.loads(envelope)["detail"]["seq"]
    return seq


def _account(envelope: str) -> tuple[str, str]:
    detail = json.loads(envelope)["detail"]
    return detail["tenant"], detail["actor"]


def _envelope(entry: dict[str, Any]) -> str:
    """The event as a rule's target gets it; the detail is passed on as it was written."""
    head = json.dumps({"version": "0", "source": entry["Source"], "detail-type": entry["DetailType"], "resources": []})
    return f'{head[:-1]}, "detail": {entry["Detail"]}}}'

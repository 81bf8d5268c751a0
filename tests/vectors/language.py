"""The language of vectors.yaml: what each phrase sends to the API, or asks of what came back.

A phrase is one line below with `@action` or `@expectation`: its words, `{name}` for a name, `{n}` for an amount in
millicents or a count, `{d}` for a duration such as 600s, 1h or 2d. A new phrase is one more function.
"""

import dataclasses
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any, Final

from shared.ledger.accounts import Account
from shared.ledger.ports import EntryFilter
from shared.ledger.protocol import Command, Commit, Outcome
from shared.ledger.verification import verify_account
from tests.builders import NOW_MS
from tests.integration.world import Answer, World

MUTATING: Final = ("cost", "funding", "holds")
TIMED: Final = (*MUTATING, "check", "accounts")
UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
PATTERNS: Final = {
    "n": r"(?P<{}>-?[0-9]+(?:\.[0-9]+)?)",
    "d": r"(?P<{}>[0-9]+[smhd])",
    "name": r"(?P<{}>[a-z][a-z0-9-]*)",
    "rest": r"(?P<{}>.+)",
}

Phrase = Callable[..., None]
_actions: list[tuple[re.Pattern[str], Phrase]] = []
_expectations: list[tuple[re.Pattern[str], Phrase]] = []


def _pattern(words: str) -> re.Pattern[str]:
    """`{amount:n}` is an amount called amount; what stands in [brackets] may be left out."""
    optional = re.sub(r" \[([^\]]+)\]", r"(?: \1)?", words)
    return re.compile(re.sub(r"\{(\w+):(\w+)\}", lambda found: PATTERNS[found[2]].format(found[1]), optional))


def action(words: str) -> Callable[[Phrase], Phrase]:
    return _register(_actions, words)


def expectation(words: str) -> Callable[[Phrase], Phrase]:
    return _register(_expectations, words)


def _register(phrases: list[tuple[re.Pattern[str], Phrase]], words: str) -> Callable[[Phrase], Phrase]:
    def register(phrase: Phrase) -> Phrase:
        phrases.append((_pattern(words), phrase))
        return phrase

    return register


class Story:
    """One vector as it is told: an account of its own, a clock, the answers so far and what was given a name."""

    def __init__(self, world: World, actor: str) -> None:
        self.world = world
        self.actor = actor
        self.now_ms = NOW_MS
        self.answers: list[Answer] = []
        self.names: dict[str, str] = {}
        self._last: Callable[[], Answer] | None = None
        self._sent: dict[str, Callable[[], Answer]] = {}
        self._numbers = count(1)

    def do(self, text: str) -> None:
        _say(self, _actions, text)

    def expect(self, text: str) -> None:
        _say(self, _expectations, text)

    def send(self, call: Callable[..., Answer], *arguments: Any, key: str | None = None) -> Answer:
        """Every request has a key, so that it can be sent again."""
        body = {"actor": self.actor, **arguments[-1]}
        key = key or f"request-{next(self._numbers)}"
        self._last = lambda: call(*arguments[:-1], body, key=key)
        self._sent[key] = self._last
        answer = self._last()
        self.answers.append(answer)
        return answer

    def send_again(self, key: str | None = None) -> None:
        request = self._last if key is None else self._sent[key]
        assert request is not None
        self.answers.append(request())

    def name(self, name: str | None, answer: Answer, kind: str) -> None:
        if name is not None and answer.status in {200, 201}:
            self.names[name] = answer.body[kind]["id"]

    @property
    def account(self) -> dict[str, Any]:
        return self.world.get(f"/v1/accounts/{self.actor}").body

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Every function reads this story's clock."""
        runtimes = {name: self.world.modules[name].runtime for name in TIMED}
        for name, runtime in runtimes.items():
            vars(self.world.modules[name])["runtime"] = dataclasses.replace(runtime, now_ms=lambda: self.now_ms)
        try:
            yield
        finally:
            for name, runtime in runtimes.items():
                vars(self.world.modules[name])["runtime"] = runtime

    @contextmanager
    def racing(self, others: deque[str]) -> Iterator[None]:
        """Each request is about to commit what it read when the next begins: all of them read the same state."""
        ledgers = [self.world.modules[name].runtime.ledger for name in MUTATING]
        for ledger in ledgers:
            ledger.execute = self._let_in(others, ledger.execute)
        try:
            yield
        finally:
            for ledger in ledgers:
                del ledger.execute

    def _let_in(self, others: deque[str], execute: Callable[[Command], Outcome]) -> Callable[[Command], Outcome]:
        def run(command: Command) -> Outcome:
            if isinstance(command, Commit) and others:
                self.do(others.popleft())
            return execute(command)

        return run

    def assert_sound(self) -> None:
        """The record holds: it leads to the balances, and the open holds to what is held."""
        ledger = self.world.modules["accounts"].runtime.ledger
        account = Account("main", self.actor)
        state = ledger.state(account)
        entries = list(ledger.entries(account, EntryFilter(1000)).items)[::-1]
        assert verify_account(account, entries, state) == []
        assert sum(hold.amount for hold in ledger.open_holds(account)) == (state.held if state else 0)


def _say(story: Story, phrases: list[tuple[re.Pattern[str], Phrase]], text: str) -> None:
    for pattern, phrase in phrases:
        if found := pattern.fullmatch(text):
            phrase(story, **found.groupdict())
            return
    raise AssertionError(f"nothing is known of: {text}")


def milliseconds(duration: str) -> int:
    return int(duration[:-1]) * UNIT_MS[duration[-1]]


def given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


# --- what is done ------------------------------------------------------------------------------------------------


@action("{n:n} times {what:rest}")
def times(story: Story, n: str, what: str) -> None:
    for _ in range(int(n)):
        story.do(what)


@action("at once {what:rest}")
def at_once(story: Story, what: str) -> None:
    first, *others = [step for part in what.split(" and ") for step in _repeated(part)]
    with story.racing(deque(others)):
        story.do(first)


def _repeated(part: str) -> list[str]:
    found = re.fullmatch(r"([0-9]+) times (.+)", part)
    return [found[2]] * int(found[1]) if found else [part]


@action("{d:d} pass")
def pass_time(story: Story, d: str) -> None:
    story.now_ms += milliseconds(d)


@action("send that again")
def send_again(story: Story) -> None:
    story.send_again()


@action("send {key:name} again")
def send_named_again(story: Story, key: str) -> None:
    story.send_again(key)


@action("grant {n:n} [of priority {priority:n}] [for {d:d}] [as {name:name}]")
def grant(story: Story, n: str, priority: str | None, d: str | None, name: str | None) -> None:
    expires_at = datetime.fromtimestamp((story.now_ms + milliseconds(d)) / 1000, UTC).isoformat() if d else None
    terms = {"amount": n, "priority": int(priority) if priority else None, "expires_at": expires_at}
    story.name(name, story.send(story.world.fund, given(terms)), "grant")


@action("void {name:name}")
def void(story: Story, name: str) -> None:
    story.send(story.world.void, story.names.get(name, name), {})


@action("set funded from {old:n} to {new:n} [{force:name}]")
def set_funded(story: Story, old: str, new: str, force: str | None) -> None:
    story.send(story.world.fund, given({"old_amount": old, "new_amount": new, "force": force == "forced" or None}))


@action(r"charge {n:n} [or {how:name}] [as {name:name}]")
def charge(story: Story, n: str, how: str | None, name: str | None) -> None:
    ways = {None: "refuse", "less": "partial", "overdraw": "overdraw"}
    story.send(story.world.cost, {"cost": n, "if_insufficient": ways[how]}, key=name)


@action("hold {n:n} [or at least {least:n}] [for {d:d}] [as {name:name}]")
def hold(story: Story, n: str, least: str | None, d: str | None, name: str | None) -> None:
    terms = {"amount": n, "minimum_amount": least, "ttl_s": milliseconds(d) // 1000 if d else None}
    story.name(name, story.send(story.world.hold, given(terms)), "hold")


@action("capture {name:name} [at {n:n}] [and {excess:name} the excess] [as {key:name}]")
def capture(story: Story, name: str, n: str | None, excess: str | None, key: str | None) -> None:
    terms = given({"amount": n, "overrun": excess})
    story.send(story.world.change_hold, story.names.get(name, name), "capture", terms, key=key)


@action("release {name:name}")
def release(story: Story, name: str) -> None:
    story.send(story.world.change_hold, story.names.get(name, name), "release", {})


@action("extend {name:name} by {d:d}")
def extend(story: Story, name: str, d: str) -> None:
    terms = {"ttl_s": milliseconds(d) // 1000}
    story.send(story.world.change_hold, story.names.get(name, name), "extend", terms)


@action("refund {name:name} [by {n:n}]")
def refund(story: Story, name: str, n: str | None) -> None:
    story.send(story.world.refund, given({"charge": name, "amount": n}))


# --- what is expected --------------------------------------------------------------------------------------------


def fate(answer: Answer) -> str:
    return "accepted" if answer.status in {200, 201} else answer.code


@expectation("accepted")
def last_accepted(story: Story) -> None:
    assert fate(story.answers[-1]) == "accepted"


@expectation("refused as {code:rest}")
def last_refused(story: Story, code: str) -> None:
    assert fate(story.answers[-1]) == code.replace(" ", "_")


@expectation("{n:n} accepted")
def accepted(story: Story, n: str) -> None:
    assert [fate(answer) for answer in story.answers].count("accepted") == int(n)


@expectation("{n:n} refused as {code:rest}")
def refused(story: Story, n: str, code: str) -> None:
    assert [fate(answer) for answer in story.answers].count(code.replace(" ", "_")) == int(n)


@expectation("the same answer twice")
def same_answer(story: Story) -> None:
    first, again = story.answers[-2:]
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")


@expectation("{what:name} {n:n}")
def balance(story: Story, what: str, n: str) -> None:
    """Of the account (available, held, funded, spent), or of the last answer (taken, missing, affordable, back)."""
    body = story.answers[-1].body if story.answers else {}
    match what:
        case "taken":
            assert -body["entry"]["amount"] == Decimal(n)
        case "back":
            assert body["entry"]["amount"] == Decimal(n)
        case "missing":
            assert body["shortfall"] == Decimal(n)
        case "affordable":
            assert body["largest_affordable"] == Decimal(n)
        case _:
            assert story.account[what] == Decimal(n)


@expectation("{name:name} has {n:n} left")
def left(story: Story, name: str, n: str) -> None:
    remaining = {grant["id"]: grant["remaining"] for grant in story.account["grants"]}
    assert remaining.get(story.names[name], 0) == Decimal(n)


@expectation("{n:n} open holds")
def open_holds(story: Story, n: str) -> None:
    assert len(story.account["holds"]) == int(n)


@expectation("check of {n:n} says {verdict:name}")
def check(story: Story, n: str, verdict: str) -> None:
    allowed = story.world.check({"actor": story.actor, "minimum": n}).body["allowed"]
    assert allowed == (verdict == "yes")

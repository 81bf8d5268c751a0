"""The language of vectors.yaml: what each phrase sends to the API, or asks of what came back.

A phrase is one line below with `@action` or `@expectation`: its words, `{name}` for a name, `{n}` for an amount in
millicents or a count, `{d}` for a duration such as 600s, 1h or 2d, `{t}` for a time such as 2026-03-29 00:00 in
Europe/Amsterdam. What stands in [brackets] may be left out. A new phrase is one more function.
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
from zoneinfo import ZoneInfo

from shared.adapters.driver import Pace
from shared.edge.http import encoded
from shared.ledger.accounts import Account
from shared.ledger.protocol import Command, CommandOutcome, Commit
from shared.ports.ledger import EntryFilter
from shared.verification.accounts import verify_account
from tests.builders import NOW_MS
from tests.integration.world import Answer, World

MUTATING: Final = ("cost", "funding", "holds", "policies")
TIMED: Final = (*MUTATING, "check", "accounts", "history", "rates", "tenant")
UNHURRIED: Final = Pace(monotonic_ms=lambda: 0, sleep_ms=lambda _: None, below=lambda _: 0)
"""Who waits for all the others to commit first is not to run out of time."""
UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
PATTERNS: Final = {
    "n": r"(?P<{}>-?[0-9]+(?:\.[0-9]+)?)",
    "d": r"(?P<{}>[0-9]+[smhd])",
    "t": r"(?P<{}>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} [0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}})? in [A-Za-z/]+)",
    "name": r"(?P<{}>[a-z][a-z0-9-]*)",
    "currency": r"(?P<{}>[A-Z]{{3}})",
    "rest": r"(?P<{}>.+)",
}

_OF_EVERY_PROBLEM: Final = frozenset({"type", "title", "status", "detail", "code"})

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

    commit_type: type = Commit

    def __init__(self, world: World, actor: str) -> None:
        self.world = world
        self.actor = self.main_actor = actor
        self.actors = [actor]
        self.now_ms = NOW_MS
        self.answers: list[Answer] = []
        self.names: dict[str, str] = {}
        self._last: Callable[[], Answer] | None = None
        self._sent: dict[str, Callable[[], Answer]] = {}
        self._numbers = count(1)

    def tell(self, vector: Mapping[str, Any]) -> list[Answer]:
        """Does what the vector says and holds the last answers against it. Returns all answers."""
        for step in vector.get("given", []):
            self.do(step)
        given = list(self.answers)
        self.answers.clear()
        for step in vector["when"]:
            self.do(step)
        answers = given + self.answers
        for outcome in vector["then"]:
            self.expect(outcome)
        return answers

    def do(self, text: str) -> None:
        _say(self, _actions, text)

    def expect(self, text: str) -> None:
        _say(self, _expectations, text)

    def send(self, call: Callable[..., Answer], *arguments: Any, key: str | None = None) -> Answer:
        """Every request has a key, so that it can be sent again."""
        body = {"actor": self.actor, **arguments[-1]}
        return self._request(lambda key: call(*arguments[:-1], body, key=key), key)

    def send_text(self, body: str, key: str) -> Answer:
        """A charge, spelled as it is."""
        return self._request(lambda key: self.world.call("POST", "/v1/cost", text=body, key=key), key)

    def govern(self, call: Callable[..., Answer], terms: object, key: str | None = None) -> Answer:
        actor = self.actor
        return self._request(lambda key: call(actor, terms, key=key), key)

    def _request(self, call: Callable[[str], Answer], key: str | None = None) -> Answer:
        key = key or f"request-{next(self._numbers)}"
        self._last = lambda: call(key)
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

    @contextmanager
    def speaking_of(self, who: str) -> Iterator[None]:
        """What is said concerns another account of the story."""
        before, self.actor = self.actor, self.actor_named(who)
        try:
            yield
        finally:
            self.actor = before

    def actor_named(self, who: str) -> str:
        actor = f"{self.main_actor}.{who}"
        if actor not in self.actors:
            self.actors.append(actor)
        return actor

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
        # Each once: where all is in memory the functions share one.
        ledgers = list({id(ledger): ledger for ledger in map(self._ledger_of, MUTATING)}.values())
        paces = [vars(ledger)["_pace"] for ledger in ledgers]
        for ledger in ledgers:
            ledger.execute = self._let_in(others, ledger.execute)
            vars(ledger)["_pace"] = UNHURRIED
        try:
            yield
        finally:
            for ledger, pace in zip(ledgers, paces, strict=True):
                del ledger.execute
                vars(ledger)["_pace"] = pace

    def _ledger_of(self, function: str) -> Any:
        return self.world.modules[function].runtime.ledger

    def _let_in(
        self, others: deque[str], execute: Callable[[Command], CommandOutcome]
    ) -> Callable[[Command], CommandOutcome]:
        def run(command: Command) -> CommandOutcome:
            if isinstance(command, self.commit_type) and others:
                self.do(others.popleft())
            return execute(command)

        return run

    def assert_sound(self) -> None:
        """The record of each account holds: it leads to the balances, and the open holds to what is held."""
        ledger = self.world.modules["accounts"].runtime.ledger
        for actor in self.actors:
            account = Account("main", actor)
            state = ledger.state(account)
            entries = list(ledger.entries(account, EntryFilter(1000)).items)[::-1]
            assert verify_account(account, entries, state) == []
            assert sum(hold.remaining for hold in ledger.open_holds(account)) == (state.held if state else 0)


def _say(story: Story, phrases: list[tuple[re.Pattern[str], Phrase]], text: str) -> None:
    for pattern, phrase in phrases:
        if found := pattern.fullmatch(text):
            phrase(story, **found.groupdict())
            return
    raise AssertionError(f"nothing is known of: {text}")


def time_of(story: Story, d: str, when: str) -> str:
    """So long `ago` or `ahead`."""
    distance_ms = milliseconds(d) * {"ago": -1, "ahead": 1}[when]
    return datetime.fromtimestamp((story.now_ms + distance_ms) / 1000, UTC).isoformat(timespec="milliseconds")


def milliseconds(duration: str) -> int:
    return int(duration[:-1]) * UNIT_MS[duration[-1]]


def epoch_ms(time: str) -> int:
    """Of a time on the clocks of a zone."""
    at, zone = time.split(" in ")
    return int(datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


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


@action("it is {t:t}")
def set_time(story: Story, t: str) -> None:
    assert epoch_ms(t) >= story.now_ms, "time goes forward"
    story.now_ms = epoch_ms(t)


@action("for {who:name} {what:rest}")
def for_another(story: Story, who: str, what: str) -> None:
    with story.speaking_of(who):
        story.do(what)


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


@action("charge {n:n} with metadata {metadata:rest} as {name:name}")
def charge_with_metadata(story: Story, n: str, metadata: str, name: str) -> None:
    body = f'{{"actor":"{story.actor}","cost":{n},"metadata":{metadata}}}'
    story.send_text(body, name)


@action(r"charge {n:n} [or {how:name}] [through {app:name}] [on {meter:name}] [as {name:name}]")
def charge(story: Story, n: str, how: str | None, app: str | None, meter: str | None, name: str | None) -> None:
    ways = {None: "refuse", "less": "partial", "overdraw": "overdraw"}
    terms = {"cost": n, "if_insufficient": ways[how], "app": app, "meter": meter}
    story.send(story.world.cost, given(terms), key=name)


@action("charge {n:n} of {d:d} {when:name} [as {name:name}]")
def charge_of_another_time(story: Story, n: str, d: str, when: str, name: str | None) -> None:
    """`when` is ago or ahead."""
    story.send(story.world.cost, {"cost": n, "occurred_at": time_of(story, d, when)}, key=name)


@action("capture {hold:name} at {n:n} of {d:d} {when:name}")
def capture_of_another_time(story: Story, hold: str, n: str, d: str, when: str) -> None:
    terms = {"amount": n, "occurred_at": time_of(story, d, when)}
    story.send(story.world.change_hold, story.names.get(hold, hold), "capture", terms)


@action("hold {n:n} [or at least {least:n}] [for {d:d}] [through {app:name}] [on {meter:name}] [as {name:name}]")
def hold(story: Story, n: str, d: str | None, name: str | None, **options: str | None) -> None:
    terms = {
        "amount": n,
        "minimum_amount": options["least"],
        "ttl_s": milliseconds(d) // 1000 if d else None,
        "app": options["app"],
        "meter": options["meter"],
    }
    story.name(name, story.send(story.world.hold, given(terms)), "hold")


@action("capture {name:name} [at {n:n}] [and {excess:name} the excess] [or {late:name} if expired] [as {key:name}]")
def capture(story: Story, name: str, n: str | None, excess: str | None, late: str | None, key: str | None) -> None:
    terms = given({"amount": n, "overrun": excess, "if_expired": late})
    story.send(story.world.change_hold, story.names.get(name, name), "capture", terms, key=key)


@action("capture {n:n} of {name:name} [and {excess:name} the excess] [or {late:name} if expired] [as {key:name}]")
def capture_a_part(story: Story, n: str, name: str, excess: str | None, late: str | None, key: str | None) -> None:
    """The hold stays open."""
    terms = given({"amount": n, "overrun": excess, "if_expired": late}) | {"final": False}
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


@action("batch {what:rest}")
def batch(story: Story, what: str) -> None:
    """Lines of one request, each with a key of its own: `charge N` or `capture N of HOLD`, as alone."""
    charges = [
        {"key": f"batch-{place}", "actor": story.actor, **_line(story, *line.groups())}
        for place, line in enumerate(_LINE.finditer(what))
    ]
    story.answers += [_alone(result) for result in story.world.batch(charges).body["results"]]


_LINE: Final = re.compile(
    r"charge ([0-9.]+)|capture ([0-9.]+) of (\S+)(?: and (\S+) the excess)?(?: or (\S+) if expired)?"
)


def _line(
    story: Story, cost: str | None, part: str | None, hold: str | None, excess: str | None, late: str | None
) -> dict[str, Any]:
    if hold is None:
        return given({"cost": cost})
    return given({"cost": part, "hold": story.names.get(hold, hold), "overrun": excess, "if_expired": late})


def _alone(result: dict[str, Any]) -> Answer:
    """A result of a batch as if its charge had come alone."""
    body = result.get("problem") or {name: result[name] for name in ("entry", "shortfall") if name in result}
    headers = {"Idempotency-Replayed": str(result["replayed"]).lower()}
    return Answer(result["status"], headers, encoded(body))


@action("overdraft limit {n:n}")
def set_overdraft_limit(story: Story, n: str) -> None:
    story.govern(story.world.configure, {"overdraft_limit": n})


@action("warn at {amounts:rest}")
def set_thresholds(story: Story, amounts: str) -> None:
    story.govern(story.world.configure, {"low_balance_thresholds": amounts.split("/")})


@action("time zone {zone:rest}")
def set_time_zone(story: Story, zone: str) -> None:
    story.govern(story.world.configure, {"time_zone": zone})


@action("freeze")
def freeze(story: Story) -> None:
    story.govern(story.world.configure, {"status": "frozen"})


@action("unfreeze")
def unfreeze(story: Story) -> None:
    story.govern(story.world.configure, {"status": "open"})


@action("join {who:name}")
def join(story: Story, who: str) -> None:
    story.govern(story.world.configure, {"parent": story.actor_named(who)})


@action("leave")
def leave(story: Story) -> None:
    story.govern(story.world.configure, {"parent": None})


@action("limits {what:rest} as {key:name}")
def set_named_limits(story: Story, what: str, key: str) -> None:
    story.govern(story.world.limit, [_limit(each) for each in what.split(" and ")], key)


@action("limits {what:rest}")
def set_limits(story: Story, what: str) -> None:
    story.govern(story.world.limit, [_limit(each) for each in what.split(" and ")])


@action("no limits")
def remove_limits(story: Story) -> None:
    story.govern(story.world.limit, [])


@action("allowance {n:n} {interval:name} [of priority {priority:n}] [rolling over {most:n}] [if at least {least:n}]")
def set_allowance(story: Story, n: str, interval: str, **options: str | None) -> None:
    terms = {
        "amount": n,
        "interval": interval,
        "priority": int(options["priority"]) if options["priority"] else None,
        "rollover_maximum": options["most"],
        "rollover_minimum": options["least"],
    }
    story.govern(story.world.allow, given(terms))


@action("allowance ends")
def end_allowance(story: Story) -> None:
    story.govern(story.world.allow, None)


def _limit(words: str) -> dict[str, Any]:
    """`100 a day through chat on gpu`, or `100 in any PT5H of gpt-4o`, as the API takes and shows it."""
    found = re.fullmatch(
        r"([0-9.]+)(?: an? (hour|day|week|month)| in any ([A-Z0-9]+))?(?: through ([a-z-]+))?(?: on ([a-z-]+))?"
        r"(?: of ([a-z0-9.-]+))?",
        words,
    )
    assert found is not None, words
    limit = {"amount": found[1], "window": found[2] or found[3], "app": found[4], "meter": found[5]}
    return limit | ({"model": found[6]} if found[6] else {})


# --- what is expected --------------------------------------------------------------------------------------------


def result_of(answer: Answer) -> str:
    return "accepted" if answer.status in {200, 201} else answer.code


@expectation("accepted")
def last_accepted(story: Story) -> None:
    assert result_of(story.answers[-1]) == "accepted"


@expectation("refused as {code:rest}")
def last_refused(story: Story, code: str) -> None:
    assert result_of(story.answers[-1]) == code.replace(" ", "_")


@expectation("said to be of {d:d} {when:name}")
def of_another_time(story: Story, d: str, when: str) -> None:
    said = datetime.fromisoformat(story.answers[-1].body["entry"]["occurred_at"])
    assert said == datetime.fromisoformat(time_of(story, d, when))


@expectation("{n:n} accepted")
def accepted(story: Story, n: str) -> None:
    assert [result_of(answer) for answer in story.answers].count("accepted") == int(n)


@expectation("{n:n} refused as {code:rest}")
def refused(story: Story, n: str, code: str) -> None:
    assert [result_of(answer) for answer in story.answers].count(code.replace(" ", "_")) == int(n)


@expectation("the same answer twice")
def same_answer(story: Story) -> None:
    first, again = story.answers[-2:]
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")


@expectation("{what:name} {n:n}")
def balance(story: Story, what: str, n: str) -> None:
    """Of the account (available, held, funded, spent), of a check (spendable), or of the last answer (the others)."""
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
        case "spendable":
            assert story.world.check({"actor": story.actor}).body["spendable"] == Decimal(n)
        case _:
            assert story.account[what] == Decimal(n)


@expectation("{name:name} has {n:n} left")
def left(story: Story, name: str, n: str) -> None:
    remaining = {grant["id"]: grant["remaining"] for grant in story.account["grants"]}
    assert remaining.get(story.names[name], 0) == Decimal(n)


@expectation("{n:n} open holds")
def open_holds(story: Story, n: str) -> None:
    assert len(story.account["holds"]) == int(n)


@expectation("check of {n:n} [through {app:name}] [on {meter:name}] says {verdict:name} [because {reason:rest}]")
def check(story: Story, n: str, app: str | None, meter: str | None, verdict: str, reason: str | None) -> None:
    answer = story.world.check(given({"actor": story.actor, "minimum": n, "app": app, "meter": meter})).body
    assert answer["allowed"] == (verdict == "yes")
    assert reason is None or answer["reason"] == reason.replace(" ", "_")


@expectation("check of {n:n} says as much")
def check_says_as_much(story: Story, n: str) -> None:
    """As the refusal of the last charge, with every figure of it."""
    told = story.world.check({"actor": story.actor, "minimum": n}).body
    refusal = {name: each for name, each in story.answers[-1].body.items() if name not in _OF_EVERY_PROBLEM}
    assert told == told | refusal


@expectation("audit pending through {seq:n}, then verified")
def audit_is_pending(story: Story, seq: str) -> None:
    path = f"/v1/accounts/{story.actor}/audit"
    before = story.world.get(path).body
    assert (before["verified"], before["verified_through"]) == ("pending", int(seq))
    story.world.settle()
    after = story.world.get(path).body
    assert (after["verified"], after["verified_through"]) == (True, story.account["seq"])


@expectation("for {who:name} {what:rest}")
def of_another(story: Story, who: str, what: str) -> None:
    with story.speaking_of(who):
        story.expect(what)


@expectation("warned at {amounts:rest}")
def warned(story: Story, amounts: str) -> None:
    """By the answers, in order, and by no others."""
    assert _alerts(story) == [Decimal(amount) for amount in amounts.split("/")]


@expectation("on record as warned at {amounts:rest}")
def warned_on_record(story: Story, amounts: str) -> None:
    """By all the entries of the account."""
    entries = story.world.get(f"/v1/accounts/{story.actor}/entries", query={"limit": "100"}).body["items"]
    alerts = [amount for entry in entries[::-1] for amount in entry.get("low_balance", [])]
    assert alerts == [Decimal(amount) for amount in amounts.split("/")]


@expectation("not warned")
def not_warned(story: Story) -> None:
    assert _alerts(story) == []


@expectation("decided by the limit {what:rest}")
def decided_by_limit(story: Story, what: str) -> None:
    decided = story.answers[-1].body["limit"]
    named = {name: value for name, value in decided.items() if name in {"window", "app", "meter", "model"}}
    assert named | {"amount": str(decided["amount"])} == _limit(what)


@expectation("decided by the account of {who:name}")
def decided_by_parent(story: Story, who: str) -> None:
    assert story.answers[-1].body["limit"]["account"] == story.actor_named(who)


@expectation("starts again at {t:t}")
def starts_again(story: Story, t: str) -> None:
    assert epoch_ms_of(story.answers[-1].body["limit"]["resets_at"]) == epoch_ms(t)


@expectation("{n:n} used")
def used(story: Story, n: str) -> None:
    """Of the first limit."""
    assert story.account["limits"][0]["used"] == Decimal(n)


@expectation("next allowance at {t:t}")
def next_allowance(story: Story, t: str) -> None:
    assert epoch_ms_of(story.account["allowance"]["next_at"]) == epoch_ms(t)


def epoch_ms_of(rfc3339: str) -> int:
    return int(datetime.fromisoformat(rfc3339).timestamp() * 1000)


def _alerts(story: Story) -> list[Decimal]:
    entries = [answer.body.get("entry", {}) for answer in story.answers]
    return [Decimal(amount) for entry in entries for amount in entry.get("low_balance", [])]

"""One sequence against the model and the real stack, side by side: after each ask, and as readers see it later."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tests.eager.asks import MEMBER, PARENT, ZONES, Ask, Sequence
from tests.eager.calendar import end_of_period
from tests.eager.model import NEVER_MS, Account, Answer, Hold, Model, Spent
from tests.eager.stack import Said, Stack, must_see, place_of

_TURNS_TOUCHED = 3
"""Of windows that turn one after the other with nothing in between, so many see a no-op entry."""
_SHORTEST_RUNS_MAX = 600
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Difference:
    """`what` names it without figures, so that differences of one kind can be counted."""

    at_ask: int
    what: str
    expected: object
    found: object


class Differs(Exception):
    def __init__(self, what: str, expected: object, found: object) -> None:
        super().__init__(what)
        self.what, self.expected, self.found = what, expected, found


@dataclass
class Outcome:
    difference: Difference | None
    views: list[object]
    operations: int
    no_op_entries: int
    kinds: Counter[str]
    story: list[str]


class Run:
    """`with_no_ops`: a change of settings that changes nothing is recorded wherever something is due, at its time."""

    def __init__(self, sequence: Sequence, *, with_no_ops: bool, without: AbstractSet[str], verifies: bool) -> None:
        self.sequence = sequence
        self.with_no_ops = with_no_ops
        self.without = without
        self.verifies = verifies
        self.model = Model(sequence.opening.start_ms)
        self.stack = Stack()
        self.placed: dict[str, list[Hold]] = {MEMBER: [], PARENT: []}
        self.charges: dict[str, list[Spent]] = {MEMBER: [], PARENT: []}
        self.outcome = Outcome(None, [], 0, 0, Counter(), [])

    def go(self) -> Outcome:
        at_ask = -1
        try:
            self._open()
            for at_ask, ask in enumerate(self.sequence.asks):  # noqa: B007  # where it was, when it breaks off
                self._ask(ask)
            if self.verifies:
                for actor in self.model.accounts:
                    self._compare("verification", [], self.stack.findings(actor))
        except Differs as differs:
            self.outcome.difference = Difference(at_ask, differs.what, differs.expected, differs.found)
        except Exception as broken:  # noqa: BLE001  # a defect of the stack is a difference like any other
            self.outcome.difference = Difference(at_ask, f"raised {type(broken).__name__}", "an answer", repr(broken))
        return self.outcome

    def _open(self) -> None:
        opening = self.sequence.opening
        for actor in (MEMBER, PARENT) if opening.is_family else (MEMBER,):
            overdraft_limit = opening.overdraft_limits[actor]
            self.model.open_account(actor, ZONES[opening.zone] * MINUTE_MS, overdraft_limit)
            self._do(actor, "configure", {"overdraft_limit": overdraft_limit, "zone": opening.zone})
        if opening.is_family:
            self._do(MEMBER, "configure", {"parent": PARENT})

    def _ask(self, ask: Ask) -> None:
        if ask.actor not in self.model.accounts or (ask.kind == "join" and PARENT not in self.model.accounts):
            return
        self._advance(self._instant(ask))
        for kind, terms in self._resolved(ask):
            self._do(ask.actor, kind, terms)
        if ask.kind == "glance" and "checks" not in self.without:
            self._check(ask.actor, ask.terms["minimum"], ask.terms["app"])
        self._look(self.model, 0)
        for later_ms in ask.looks:
            model = deepcopy(self.model)
            model.advance(self.model.now_ms + later_ms)
            self._look(model, later_ms)

    def _instant(self, ask: Ask) -> int:
        now_ms = self.model.now_ms
        if ask.then >= 0:
            return now_ms + ask.then
        due_ms = self.model.next_due_ms(ask.actor)
        return now_ms if due_ms == NEVER_MS else max(due_ms + (ask.then + 1), now_ms)

    def _advance(self, to_ms: int) -> None:
        self.model.advance(to_ms)
        due, turned = self.model.due_instants, self.model.turned_instants
        if self.with_no_ops:
            for at_ms, actor in sorted([*due, *turned[:_TURNS_TOUCHED], *turned[-1:]]):
                self.outcome.no_op_entries += 1
                self.stack.touch(actor, at_ms)
        due.clear()
        turned.clear()

    def _resolved(self, ask: Ask) -> Iterator[tuple[str, dict[str, Any]]]:
        """What is asked, as things are by now: nothing where there is nothing that it could speak of."""
        account, terms = self.model.accounts[ask.actor], ask.terms
        match ask.kind:
            case "charge":
                yield "charge", dict(terms)
            case "hold":
                yield "hold", {**_but(terms, "lifetime"), "ttl_ms": self._ttl_ms(account, terms["lifetime"])}
            case "leaks":
                for number in range(terms["count"]):
                    ttl_ms = MINUTE_MS + number * terms["apart_ms"]
                    yield "hold", {"amount": terms["amount"], "minimum": None, "ttl_ms": ttl_ms, "app": None}
            case "extend" | "capture" | "release":
                yield from self._of_a_hold(ask, account)
            case "refund" if charges := self.charges[ask.actor]:
                yield "refund", {"charge": charges[terms["which"] % len(charges)], "amount": terms["amount"]}
            case _:
                yield from self._credits(ask, account)
                yield from self._settings(ask, account)

    def _credits(self, ask: Ask, account: Account) -> Iterator[tuple[str, dict[str, Any]]]:
        terms = ask.terms
        match ask.kind:
            case "grant":
                yield from self._grant(account, terms)
            case "grants" if "merging" not in self.without:
                yield from self._many_grants(terms)
            case "funding_update":
                old = account.funded + terms["stale"]
                yield "funding_update", {"old": old, "new": max(old + terms["change"], 0), "force": terms["force"]}
            case "void" if grants := account.in_order:
                yield "void", {"grant": grants[terms["which"] % len(grants)]}

    def _of_a_hold(self, ask: Ask, account: Account) -> Iterator[tuple[str, dict[str, Any]]]:
        hold = self._named_hold(ask)
        if hold is None:
            return
        if ask.kind == "release":
            yield "release", {"hold": hold}
        elif ask.kind == "extend":
            yield "extend", {"hold": hold, "ttl_ms": self._ttl_ms(account, ask.terms["lifetime"])}
        else:
            yield "capture", self._capture(hold, ask.terms)

    def _named_hold(self, ask: Ask) -> Hold | None:
        which, holds = ask.terms["which"], self.placed[ask.actor]
        wanted = (None, "open", "open", "expired")[which % 4]
        among = [hold for hold in holds if hold.status == wanted] or holds
        return among[which // 4 % len(among)] if among else None

    def _capture(self, hold: Hold, terms: dict[str, Any]) -> dict[str, Any]:
        part, overrun = terms["part"], terms["overrun"]
        if "excess" in self.without:
            overrun = "refuse"
        elif "overruns" in self.without and overrun in {"partial", "overdraw"}:
            overrun = "charge"
        amount = part
        if part is not None:
            amount = hold.left + terms["more"] if part == "more" else int(hold.left * part)
        if_expired = "refuse" if "if_expired" in self.without else terms["if_expired"]
        final = amount is None or terms.get("final", True) or "parts" in self.without
        return {"hold": hold, "amount": amount, "overrun": overrun, "if_expired": if_expired, "final": final}

    def _grant(self, account: Account, terms: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        if "merging" in self.without and len(account.grants) >= 15:
            return
        lasts_ms, category = terms["lasts_ms"], terms["category"]
        ends_ms = NEVER_MS if lasts_ms is None else self.model.now_ms + self._ttl_ms(account, lasts_ms)
        if category == "allowance" and "likeness" in self.without:
            category = "promotional"
        yield "grant", {**_but(terms, "lasts_ms"), "category": category, "ends_ms": ends_ms}

    def _many_grants(self, terms: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for number in range(terms["count"]):
            ends_ms = self.model.now_ms + (number + 1) * terms["apart_ms"]
            priority = terms["priority"] + number % terms["priorities"]
            kind = {"category": terms["category"], "priority": priority}
            yield "grant", {"amount": terms["amount"], **kind, "ends_ms": ends_ms}

    def _settings(self, ask: Ask, account: Account) -> Iterator[tuple[str, dict[str, Any]]]:
        terms, without = ask.terms, self.without
        match ask.kind:
            case "overdraft":
                yield "configure", {"overdraft_limit": terms["amount"]}
            case "freeze" if "freezing" not in without and (ask.actor == MEMBER or "frozen parents" not in without):
                yield "configure", {"is_frozen": terms["is_frozen"]}
            case "thresholds" if "warnings" not in without:
                yield "configure", {"thresholds": terms["amounts"]}
            case "limits":
                yield "configure", {"limits": terms["limits"]}
            case "allowance" if "lowering" not in without or not account.given_until_ms:
                yield "configure", {"allowance": terms["terms"]}
            case "zone" if "zones" not in without:
                yield "configure", {"zone": terms["name"]}
            case "join":
                yield "configure", {"parent": terms["parent"] if ask.actor == MEMBER else None}

    def _ttl_ms(self, account: Account, lifetime: int | str) -> int:
        if isinstance(lifetime, int):
            return lifetime
        return end_of_period("day", self.model.now_ms, account.zone_offset_ms) - self.model.now_ms

    def _do(self, actor: str, kind: str, terms: dict[str, Any]) -> None:
        self.outcome.kinds[kind] += 1
        self.outcome.operations += 1
        now_ms = self.model.now_ms
        account = self.model.accounts[actor]
        asked = {**terms, "grant": place_of(terms["grant"], account.in_order)} if "grant" in terms else terms
        said, entry = self.stack.ask(actor, kind, asked, now_ms)
        answer = self.model.do(kind, actor, **_for_the_model(terms))
        # An allowance that begins: nothing was waited for.
        self.model.due_instants.clear()
        self.outcome.story.append(f"{_clock(now_ms)}  {actor} {kind} {_shown(terms)} -> {_short(answer)}")
        if entry is not None:
            self.stack.remember(entry, answer.hold, answer.spent)
        if answer.hold is not None:
            self.placed[actor].append(answer.hold)
        if answer.spent is not None:
            self.charges[actor].append(answer.spent)
        self._compare_answers(kind, _as_said(answer), said)
        for each, its in self.model.accounts.items():
            alerts = self.stack.alerts(each)
            expected = its.alerts if each == actor and entry is not None else its.alerts[: len(alerts)]
            self._compare(f"warnings on the record of {each}, {kind}", expected, alerts)

    def _check(self, actor: str, minimum: int, app: str | None) -> None:
        """A check answers what a charge would."""
        charged = deepcopy(self.model).do("charge", actor, cost=minimum, mode="refuse", app=app)
        expected = charged.reason, charged.decided_by, charged.shortfall, self.model.spendable(actor, app)
        self.outcome.story.append(f"{_clock(self.model.now_ms)}  {actor} check {minimum} app={app} -> {expected}")
        self._compare("check", expected, self.stack.check(actor, minimum, app, self.model.now_ms))

    def _compare_answers(self, kind: str, expected: Said, found: Said) -> None:
        for name in Said.__slots__ if hasattr(Said, "__slots__") else Said.__dataclass_fields__:
            self._compare(f"{kind}: {name}", getattr(expected, name), getattr(found, name))

    def _look(self, model: Model, later_ms: int) -> None:
        for actor in model.accounts:
            expected, found = must_see(model, actor), self.stack.view(actor, model.now_ms)
            self.outcome.views.append(found)
            for name, value in expected.items():
                when = "later" if later_ms else "now"
                self._compare(f"{actor} as it is {when}: {name}", value, found[name])

    def _compare(self, what: str, expected: object, found: object) -> None:
        if expected != found:
            raise Differs(what, expected, found)


def run(
    sequence: Sequence, *, with_no_ops: bool = False, without: AbstractSet[str] = frozenset(), verifies: bool = False
) -> Outcome:
    return Run(sequence, with_no_ops=with_no_ops, without=without, verifies=verifies).go()


def shortest(sequence: Sequence, *, with_no_ops: bool, without: AbstractSet[str]) -> Sequence:
    """The sequence with all left out that the difference does not need; some difference, not always the same."""
    runs = 0

    def differs(asks: tuple[Ask, ...]) -> Difference | None:
        nonlocal runs
        runs += 1
        shorter = replace(sequence, asks=asks)
        return run(shorter, with_no_ops=with_no_ops, without=without, verifies=True).difference

    asks = sequence.asks
    found = differs(asks)
    while found is not None and runs < _SHORTEST_RUNS_MAX:
        asks = asks[: found.at_ask + 1]
        found = None
        for index in reversed(range(len(asks))):
            fewer = asks[:index] + asks[index + 1 :]
            if (found := differs(fewer)) is not None:
                asks = fewer
                break
    return replace(sequence, asks=asks)


def told(sequence: Sequence, *, with_no_ops: bool, without: AbstractSet[str]) -> Iterator[str]:
    """The story of a sequence that ends in a difference."""
    outcome = run(sequence, with_no_ops=with_no_ops, without=without, verifies=True)
    yield f"{sequence.opening}, {'with' if with_no_ops else 'without'} no-op entries"
    yield from outcome.story
    if (difference := outcome.difference) is not None:
        yield f"DIFFERENT  {difference.what}"
        yield f"  must be  {difference.expected}"
        yield f"  is       {difference.found}"


def _for_the_model(terms: dict[str, Any]) -> dict[str, Any]:
    if "zone" not in terms:
        return terms
    return {**_but(terms, "zone"), "zone_offset_ms": ZONES[terms["zone"]] * MINUTE_MS}


def _as_said(answer: Answer) -> Said:
    if answer.outcome == "nothing recorded":
        return Said(answer.outcome, answer.reason)
    return Said(
        answer.outcome,
        answer.reason,
        answer.amount,
        answer.shortfall,
        answer.decided_by,
        tuple(sorted(answer.drawn.items())),
        answer.alerts,
        answer.balance,
    )


def _but(terms: dict[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in terms.items() if each != name}


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")


def _shown(terms: dict[str, Any]) -> str:
    return " ".join(f"{name}={_plain(value)}" for name, value in terms.items())


def _plain(value: object) -> str:
    match value:
        case Hold():
            return f"<hold {value.number} of {value.amount}, {value.status}>"
        case Spent():
            return f"<charge {value.number}>"
        case int() if value > 10**12:
            return "never" if value == NEVER_MS else _clock(value)
        case _:
            return str(getattr(value, "likeness", value))


def _short(answer: Answer) -> str:
    what = answer.reason or f"{answer.outcome} {answer.amount}"
    drawn = {_plain_likeness(likeness): amount for likeness, amount in answer.drawn.items()}
    return f"{what}, available {answer.balance[0]}, held {answer.balance[1]}" + (f", drawn {drawn}" if drawn else "")


def _plain_likeness(likeness: tuple[str, int, int]) -> str:
    category, priority, ends_ms = likeness
    return f"{category}/{priority}/{'never' if ends_ms == NEVER_MS else _clock(ends_ms)}"

"""The real thing: the protocol, the reducer and the driver over a ledger in memory, and its readers.

Names differ between two runs of one sequence (ids count the entries), so here they are translated: a hold and a charge
of the model is known by its number, a grant by its place in what a reader sees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerError
from shared.ledger.events import Event
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    ExtendHold,
    FundingUpdate,
    GrantCredits,
    Operation,
    PlaceHold,
    Refund,
    ReleaseHold,
    Terms,
    VoidGrant,
)
from shared.ports.ledger import EntryFilter, Published
from shared.usecases.check_credits import CreditQuestion, check_credits
from shared.usecases.present_state import present_state
from shared.usecases.read_account import read_account
from shared.verification.accounts import verify_account
from tests.eager.model import NEVER_MS, Grant, Hold, Likeness, Model, Spent

View = dict[str, Any]
"""What a reader sees of one account, or what the model says that one must see."""

_NOT_THERE = "none-of-this-name"


@dataclass(frozen=True)
class Said:
    """What the service answered, in the words of the model."""

    outcome: str
    reason: str | None
    amount: int = 0
    shortfall: int = 0
    decided_by: str | None = None
    drawn: tuple[tuple[Likeness, int], ...] = ()
    alerts: tuple[int, ...] = ()
    balance: tuple[int, int, int, int] = (0, 0, 0, 0)


class _NoBus:
    def publish(self, events: Sequence[Event]) -> Published:
        raise AssertionError("nobody is told of checks here")


class Stack:
    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.sent = 0
        self._hold_ids: dict[int, str] = {}
        self._charge_keys: dict[int, str] = {}
        self._seqs: dict[str, int] = {}
        self._alerts: dict[str, list[int]] = {}

    def ask(self, actor: str, kind: str, terms: Mapping[str, Any], now_ms: int) -> tuple[Said, Entry | None]:
        return self.send(actor, self._terms(actor, kind, terms, now_ms), terms.get("app"), now_ms)

    def send(self, actor: str, terms: Terms, app: str | None, now_ms: int) -> tuple[Said, Entry | None]:
        self.sent += 1
        key = f"k{self.sent}"
        operation = Operation(account_of(actor), key, terms, "service", f"request-of-{key}", app)
        try:
            entry = self.ledger.record(operation, now_ms).entry
        except LedgerError as error:
            return Said("nothing recorded", error.code), None
        return said(entry), entry

    def check(self, actor: str, minimum: int, app: str | None, now_ms: int) -> tuple[str | None, str | None, int, int]:
        """Why a charge would be refused (None: it would not), who decides that, what is missing, what can be spent."""
        question = CreditQuestion(account_of(actor), minimum, "check", "request-of-a-check", app)
        body = check_credits(question, self.ledger, _NoBus(), now_ms, "none").body
        assert body["allowed"] == (body["reason"] is None)
        decided_by = body.get("limit", {}).get("account")
        return body["reason"], decided_by, micro(body.get("shortfall", 0)), micro(body.get("spendable", 0))

    def touch(self, actor: str, now_ms: int) -> None:
        """A change of the settings that changes nothing."""
        state = self.ledger.state(account_of(actor)) or AccountState(account_of(actor))
        self.send(actor, Configure(overdraft_limit=state.overdraft_limit), None, now_ms)

    def remember(self, entry: Entry, hold: Hold | None, spent: Spent | None) -> None:
        if hold is not None and entry.hold is not None:
            self._hold_ids[hold.number] = entry.hold["id"]
        if spent is not None:
            self._charge_keys[spent.number] = entry.key

    def alerts(self, actor: str) -> list[int]:
        """Of all that is on the record, in order."""
        seen = self._alerts.setdefault(actor, [])
        page = self.ledger.entries(account_of(actor), EntryFilter(10_000)).items
        fresh = [entry for entry in page if entry.seq > self._seqs.get(actor, 0)][::-1]
        seen += [amount for entry in fresh for amount in entry.alerts]
        self._seqs[actor] = page[0].seq if page else 0
        return seen

    def findings(self, actor: str) -> list[str]:
        account = account_of(actor)
        entries = list(self.ledger.entries(account, EntryFilter(10_000)).items)[::-1]
        return [str(found) for found in verify_account(account, entries, self.ledger.state(account))]

    def view(self, actor: str, at_ms: int) -> View:
        account = account_of(actor)
        shown = read_account(account, self.ledger, at_ms)
        seen = present_state(account, self.ledger, at_ms)
        assert seen is not None
        balance = tuple(micro(shown[name]) for name in ("available", "held", "funded", "spent"))
        assert balance == (seen.available, seen.held, seen.funded, seen.spent)
        allowance = shown.get("allowance")
        return {
            "balance": balance,
            "grants": [(likeness_of(each), micro(each["remaining"])) for each in shown["grants"]],
            "holds": sorted(
                (epoch_ms(each["expires_at"]), micro(each["amount"]), micro(each["remaining"]))
                for each in shown["holds"]
            ),
            "limits": sorted(
                (str(each["window"]), str(each["app"]), micro(each["amount"]), micro(each["used"]), resets_at(each))
                for each in shown.get("limits", [])
            ),
            "next refill": None if allowance is None else epoch_ms(allowance["next_at"]),
        }

    def _terms(self, actor: str, kind: str, terms: Mapping[str, Any], now_ms: int) -> Terms:
        match kind:
            case "charge":
                return Charge(terms["cost"], terms["mode"])
            case "hold":
                return PlaceHold(terms["amount"], terms["ttl_ms"], terms["minimum"])
            case "extend" | "capture" | "release":
                return self._terms_of_a_hold(kind, terms)
            case "refund":
                return Refund(self._charge_keys[terms["charge"].number], terms["amount"])
            case "void":
                return VoidGrant(self._grant_id(actor, terms["grant"], now_ms))
            case _:
                return _terms_that_name_nothing(kind, terms)

    def _terms_of_a_hold(self, kind: str, terms: Mapping[str, Any]) -> Terms:
        hold_id = self._hold_ids[terms["hold"].number]
        if kind == "extend":
            return ExtendHold(hold_id, terms["ttl_ms"])
        if kind == "release":
            return ReleaseHold(hold_id)
        # Named only where it is asked for, so that a ledger can be tried that does not know of it.
        late = {} if terms["if_expired"] == "refuse" else {"if_expired": terms["if_expired"]}
        part: Mapping[str, Any] = {} if terms.get("final", True) else {"final": False}
        return CaptureHold(hold_id, terms["amount"], terms["overrun"], **late, **part)

    def _grant_id(self, actor: str, grant: tuple[Likeness, int], now_ms: int) -> str:
        """What a reader sees can be named."""
        likeness, place = grant
        listed = read_account(account_of(actor), self.ledger, now_ms)["grants"]
        alike = [each["id"] for each in listed if likeness_of(each) == likeness]
        return str(alike[place]) if place < len(alike) else _NOT_THERE


def _terms_that_name_nothing(kind: str, terms: Mapping[str, Any]) -> Terms:
    match kind:
        case "grant":
            ends_ms = None if terms["ends_ms"] == NEVER_MS else terms["ends_ms"]
            return GrantCredits(terms["amount"], terms["category"], terms["priority"], ends_ms)
        case "funding_update":
            return FundingUpdate(terms["old"], terms["new"], terms["force"])
        case _:
            return Configure(**{SETTINGS[name]: setting(name, value) for name, value in terms.items()})


SETTINGS = {
    "overdraft_limit": "overdraft_limit",
    "is_frozen": "status",
    "parent": "parent",
    "zone": "time_zone",
    "thresholds": "low_balance_thresholds",
    "limits": "limits",
    "allowance": "allowance",
}
_ALLOWANCE = ("amount", "interval", "priority", "rollover_minimum", "rollover_maximum")


def setting(name: str, value: Any) -> Any:
    match name:
        case "is_frozen":
            return "frozen" if value else "open"
        case "parent":
            return value or ""
        case "limits":
            return [{"amount": amount, "window": window, "app": app, "meter": None} for amount, window, app in value]
        case "allowance":
            return {} if value is None else dict(zip(_ALLOWANCE, value, strict=True))
        case _:
            return value


def account_of(actor: str) -> Account:
    return Account("main", actor)


def said(entry: Entry) -> Said:
    drawn: dict[Likeness, int] = {}
    for each in entry.drawn:
        likeness = each.category, each.priority, NEVER_MS if each.expires_at_ms is None else each.expires_at_ms
        drawn[likeness] = drawn.get(likeness, 0) + each.amount
    after = entry.after
    return Said(
        entry.outcome,
        entry.reason,
        entry.amount,
        entry.shortfall,
        (entry.limit or {}).get("account"),
        tuple(sorted(drawn.items())),
        entry.alerts,
        (after.available, after.held, after.funded, after.spent),
    )


def must_see(model: Model, actor: str) -> View:
    """What a reader must see of the account by the model."""
    account = model.accounts[actor]
    holds = [hold for hold in model.holds if hold.actor == actor and hold.status == "open"]
    return {
        "balance": account.balance,
        "grants": [(grant.likeness, grant.left) for grant in account.in_order],
        "holds": sorted((hold.ends_ms, hold.amount, hold.left) for hold in holds),
        "limits": sorted(
            (str(limit.window), str(limit.app), limit.amount, limit.used, limit.ends_ms) for limit in account.limits
        ),
        "next refill": None if account.allowance is None else account.allowance.next_ms,
    }


def place_of(grant: Grant, among: list[Grant]) -> tuple[Likeness, int]:
    alike = [each for each in among if each.likeness == grant.likeness]
    return grant.likeness, alike.index(grant)


def resets_at(limit: Mapping[str, Any]) -> int:
    return NEVER_MS if limit["resets_at"] is None else epoch_ms(limit["resets_at"])


def likeness_of(grant: Mapping[str, Any]) -> Likeness:
    expires_at = grant["expires_at"]
    return grant["category"], grant["priority"], NEVER_MS if expires_at is None else epoch_ms(expires_at)


def micro(millicents: Any) -> int:
    return int(millicents * 1000)


def epoch_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)

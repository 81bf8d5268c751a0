"""The history behind the golden events in events/bus: what subscribers see must not change unnoticed."""

from dataclasses import replace
from typing import Final

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.events import Event, check_event, digest_event, entry_event, entry_events
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    ExtendHold,
    FundingUpdate,
    GrantCredits,
    PlaceHold,
    Refund,
    ReleaseHold,
    Terms,
    VoidGrant,
)
from shared.ledger.times import rfc3339
from shared.ports.inspection import Signature, SignedDigest
from shared.ports.ledger import EntryFilter
from shared.usecases.prove_account import public_digest
from shared.verification.digest import Digest
from shared.verification.regressions import Regressions
from tests.builders import ALICE, NOW_MS, SECOND_MS, history, operation

CHECK_ID: Final = "5e0c2f1a-7f55-4c1b-9c58-1f0d6f6a9e01"
DAY_MS: Final = 24 * 60 * 60 * SECOND_MS


def golden_events() -> dict[str, Event]:
    """By the name of the file."""
    funded, paid_in = history(FundingUpdate(0, 1_000_000, note="invoice 17"))
    granted, gift = history(
        GrantCredits(50_000, category="promotional", priority=1, expires_at_ms=NOW_MS + DAY_MS, note="welcome"),
        state=funded,
    )
    charged, spent = history(Charge(42_125, check_id=CHECK_ID), state=granted)
    _, refusal = history(Charge(2_000_000), state=charged)
    _, converted = history(Charge(1_375, remainder=28 * 10**12, cost_usd="0.000013750280"), state=charged)
    _, late = history(Charge(42_125, occurred_at_ms=NOW_MS - 3 * DAY_MS), state=granted)
    usage = {"input_tokens": 1000, "meter": "llm", "model": "gpt-4o", "service_tier": "batch"}
    _, adjusted = history(
        Charge(150_000, usage=usage, rate_card="genai-prices@1.2.3/openai/gpt-4o", adjustment="markup@3"), state=charged
    )
    _, exchanged = history(
        Charge(
            1_334,
            remainder=-311 * 10**12,
            cost_money={"amount": "0.00001230", "currency": "EUR"},
            exchange_rate={"currency": "EUR", "rate": "1.0843", "version": 1},
        ),
        state=charged,
    )
    _, later = history(Charge(1_000), state=charged, now_ms=NOW_MS + DAY_MS)
    answer = {
        "allowed": True,
        "actor": ALICE.actor,
        "minimum": 100,
        "available": 1050,
        "held": 0,
        "spendable": 1050,
        "reason": None,
        "check_id": CHECK_ID,
    }
    return {
        "check-available": check_event(ALICE, CHECK_ID, answer, NOW_MS, "request-of-check"),
        "funding-update": entry_event(paid_in[0]),
        "funding-update-grant": entry_event(gift[0]),
        "record-cost": entry_event(spent[0]),
        "record-cost-adjusted": entry_event(adjusted[0]),
        "record-cost-money": entry_event(exchanged[0]),
        "record-cost-usd": entry_event(converted[0]),
        "record-cost-refused": entry_event(refusal[0]),
        "record-cost-late": entry_event(late[0]),
        "expire": entry_event(later[0]),
        "digest": _digest_event(),
        **_hold_events(),
        "capture-part": _part_event(),
        **_policy_events(),
        "funding-update-allowance": _refill_event(),
    }


def _refill_event() -> Event:
    """The first refill of an allowance follows the settings that begin it."""
    ledger = MemoryLedger()
    terms = {"amount": 500_000, "interval": "monthly", "priority": 5, "rollover_minimum": 0, "rollover_maximum": 0}
    ledger.record(operation("allowance", Configure(allowance=terms)), NOW_MS)
    recorded = ledger.entries(ALICE, EntryFilter(limit=10)).items
    refill = next(entry for entry in recorded if entry.kind == "allowance")
    return entry_event(refill)


def _digest_event() -> Event:
    """What who keeps digests gets. Text and key are of a real one's form, the signature is none."""
    digest = Digest(
        number=17,
        made_at=rfc3339(NOW_MS),
        count=3,
        root="7" * 64,
        previous="5" * 64,
        key="9" * 64,
        regressions_hash=Regressions().hash,
    )
    signed = SignedDigest(
        digest.text, Signature(b"signature", b"public key", "arn:aws:kms:eu-central-1:123456789012:key/k")
    )
    return digest_event(public_digest(signed), digest.number, digest.made_at)


def _hold_events() -> dict[str, Event]:
    """What holds, refunds and voids look like to subscribers."""
    ledger = MemoryLedger()
    story: dict[str, Terms] = {
        "grant": GrantCredits(1_000_000),
        "hold": PlaceHold(400_000, 600 * SECOND_MS),
        "hold-extend": ExtendHold("h2", 900 * SECOND_MS),
        "capture": CaptureHold("h2", 137_500),
        "refund": Refund("capture", 37_500),
        "hold-partial": PlaceHold(5_000_000, 600 * SECOND_MS, minimum_amount=100_000),
        "release": ReleaseHold("h6"),
        "funding-update-void": VoidGrant("g1", "charged back"),
    }
    events = {name: entry_event(ledger.record(operation(name, terms), NOW_MS).entry) for name, terms in story.items()}
    return {name: event for name, event in events.items() if name != "grant"}


def _part_event() -> Event:
    """A capture that leaves its hold open."""
    ledger = MemoryLedger()
    ledger.record(operation("grant", GrantCredits(1_000_000)), NOW_MS)
    ledger.record(operation("hold", PlaceHold(400_000, 600 * SECOND_MS)), NOW_MS)
    return entry_event(ledger.record(operation("part", CaptureHold("h2", 137_500, final=False)), NOW_MS).entry)


def _policy_events() -> dict[str, Event]:
    """What settings, their alerts and their refusals look like to subscribers."""
    ledger = MemoryLedger()
    limits = [{"amount": 300_000, "window": "day", "app": "chat", "meter": None}]
    settings = Configure(low_balance_thresholds=[900_000], time_zone="Europe/Amsterdam", limits=limits)

    def recorded(key: str, terms: Terms, app: str | None = None) -> Entry:
        return ledger.record(replace(operation(key, terms), app=app), NOW_MS).entry

    recorded("grant", GrantCredits(950_000))
    configured = recorded("configure", settings)
    crossed, alert = entry_events(recorded("charge", Charge(100_000), "chat"))
    return {
        "configure": entry_event(configured),
        "low-balance": alert,
        "record-cost-low-balance": crossed,
        "record-cost-limit": entry_event(recorded("charge-again", Charge(250_000), "chat")),
    }


def queue_samples() -> dict[str, list[Event]]:
    """What the samples of the functions behind queues are handed, by the name of the file.

    No entry that no ledger has recorded: the audit table would keep its row for ever, and the reconciler would find it.
    """
    account = Account("default", "user:sample")
    answer = {
        "allowed": True,
        "actor": account.actor,
        "minimum": 100,
        "available": 591.25,
        "held": 0,
        "spendable": 591.25,
        "reason": None,
        "check_id": CHECK_ID,
    }
    check = check_event(account, CHECK_ID, answer, NOW_MS, "request-of-check")
    before = (
        FundingUpdate(0, 1_000_000),
        PlaceHold(400_000, 600 * SECOND_MS),
        ExtendHold("h2", 900 * SECOND_MS),
        CaptureHold("h2", 137_500),
        PlaceHold(200_000, 600 * SECOND_MS),
        ReleaseHold("h5"),
    )
    *_, charged = history(*before, Charge(42_125), account=account)[1]
    return {"audit": [check, check], "usage": [entry_event(charged)]}

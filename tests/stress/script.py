"""The scenes that chance may leave out of a short run, each played in order on accounts that have no other part.

What waits for time to pass begins with the run and ends with it. However fast the machine is, `finale` is not sent
before what it meets has expired; and on a slow one that has more time. A new scene is a few lines in `opening`.
"""

from collections.abc import Mapping
from typing import Any, Final

from tests.stress.asked import Asked

EXPIRES_AFTER_MS: Final = 30_000
EXPIRES_AFTER_STARTS: Final = 4
"""Enough for the first request, which takes less than the clients took to start."""
SHORT_TTL_MS: Final = 1000
LONG_TTL_MS: Final = 3_600_000
LONG_AGO_MS: Final = 34 * 86_400_000
"""In an earlier month on any day, and not too late to be recorded."""
FUNDS: Final = 100_000
HALF: Final = FUNDS // 2
BEYOND: Final = FUNDS * 2

BLOCKED: Final = tuple(f"scene:blocked-{number}" for number in range(8))
"""Accounts whose credits are all in a hold that expires: so many that the query for such holds meets every fault."""
LAPSED: Final = "scene:lapsed"
OVERDRAWN: Final = "scene:overdrawn"
"""It pays once. The stream of the usage table loses every record of it."""
POOR: Final = "scene:poor"
"""It pays once and gets some of that back. No event of it reaches the usage queue before the end."""


def expires_after_ms(start_took_s: float) -> int:
    """How long after the start of the run the first grant ends, where the clients took so long to get ready."""
    return max(EXPIRES_AFTER_MS, int(start_took_s * 1000) * EXPIRES_AFTER_STARTS)


def opening(starts_at_ms: int, lasts_ms: int) -> list[Asked]:
    """The first grant has to be recorded before it expires, `lasts_ms` after the start: nothing is sent before it."""
    return [
        _grant(LAPSED, {"expires_at_ms": starts_at_ms + lasts_ms}),
        *_of_balances(),
        *_of_holds(),
        *_of_settings(),
        *_of_a_family(),
        *_of_late_usage(starts_at_ms),
        *(asked for actor in BLOCKED for asked in (_funding(actor), _hold(actor, FUNDS, SHORT_TTL_MS))),
    ]


def finale() -> list[Asked]:
    return [
        _on_hold("capture", BLOCKED[0], {"overrun": "refuse"}),
        *(_charge(actor, FUNDS) for actor in BLOCKED),
        _charge(LAPSED, 1),
    ]


def _of_balances() -> list[Asked]:
    overdrawn, voided, poor, topped_up = OVERDRAWN, "scene:voided", POOR, "scene:topped-up"
    refused = _charge(topped_up, BEYOND)
    return [
        _funding(overdrawn),
        _charge(overdrawn, BEYOND, "overdraw"),
        _grant(voided, {}),
        Asked(f"{voided}:void", voided, "void", {}, f"{voided}:grant"),
        _funding(poor),
        Asked(f"{poor}:late", poor, "funding_update", {"old_amount": 0, "new_amount": HALF, "force": False}),
        _charge(poor, BEYOND, "partial"),
        Asked(f"{poor}:refund", poor, "refund", {"charge": f"{poor}:charge", "amount": HALF}),
        Asked(f"{poor}:too-much", poor, "refund", {"charge": f"{poor}:charge", "amount": FUNDS}),
        _funding(topped_up),
        refused,
        _grant(topped_up, {}),
        refused,
    ]


def _of_holds() -> list[Asked]:
    exceeded, overrun, released = "scene:exceeded", "scene:overrun", "scene:released"
    return [
        _funding(exceeded),
        _hold(exceeded, HALF),
        _on_hold("extend", exceeded, {"ttl_ms": LONG_TTL_MS}),
        _on_hold("capture", exceeded, {"overrun": "refuse", "amount": FUNDS}),
        _funding(overrun),
        _hold(overrun, HALF),
        _on_hold("capture", overrun, {"overrun": "charge", "amount": FUNDS}),
        _on_hold("release", overrun, {}),
        _funding(released),
        _hold(released, HALF),
        _on_hold("release", released, {}),
        _on_hold("capture", released, {"overrun": "refuse"}),
    ]


def _of_settings() -> list[Asked]:
    limited, frozen, warned, allowed = "scene:limited", "scene:frozen", "scene:warned", "scene:allowed"
    limit = {"amount": HALF, "window": None, "app": None, "meter": None}
    allowance = {"amount": FUNDS, "interval": "daily", "priority": 5, "rollover_minimum": 0, "rollover_maximum": 0}
    return [
        _funding(limited),
        _setting(limited, {"limits": [limit]}),
        _charge(limited, FUNDS),
        _funding(frozen),
        _setting(frozen, {"status": "frozen"}),
        _charge(frozen, HALF),
        _funding(warned),
        _setting(warned, {"low_balance_thresholds": [HALF + 1]}),
        _charge(warned, HALF),
        _funding(allowed),
        _setting(allowed, {"allowance": allowance}),
    ]


def _of_a_family() -> list[Asked]:
    """The member alone could pay all of it; the parent can pay one half."""
    parent, member = "scene:parent", "scene:member"
    return [
        _funding(parent),
        _funding(member),
        _grant(member, {}),
        _setting(member, {"parent": parent}),
        _charge(member, HALF),
        Asked(f"{member}:refused", member, "charge", {"cost": FUNDS, "if_insufficient": "refuse"}),
    ]


def _of_late_usage(starts_at_ms: int) -> list[Asked]:
    late = "scene:late"
    terms = {"cost": HALF, "if_insufficient": "refuse", "occurred_at_ms": starts_at_ms - LONG_AGO_MS}
    return [_funding(late), _charge(late, HALF), Asked(f"{late}:long-ago", late, "charge", terms)]


def _funding(actor: str) -> Asked:
    terms = {"old_amount": 0, "new_amount": FUNDS, "force": False}
    return Asked(f"{actor}:funding", actor, "funding_update", terms)


def _grant(actor: str, terms: Mapping[str, Any]) -> Asked:
    return Asked(
        f"{actor}:grant", actor, "grant", {"amount": FUNDS * 2, "category": "promotional", "priority": 20, **terms}
    )


def _charge(actor: str, cost: int, if_insufficient: str = "refuse") -> Asked:
    return Asked(f"{actor}:charge", actor, "charge", {"cost": cost, "if_insufficient": if_insufficient})


def _hold(actor: str, amount: int, ttl_ms: int = LONG_TTL_MS) -> Asked:
    return Asked(f"{actor}:hold", actor, "hold", {"amount": amount, "ttl_ms": ttl_ms})


def _on_hold(kind: str, actor: str, terms: Mapping[str, Any]) -> Asked:
    return Asked(f"{actor}:{kind}", actor, kind, terms, f"{actor}:hold")


def _setting(actor: str, terms: Mapping[str, Any]) -> Asked:
    return Asked(f"{actor}:setting", actor, "configure", terms)

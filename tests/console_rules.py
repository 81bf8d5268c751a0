"""Rules of the service that the console applies by itself to what it shows, and what the service says of some cases.

python -m tests.console_rules      writes them to console/tests/golden/rules.json
"""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final

from shared.ledger.accounts import AccountState
from shared.ledger.amounts import to_millicents
from shared.ledger.policies import Policy, Threshold
from shared.ledger.times import rfc3339
from shared.pricing.cards import RateCard, effective
from shared.pricing.rates import Rate
from tests.builders import ALICE, NOW_MS

GOLDEN: Final = Path(__file__).parents[1] / "console" / "tests" / "golden" / "rules.json"
_HOUR_MS: Final = 3_600_000
_AMOUNTS: Final = (-1, 0, 999, 1000, 1001)


def versions_in_effect() -> list[dict[str, Any]]:
    """Three versions of a card, with every order of their beginnings, and the version that prices usage now."""
    return [_in_effect(hours) for hours in product((-2, -1, 0, 1), repeat=3)]


def _in_effect(hours: tuple[int, ...]) -> dict[str, Any]:
    cards = [
        RateCard(
            reference=f"llm/a@{version}",
            version=version,
            meter="llm",
            model="a",
            rate=Rate(prices={}),
            effective_from_ms=NOW_MS + begins_in * _HOUR_MS,
        )
        for version, begins_in in enumerate(hours, start=1)
    ]
    found = effective(reversed(cards), NOW_MS)
    begin = [rfc3339(each.effective_from_ms) for each in cards]
    return {"now": rfc3339(NOW_MS), "effective_from": begin, "version": None if found is None else found.version}


def thresholds_above() -> list[dict[str, Any]]:
    """Balances around two thresholds, and those of them that the account is below."""
    armed = (Threshold(amount=1001, is_armed=True), Threshold(amount=1000, is_armed=True))
    policy = replace(Policy(seq=1), thresholds=armed)
    states = (
        AccountState(ALICE, available=available, held=held, policy=policy)
        for available, held in product(_AMOUNTS, _AMOUNTS[1:])
    )
    return [
        {
            "available": str(to_millicents(state.available)),
            "held": str(to_millicents(state.held)),
            "thresholds": [str(to_millicents(each.amount)) for each in armed],
            "above": [str(to_millicents(each)) for each in state.thresholds_above],
        }
        for state in states
    ]


def rules() -> dict[str, Any]:
    return {"versions_in_effect": versions_in_effect(), "thresholds_above": thresholds_above()}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(rules(), indent=1) + "\n")

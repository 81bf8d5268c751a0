"""What the oracle found, in the figures that a run is judged by."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from shared.ledger.accounts import Account

Charge: TypeAlias = Literal[
    "double",
    "lost",
    "overspent",
    "refused_then_charged",
    "replay_mismatch",
    "audit_missing",
    "chain_breaks",
    "usage_miscounted",
]
FIGURES: Final[tuple[Charge, ...]] = get_args(Charge)
"""double: an operation took effect more than once. lost: an answer was given that is not on the record.

overspent: an enforced charge went below the limit, or took from a lot more than it had. refused_then_charged: told no,
charged all the same. replay_mismatch: two answers to one operation, or an answer that misstates what was recorded.
audit_missing: the audit table and the ledger differ, or a low balance was not warned of by exactly one event.
chain_breaks: the record is not dense, chained, in real-time order and arithmetically right, or the state beside it is
not what it adds up to. usage_miscounted: what a tenant spent is not what its accounts spent, to the microcent.
"""

_EXAMPLES_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that must not be. `key` is None where no single operation is at fault."""

    figure: Charge
    account: Account
    key: str | None
    what: str


@dataclass(slots=True)
class Verdict:
    figures: Counter[str] = field(default_factory=Counter)
    examples: list[Wrong] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not any(self.figures.values())

    def add(self, figure: Charge, account: Account, key: str | None, what: str) -> None:
        self.figures[figure] += 1
        if len(self.examples) < _EXAMPLES_MAX:
            self.examples.append(Wrong(figure, account, key, what))

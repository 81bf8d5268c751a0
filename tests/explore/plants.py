"""Planted mistakes: what the exploration must find. In the explorer's table, or in a copy of the protocol's text.

Each is made in a process of its own, before anything of the module that it changes is imported.
"""

from typing import Final

from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.patching import plant

_TABLE: Final = "tests.simulation.table"
_PROTOCOL: Final = "shared.ledger.protocol"

PLANTS: Final[tuple[Mutant, ...]] = (
    Mutant(
        "the condition on seq is dropped",
        _TABLE,
        "moved = state if state is not None and state.seq != change.seen.seq else None",
        "moved = None",
        (),
    ),
    Mutant(
        "the condition on the key is dropped",
        _TABLE,
        "in_the_way = tuple([rows[entry.key].entry for entry in change.entries if entry.key in rows])",
        "in_the_way = ()",
        (),
    ),
    Mutant(
        "the answer of a lost commit is taken for a refusal",
        _PROTOCOL,
        "            case Damaged(account):\n                raise RecordDamaged",
        "            case Unknown():\n                raise LedgerThrottled('nothing was recorded')\n"
        "            case Damaged(account):\n                raise RecordDamaged",
        (),
    ),
    Mutant(
        "the condition on the parent's seq is dropped",
        _TABLE,
        "            or self._seq(part.seen.account) != part.seen.seq\n",
        "",
        (),
    ),
)
"""And every other mutant of the catalogue, by its name."""


def plant_named(name: str) -> None:
    plant(next(mutant for mutant in (*PLANTS, *MUTANTS) if mutant.name == name))

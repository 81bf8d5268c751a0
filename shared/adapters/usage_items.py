"""Items of the table of usage sums. All of an account are under its pk:

    sk = DAY#<day>                 the sums of a day, the seq through which its entries are in them, and, in the newest
                                   day, the seq through which all entries of the account are counted
    sk = <grouping>#<name>#<day>   a sum for which the day's item has no room, such as meter#llm#2026-01-31. An older
                                   release stored every sum like this, and these go on being summed
    sk = COUNTED                   the seq counted through before there was a day. An older release moved its `seq`
                                   with every addition; CLOSED there keeps it from counting what is in days

Only this module spells their keys and their content.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Final, cast, get_args

from shared.adapters.attributes import IntegerAttribute
from shared.adapters.connection import bound_to, wired
from shared.adapters.keys import SEQ_MAX, account_pk
from shared.adapters.plain_items import PlainItem
from shared.adapters.pynamo import UnicodeAttribute
from shared.ledger.accounts import Account
from shared.ledger.canonical import canonical_json
from shared.ledger.frozen import dataclass
from shared.ledger.usage import Grouping, Slot, Sums
from shared.ledger.usage_days import Day

COUNTED_SK: Final = "COUNTED"
DAY_PREFIX: Final = "DAY#"
CLOSED: Final = SEQ_MAX
"""As a `seq` counted through: an older release takes everything for counted, and leaves the account alone."""


@dataclass(frozen=True, slots=True)
class Begun:
    """COUNTED. All entries up to `through` were counted before there was a day.

    `is_closed`: an older release counts no more. Sums by model begin after seq `models_after`, None if there is none.
    """

    through: int = 0
    is_closed: bool = False
    models_after: int | None = None


class UsageItem(PlainItem):
    """An item of any kind; it has the attributes of its kind. Sums are in microcents."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    charged = IntegerAttribute(null=True)
    refunded = IntegerAttribute(null=True)
    count_ = IntegerAttribute(null=True, attr_name="count")
    through = IntegerAttribute(null=True)
    counted = IntegerAttribute(null=True)
    sums_of_day = UnicodeAttribute(null=True, attr_name="sums")
    seq = IntegerAttribute(null=True)
    models_after = IntegerAttribute(null=True)

    @classmethod
    def of_day(cls, account: Account, day: Day) -> "UsageItem":
        return cls(
            account_pk(account),
            day_sk(day.day),
            through=day.through,
            counted=day.counted,
            sums_of_day=canonical_json(_by_grouping(day.sums)),
        )

    @property
    def slot(self) -> Slot:
        grouping, name, day = self.sk.split("#")
        return Slot(cast("Grouping", grouping), name, day)

    @property
    def sums(self) -> Sums:
        return Sums(self.charged, self.refunded, self.count_)

    @property
    def day(self) -> Day:
        """Raises ValueError, KeyError or TypeError if it is not the item of a day."""
        day = self.sk.removeprefix(DAY_PREFIX)
        sums = {
            Slot(_grouping(grouping), name, day): Sums(*map(_integer, numbers))
            for grouping, names in json.loads(self.sums_of_day).items()
            for name, numbers in names.items()
        }
        return Day(day, _integer(self.through), _integer(self.counted), sums)

    @property
    def begun(self) -> Begun:
        is_closed = self.seq == CLOSED
        through = self.through if is_closed else self.seq
        return Begun(through or 0, is_closed, self.models_after)


def day_sk(day: str) -> str:
    return f"{DAY_PREFIX}{day}"


def sum_sk(slot: Slot) -> str:
    return f"{slot.grouping}#{slot.name}#{slot.day}"


def counted_through(items: Iterable[UsageItem]) -> int:
    """The seq counted through, by all items of an account, or by those that say so."""
    by_sk = {item.sk: item for item in items}
    days = [sk for sk in by_sk if sk.startswith(DAY_PREFIX)]
    if days:
        return by_sk[max(days)].counted or 0
    return by_sk[COUNTED_SK].begun.through if COUNTED_SK in by_sk else 0


def usage_table(table_name: str, region: str | None = None, host: str | None = None) -> type[UsageItem]:
    """Defaults as for `ledger_table`."""
    items = bound_to(UsageItem, table_name, region, host)
    wired(items)
    return items


def _by_grouping(sums: Mapping[Slot, Sums]) -> dict[str, dict[str, list[int]]]:
    """As {"meter": {"llm": [charged, refunded, count]}}."""
    found: dict[str, dict[str, list[int]]] = {}
    for slot, each in sums.items():
        found.setdefault(slot.grouping, {})[slot.name] = [each.charged, each.refunded, each.count]
    return found


def _grouping(text: str) -> Grouping:
    if text not in get_args(Grouping):
        raise ValueError(f"{text} is no grouping")
    return cast("Grouping", text)


def _integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError("a number of a day is an integer")
    return value

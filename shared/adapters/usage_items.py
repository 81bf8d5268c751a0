"""Items of the table of usage sums: a sum, or the seq counted through."""

from typing import cast

from shared.adapters.attributes import IntegerAttribute
from shared.adapters.connection import bound_to, wired
from shared.adapters.pynamo import Model, UnicodeAttribute
from shared.ledger.usage import Grouping, Slot, Sums


class UsageItem(Model):
    """A sum (microcents), or the seq counted through (`seq`) and the seq after which models are counted."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    charged = IntegerAttribute(null=True)
    refunded = IntegerAttribute(null=True)
    count_ = IntegerAttribute(null=True, attr_name="count")
    seq = IntegerAttribute(null=True)
    models_after = IntegerAttribute(null=True)

    @property
    def slot(self) -> Slot:
        grouping, name, day = self.sk.split("#")
        return Slot(cast("Grouping", grouping), name, day)

    @property
    def sums(self) -> Sums:
        return Sums(self.charged, self.refunded, self.count_)


def usage_table(table_name: str, *, region: str | None = None, host: str | None = None) -> type[UsageItem]:
    """Defaults as for `ledger_table`."""
    items = bound_to(UsageItem, table_name, region, host)
    wired(items)
    return items

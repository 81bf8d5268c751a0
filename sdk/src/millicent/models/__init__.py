"""The answers of the API. Amounts are exact millicents, times have their offset (UTC).

Fields that a later version of the API adds are ignored, so that an older client keeps working.
"""

import msgspec

from millicent.models.accounts import (
    Account,
    AccountPage,
    Allowance,
    Balance,
    Grant,
    Hold,
    Limit,
    ListedAccount,
    Settings,
)
from millicent.models.entries import (
    AuditPage,
    AuditTrail,
    BatchResult,
    BatchResults,
    CheckResult,
    Decision,
    Draw,
    Entry,
    EntryPage,
    FieldError,
    Merger,
    Operation,
    Problem,
    Receipt,
)
from millicent.models.prices import (
    Adjustment,
    AdjustmentPage,
    CurrencyPage,
    CurrencyRate,
    LineItem,
    Price,
    Quote,
    RateCard,
    RatePage,
    Tier,
)
from millicent.models.tenant import (
    ActivityItem,
    ActivityPage,
    Alerts,
    ExpiringHold,
    ExpiringHolds,
    FailureQueue,
    Health,
    LowAccount,
    Refusals,
    RefusedCount,
)
from millicent.models.times import Time, Verified
from millicent.models.usage import PlainSums, TenantUsagePage, UsagePage, UsageSums

__all__ = [
    "Account",
    "AccountPage",
    "ActivityItem",
    "ActivityPage",
    "Adjustment",
    "AdjustmentPage",
    "Alerts",
    "Allowance",
    "AuditPage",
    "AuditTrail",
    "Balance",
    "BatchResult",
    "BatchResults",
    "CheckResult",
    "CurrencyPage",
    "CurrencyRate",
    "Decision",
    "Draw",
    "Entry",
    "EntryPage",
    "ExpiringHold",
    "ExpiringHolds",
    "FailureQueue",
    "FieldError",
    "Grant",
    "Health",
    "Hold",
    "Limit",
    "LineItem",
    "ListedAccount",
    "LowAccount",
    "Merger",
    "Operation",
    "PlainSums",
    "Price",
    "Problem",
    "Quote",
    "RateCard",
    "RatePage",
    "Receipt",
    "Refusals",
    "RefusedCount",
    "Settings",
    "TenantUsagePage",
    "Tier",
    "Time",
    "UsagePage",
    "UsageSums",
    "Verified",
]

# msgspec inspects a type at its first use. Two threads doing that at once could crash the process, so it is done here,
# in one thread. A type is of this module, whichever file it is in: so say pickles and documents that name it.
for _kind in [kind for kind in vars().values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]:
    msgspec.json.Decoder(_kind)
    _kind.__module__ = __name__

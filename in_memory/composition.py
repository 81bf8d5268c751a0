"""What the functions run on in memory, in the place of shared/composition: the parts of the present world."""

from itertools import count
from typing import Final, cast

from in_memory.activity import NoFailureQueues
from in_memory.digests import NoDigests
from in_memory.present import Part
from shared.adapters.genai_rates import GenaiCard
from shared.ports.accounts import AccountList
from shared.ports.activity import ActivityFeed, FailureQueues, OpenHoldsOfTenants
from shared.ports.boards import BoardStore
from shared.ports.inspection import DigestStore
from shared.ports.ledger import AuditTrail, EventBus, Ledger
from shared.ports.usage import UsageBook
from shared.pricing.cards import RateBook
from shared.pricing.store import RateCardStore
from shared.pricing.terms import TermsStore
from shared.runtime.settings import Settings

_KEPT_MS: Final = 0
"""A card that was put is what the next charge is priced by."""


def ledger_of(_: Settings) -> Ledger:
    return cast("Ledger", Part("ledger"))


def accounts_of(_: Settings) -> AccountList:
    return cast("AccountList", Part("accounts"))


def trail_of(_: Settings) -> AuditTrail:
    return cast("AuditTrail", Part("trail"))


def usage_book_of(_: Settings) -> UsageBook:
    return cast("UsageBook", Part("book"))


def feed_of(_: Settings) -> ActivityFeed:
    return cast("ActivityFeed", Part("feed"))


def open_holds_of(_: Settings) -> OpenHoldsOfTenants:
    return cast("OpenHoldsOfTenants", Part("holds"))


def failure_queues_of(_: Settings) -> FailureQueues:
    return cast("FailureQueues", NoFailureQueues())


def boards_of(_: Settings) -> BoardStore:
    return cast("BoardStore", Part("boards"))


def rate_store_of(_: Settings) -> RateCardStore:
    return cast("RateCardStore", Part("rates"))


def terms_store_of(_: Settings) -> TermsStore:
    return cast("TermsStore", Part("terms"))


def rate_book_of(settings: Settings) -> RateBook:
    # The functions of a process serve every service in it, and the clock of the next may be behind that of the last: by
    # such a clock its cards would stay. A count never goes back, so nothing is kept.
    return RateBook(rate_store_of(settings), GenaiCard(), count().__next__, _KEPT_MS, terms_store_of(settings))


def bus_of(_: Settings, _seen: object, _connect_timeout_s: float, _read_timeout_s: float) -> EventBus:
    return cast("EventBus", Part("bus"))


def digests_of(_: Settings) -> DigestStore:
    return cast("DigestStore", NoDigests())

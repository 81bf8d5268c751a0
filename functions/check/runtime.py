"""The runtime of the check function."""

from collections.abc import Callable
from dataclasses import field
from typing import Final

from shared.composition.bus import bus_of
from shared.composition.ledger import ledger_of
from shared.composition.parts import identity_of
from shared.composition.rates import rate_book_of
from shared.edge.identity import IdentityRule
from shared.ledger.frozen import dataclass
from shared.ports.ledger import EventBus, Ledger
from shared.pricing.cards import RateBook
from shared.runtime.clock import epoch_now_ms, new_id
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import CheckEvents, settings_of

_CHECK_TIMEOUT_S: Final = 1.0
"""The caller waits for the check, so publishing its event gets little time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRuntime:
    observability: Observability
    identity: IdentityRule
    ledger: Ledger
    bus: EventBus
    check_events: CheckEvents
    rates: RateBook
    now_ms: Callable[[], int] = field(default=epoch_now_ms)
    new_id: Callable[[], str] = field(default=new_id)


def check_runtime() -> CheckRuntime:
    settings = settings_of("check")
    seen = observability(settings)
    return CheckRuntime(
        observability=seen,
        identity=identity_of(settings),
        ledger=ledger_of(settings),
        bus=bus_of(settings, seen, _CHECK_TIMEOUT_S, _CHECK_TIMEOUT_S),
        check_events=settings.check_events,
        rates=rate_book_of(settings),
    )

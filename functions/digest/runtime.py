"""The runtime of the digest function."""

from collections.abc import Callable
from dataclasses import field
from typing import Final

from shared.adapters.dynamodb_inspection import DynamoHeads
from shared.adapters.kms_signer import KmsSigner, kms_client
from shared.composition.bus import bus_of
from shared.composition.digests import digests_of
from shared.ledger.frozen import dataclass
from shared.ports.inspection import DigestStore, Heads, Signer
from shared.ports.ledger import EventBus
from shared.runtime.clock import epoch_now_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of

_BUS_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRuntime:
    observability: Observability
    accounts: Heads
    store: DigestStore
    signer: Signer
    bus: EventBus
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


def digest_runtime() -> DigestRuntime:
    settings = settings_of("digest")
    seen = observability(settings)
    return DigestRuntime(
        observability=seen,
        bus=bus_of(settings, seen, _BUS_TIMEOUT_S, _BUS_TIMEOUT_S),
        accounts=DynamoHeads(settings.ledger_table),
        store=digests_of(settings),
        signer=KmsSigner(settings.signing_key, kms_client()),
    )

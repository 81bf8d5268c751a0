"""The runtime of the proof function."""

from shared.composition.audit import trail_of
from shared.composition.digests import digests_of
from shared.composition.parts import identity_of
from shared.edge.identity import IdentityRule
from shared.ledger.frozen import dataclass
from shared.ports.inspection import DigestStore
from shared.ports.ledger import AuditTrail
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRuntime:
    observability: Observability
    identity: IdentityRule
    store: DigestStore
    trail: AuditTrail


def proof_runtime() -> ProofRuntime:
    settings = settings_of("proof")
    return ProofRuntime(
        observability=observability(settings),
        identity=identity_of(settings),
        store=digests_of(settings),
        trail=trail_of(settings),
    )

"""An operation as a client asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asked:
    """Amounts are microcents. `terms` are the parameters that its entry is to have.

    A term that only an answer tells, the id of a hold or grant, is not among them; `named` is then the key of the
    operation that made it.
    """

    key: str
    actor: str
    kind: str
    terms: Mapping[str, Any]
    named: str | None = None

    @property
    def expires_at_ms(self) -> int | None:
        return self.terms.get("expires_at_ms")

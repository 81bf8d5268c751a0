"""Composes what the docs function runs on. As bootstrap.py does."""

from dataclasses import dataclass

from shared.bootstrap import settings_of
from shared.runtime.observability import Observability, observability


@dataclass(frozen=True, slots=True)
class DocsRuntime:
    observability: Observability


def docs_runtime() -> DocsRuntime:
    return DocsRuntime(observability(settings_of("docs")))

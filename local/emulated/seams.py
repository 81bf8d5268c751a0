"""Where we take hold of the emulator. It is pinned, so these places move only when somebody moves the pin."""

from types import ModuleType
from typing import Final

PROVED_ON: Final = "1.5.33"
"""The version of the emulator that tests/e2e/test_state.py was run on, with what is replaced here."""


class SeamMovedError(RuntimeError):
    """The emulator is not the one that our additions fit."""


def require_version(found: str) -> None:
    """Raises SeamMovedError."""
    if found != PROVED_ON:
        raise SeamMovedError(
            f"the emulator is ministack {found}, and what local/emulated adds to it was proved on {PROVED_ON}. "
            "Install the pinned one with `make setup`; who moves the pin runs tests/e2e and changes PROVED_ON"
        )


def require(module: ModuleType, *names: str) -> None:
    """Raises SeamMovedError where the module does not have all of them."""
    missing = [name for name in names if not hasattr(module, name)]
    if missing:
        raise SeamMovedError(f"{module.__name__} has no {', '.join(missing)} any more, which local/emulated replaces")

"""Room on the disk: asked for before there is too little, by what names the disk and says what to do."""

import shutil
from pathlib import Path
from typing import Final

from local.processes import ProcessFailedError

MIB: Final = 1 << 20
NEEDED_MIB: Final = 300
"""For a start: the layer and the functions unpacked, what was deployed, and room for what is charged."""
LOW_MIB: Final = 100
"""Less than that, and a running cloud may not be able to start another function."""


def require_space(place: Path, needed_mib: int = NEEDED_MIB) -> None:
    """Raises ProcessFailedError."""
    free = free_mib(place)
    if free < needed_mib:
        raise ProcessFailedError(
            f"the disk that holds {place} has {free} MiB free, and the laptop cloud needs {needed_mib} MiB: "
            "free some space, or keep the checkout on another disk"
        )


def low_space(place: Path) -> str | None:
    """A sentence for the terminal of a cloud that runs; None while there is room."""
    free = free_mib(place)
    if free >= LOW_MIB:
        return None
    return f"the disk that holds {place} has {free} MiB free: the laptop cloud stops when it is full. Free some space"


def free_mib(place: Path) -> int:
    return shutil.disk_usage(place).free // MIB

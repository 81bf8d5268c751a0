"""The processes of this machine, on a system without `ps` as well."""

import subprocess
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")


def running_processes() -> dict[str, str]:
    """Command lines by process id. A process that has ended and was not waited for yet is none."""
    return _from_proc() if (PROC / "self" / "cmdline").is_file() else _from_ps()


def _from_proc() -> dict[str, str]:
    found = {}
    for place in PROC.glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes()
        except OSError:  # it has ended since
            continue
        if words:  # a kernel thread has none, nor has one that has ended
            found[place.name] = words.replace(b"\0", b" ").decode(errors="replace")
    return found


def _from_ps() -> dict[str, str]:
    listed = subprocess.run(["ps", "-axwwo", "pid=,stat=,command="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    return {pid: command for pid, state, command in rows if not state.startswith("Z")}

"""A state that was saved on one port, for an emulator on another.

The emulator writes its own address into what it saves: as the key of a queue, into the variables of functions and the
outputs of stacks. It finds no queue under the address of another port, and would deliver nothing without saying so.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

QUEUES: Final = "sqs.json"
ADDRESS_OF_QUEUE: Final = re.compile(rb"://localhost:(\d+)/\d{12}/")


def move_to_port(emulator_state: Path, port: int) -> None:
    """While the emulator does not run. Whoever is interrupted can do it again: the queues, which tell the ports that
    are to be replaced, come last."""
    queues = emulator_state / QUEUES
    if not queues.is_file():
        return
    others = set(ADDRESS_OF_QUEUE.findall(queues.read_bytes())) - {b"%d" % port}
    if others:
        old = re.compile(rb"\blocalhost:(%s)\b" % b"|".join(others))
        for file in _in_order(emulator_state, last=queues):
            _replace(file, old, b"localhost:%d" % port)


def _in_order(emulator_state: Path, last: Path) -> Iterator[Path]:
    yield from (file for file in sorted(emulator_state.glob("*.json")) if file != last)
    yield last


def _replace(file: Path, old: re.Pattern[bytes], new: bytes) -> None:
    """In one step."""
    content = file.read_bytes()
    moved = old.sub(new, content)
    if moved != content:
        scratch = file.with_suffix(".moved")
        scratch.write_bytes(moved)
        scratch.replace(file)

"""The endpoint file: the URL of the laptop cloud's API, and tokens for it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.files import write_private

FILE_NAME = "endpoint.json"


@dataclass(frozen=True)
class Endpoint:
    base_url: str
    tokens: Mapping[str, str]


def write_endpoint(state_dir: Path, endpoint: Endpoint) -> None:
    content = {"base_url": endpoint.base_url, "tokens": dict(endpoint.tokens)}
    write_private(state_dir / FILE_NAME, json.dumps(content, indent=2) + "\n")


def read_endpoint(state_dir: Path) -> Endpoint | None:
    """None if no cloud is running."""
    try:
        content = json.loads((state_dir / FILE_NAME).read_text())
    except FileNotFoundError:
        return None
    return Endpoint(content["base_url"], content["tokens"])


def remove_endpoint(state_dir: Path) -> None:
    (state_dir / FILE_NAME).unlink(missing_ok=True)

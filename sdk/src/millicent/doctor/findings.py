"""What a check comes to."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`detail` is what was seen; `advice` what to do about it, None where there is nothing to do."""

    check: str
    status: Status
    detail: str
    advice: str | None = None


def ok(check: str, detail: str) -> Finding:
    return Finding(check, "ok", detail)


def failed(check: str, detail: str, advice: str) -> Finding:
    return Finding(check, "failed", detail, advice)


def skipped(check: str, detail: str, advice: str) -> Finding:
    return Finding(check, "skipped", detail, advice)

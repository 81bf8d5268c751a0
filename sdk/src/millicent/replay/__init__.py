"""Replaying usage: price every row of a usage record and charge it, once."""

from millicent.replay.usage import Usage

__all__ = ["Usage"]

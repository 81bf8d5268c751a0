"""Errors of usage that prevent charging."""

from millicent.errors import MillicentError


class ReplayError(MillicentError):
    """The usage cannot be charged; nothing was sent."""


class BadUsage(ReplayError):
    """The file is not a usage file, lacks a column, or has an invalid row."""


class UnknownModel(ReplayError):
    """A model has no known price, or none for a kind of token that was used."""

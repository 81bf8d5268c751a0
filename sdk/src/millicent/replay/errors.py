"""What can be wrong with usage before anything is charged."""

from millicent.errors import MillicentError


class ReplayError(MillicentError):
    """The usage cannot be charged; nothing was sent."""


class BadUsage(ReplayError):
    """The file is no usage file, lacks a column, or a row of it makes no sense."""


class UnknownModel(ReplayError):
    """No price is known for a model, or none for a kind of token that was used."""

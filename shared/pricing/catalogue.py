"""The identity of a model: the provider that sells it, and the provider's own name for it."""

from typing import NamedTuple, Protocol


class ModelIdentity(NamedTuple):
    provider: str
    model: str

    @property
    def text(self) -> str:
        """A name that resolves to this very identity."""
        return f"{self.provider}/{self.model}"


class Catalogue(Protocol):
    """The models that are known without any rate card."""

    def resolve(self, name: str) -> ModelIdentity | None:
        """The model that a caller calls by this name, in any case of letters; None if it is no model's name.

        A name that only begins like a model's is no name of it. `identity.text` resolves to `identity`.
        """

    def provider(self, name: str) -> str | None:
        """The own name of the provider that a caller calls by this one; None if it is no provider's."""


def own_name(identity: ModelIdentity, catalogue: Catalogue) -> str:
    """The one name of a model in limits, usage and filters: with its provider if the name alone is another's model."""
    return identity.model if catalogue.resolve(identity.model) == identity else identity.text


class NoModels:
    """A catalogue without models: every name means itself alone."""

    def resolve(self, name: str) -> ModelIdentity | None:  # noqa: ARG002 - the port's
        return None

    def provider(self, name: str) -> str | None:  # noqa: ARG002 - the port's
        return None

"""The catalogue of the models that have a name."""

from shared.adapters.genai_names import GenaiNames
from shared.pricing.catalogue import Catalogue


def catalogue() -> Catalogue:
    return GenaiNames()

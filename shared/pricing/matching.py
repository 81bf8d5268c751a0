"""Which of a tenant's cards has the price of a model: the card that says most exactly which model it is for.

A card is put under a name, and may list further names: its aliases. From the most exact to the least, a card is for

1. the name of the usage itself, or the same name in another case of letters;
2. a name that it lists as an alias;
3. the same name in another spelling, its own before an alias: with or without the provider before it
   (`openai/gpt-4o-2024-08-06`), or with its date as gateways write it (`gpt-4o-20240806`);
4. the model that the name resolves to, if the card's name or an alias resolves to the same model: `gpt-4o` is for
   `openai/gpt-4o` and `gpt-4o-2024-08-06` too;
5. every name that its pattern matches, if its name has a `*`, which stands for any characters, or none.

A pattern is compared with the name of the usage, and with the model's names in the catalogue, `provider/model` and
`model`. Among cards that are equally exact one is first: in 4 the one under the catalogue's name, then the one with the
shorter name; in 5 the one with more characters besides `*`; then the first in the order of their names.
"""

import dataclasses
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from shared.ledger.frozen import dataclass
from shared.pricing.catalogue import Catalogue, ModelIdentity

ANY: Final = "*"
_PREFIX: Final = re.compile(r"[^/:]+[/:]|(?:.*/)?models/")
_DATE: Final = re.compile(r"[-@](20[0-9]{2})-?([0-9]{2})-?([0-9]{2})(?![0-9])")


@dataclass(frozen=True, slots=True)
class CardName:
    """A name that a card of a meter goes by: its own (`alias` None), or an alias, which its newest version may lack."""

    model: str
    alias: str | None = None

    @property
    def name(self) -> str:
        return self.model if self.alias is None else self.alias


@dataclasses.dataclass(frozen=True)  # noqa: TID251 - keeps what it has found, so it has no slots
class CardNames:
    """The names of all cards of a meter, to look up the cards of a model. Names are compared in lower case."""

    names: tuple[CardName, ...]
    catalogue: Catalogue

    def of(self, name: str) -> Iterator[CardName]:
        """The names of cards that are for this one, the most exact first."""
        yield from sorted(self._folded.get(name.lower(), ()), key=lambda each: _exactness(each, name))
        if not self.names:
            return
        spelled = self._spelled.get(_spelling(name, self.catalogue), ())
        yield from sorted(spelled, key=lambda each: _exactness(each, name))
        identity = self.catalogue.resolve(name)
        if identity is not None:
            yield from sorted(self._resolved.get(identity, ()), key=lambda each: _closeness(each, identity))
        names = {name.lower(), *(() if identity is None else (identity.text.lower(), identity.model.lower()))}
        yield from (each for each in self._patterns if any(matches(each.name, known) for known in names))

    def share_a_card(self, one: str, other: str) -> bool:
        """Whether both are names or aliases of one card."""
        return not self._cards_named(one).isdisjoint(self._cards_named(other))

    def _cards_named(self, name: str) -> set[str]:
        spelled = self._spelled.get(_spelling(name, self.catalogue), ()) if self.names else ()
        return {each.model for each in (*self._folded.get(name.lower(), ()), *spelled)}

    @cached_property
    def _folded(self) -> dict[str, list[CardName]]:
        found: dict[str, list[CardName]] = {}
        for each in self.names:
            found.setdefault(each.name.lower(), []).append(each)
        return found

    @cached_property
    def _spelled(self) -> dict[str, list[CardName]]:
        found: dict[str, list[CardName]] = {}
        for each in self.names:
            if not is_pattern(each.name):
                found.setdefault(_spelling(each.name, self.catalogue), []).append(each)
        return found

    @cached_property
    def _resolved(self) -> dict[ModelIdentity, list[CardName]]:
        found: dict[ModelIdentity, list[CardName]] = {}
        for each in self.names:
            identity = None if is_pattern(each.name) else self.catalogue.resolve(each.name)
            if identity is not None:
                found.setdefault(identity, []).append(each)
        return found

    @cached_property
    def _patterns(self) -> list[CardName]:
        patterns = (each for each in self.names if is_pattern(each.name))
        return sorted(patterns, key=lambda each: (-len(each.name.replace(ANY, "")), each.name))


def is_pattern(model: str | None) -> bool:
    return model is not None and ANY in model


def same_model(one: str | None, other: str | None, catalogue: Catalogue) -> bool:
    """Whether both names are one, or resolve to one model."""
    if one is None or other is None:
        return one is other
    identity = catalogue.resolve(one)
    return one.lower() == other.lower() or (identity is not None and identity == catalogue.resolve(other))


def matches(pattern: str, name: str) -> bool:
    """Whether the pattern matches the whole name, in any case of letters; in time linear to their lengths."""
    first, *middle, last = pattern.lower().split(ANY)
    rest = name.lower()
    if not rest.startswith(first):
        return False
    rest = rest[len(first) :]
    for part in middle:
        _, found, rest = rest.partition(part) if part else ("", ANY, rest)
        if not found:
            return False
    return rest.endswith(last)


def _spelling(name: str, catalogue: Catalogue) -> str:
    """One spelling of a name that the catalogue knows: without the provider, and with dashes in its date."""
    folded = name.lower()
    identity = catalogue.resolve(folded)
    if identity is None:
        return folded
    spelled = folded
    while prefix := _PREFIX.match(spelled):
        if catalogue.resolve(spelled[prefix.end() :]) != identity:
            break
        spelled = spelled[prefix.end() :]
    return _DATE.sub(r"-\1-\2-\3", spelled)


def _exactness(card: CardName, name: str) -> tuple[bool, bool, str]:
    return card.alias is not None, card.name != name, card.model


def _closeness(card: CardName, identity: ModelIdentity) -> tuple[bool, bool, int, str, str]:
    of_the_catalogue = card.name.lower() in {identity.text.lower(), identity.model.lower()}
    return not of_the_catalogue, card.alias is not None, len(card.name), card.name, card.model

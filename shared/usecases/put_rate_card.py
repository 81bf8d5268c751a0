"""Creates the next version of a rate card; repeating the request creates it once."""

from shared.ledger.frozen import dataclass
from shared.pricing.cards import RateCard, reference_of
from shared.pricing.errors import RateVersionConflict
from shared.pricing.rates import Rate
from shared.pricing.store import RateCardStore


@dataclass(frozen=True, slots=True)
class Draft:
    """A new card: `version` None is the next version, `effective_from_ms` None is at once."""

    meter: str
    model: str | None
    rate: Rate
    effective_from_ms: int | None
    version: int | None
    aliases: tuple[str, ...] = ()

    def is_kept_by(self, card: RateCard, now_ms: int) -> bool:
        at_once = self.effective_from_ms is None and card.is_effective(now_ms)
        is_content = (self.rate, self.aliases) == (card.rate, card.aliases)
        return is_content and (at_once or self.effective_from_ms == card.effective_from_ms)


@dataclass(frozen=True, slots=True)
class Put:
    """`made` is False if the version existed already with the same content."""

    card: RateCard
    made: bool


def put_rate_card(tenant: str, draft: Draft, store: RateCardStore, now_ms: int, by: str) -> Put:
    """Raises RateVersionConflict for a version that is not the next one, unless it exists with the same content."""
    while True:
        newest = next(iter(store.newest(tenant, draft.meter, draft.model, now_ms)), None)
        newest_version = 0 if newest is None else int(newest.version)
        there = newest if draft.version is None else _there(tenant, draft, draft.version, store)
        if there is not None and draft.is_kept_by(there, now_ms):
            return Put(there, made=False)
        if draft.version not in {None, newest_version + 1}:
            raise RateVersionConflict(newest_version)
        card = _card(draft, newest_version + 1, now_ms, by)
        if store.put(tenant, card):
            return Put(card, made=True)
        # Another writer was faster, or the answer to an earlier attempt was lost: the stored version decides.


def _there(tenant: str, draft: Draft, version: int, store: RateCardStore) -> RateCard | None:
    return store.version(tenant, draft.meter, draft.model, version)


def _card(draft: Draft, version: int, now_ms: int, by: str) -> RateCard:
    return RateCard(
        reference=reference_of(draft.meter, draft.model, version),
        version=version,
        meter=draft.meter,
        model=draft.model,
        rate=draft.rate,
        effective_from_ms=now_ms if draft.effective_from_ms is None else draft.effective_from_ms,
        made_at_ms=now_ms,
        by=by,
        aliases=draft.aliases,
    )

"""Online features from Feast; imported only when a service needs them, because Feast takes seconds to import."""

from __future__ import annotations

from collections.abc import Sequence

from features.groups import GROUPS
from features.online import OnlineFeatures
from features.repo import FeatureRepo
from serving.scoring.sources import FeatureReader, Row
from serving.settings import Settings


class FeastFeatures:
    """The feature groups of one Feast repository: one store per process, because two evict each other's caches."""

    def __init__(self, online: OnlineFeatures) -> None:
        self._online = online

    def check(self) -> None:
        """Raise unless the store holds these definitions; also opens what the first read would have to wait for."""
        self._online.check()
        for group in GROUPS:
            self._online.read(group, "warm-up")

    def names(self, group: str) -> tuple[str, ...]:
        return GROUPS[group].names

    def read_many(self, group: str, keys: Sequence[str]) -> Sequence[Row]:
        return self._online.read_many(group, keys)


def feast_features(settings: Settings) -> FeatureReader:
    repo = FeatureRepo(
        root=settings.feast,
        snapshots=settings.features,
        online=settings.stores.feast_online,
        identifier_key=settings.risk.key,
    )
    return FeastFeatures(OnlineFeatures(repo))

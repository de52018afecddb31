"""The models in use: loaded by alias, checked before they are swapped in; a bad one leaves the old one serving."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from features.errors import InputError
from models.policy.assign import Policy
from models.registry import ArtefactError
from serving.scoring.sources import GROUPS, FeatureReader, ModelSource

log = structlog.get_logger(__name__)

UPLIFT, POLICY, ABUSE = "uplift", "policy", "abuse"
NAMES = (UPLIFT, POLICY, ABUSE)


@dataclass(frozen=True, slots=True)
class Champions:
    """One consistent set: a request uses the same set from start to end."""

    uplift: Any | None = None
    policy: Policy | None = None
    abuse: Any | None = None
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def can_decide(self) -> bool:
        return self.uplift is not None and self.policy is not None

    @property
    def version_of(self) -> dict[str, str]:
        return dict(self.versions)

    @property
    def policy_fits(self) -> bool:
        """Whether the policy's price was computed for the uplift model in use."""
        return self.policy is None or self.policy.uplift_version in ("", self.version_of.get(UPLIFT))


class Holder:
    """Holds the champions and swaps them when an alias moves. ``refresh`` may be slow: call it in a thread.

    ``refused`` says why something is not in use: a model by its name, or the feature store as ``features``.
    """

    def __init__(self, source: ModelSource, features: FeatureReader) -> None:
        self._source = source
        self._features = features
        self._turn = threading.Lock()
        self.current = Champions()
        self.features_ready = False
        self.refused: dict[str, str] = {}

    def refresh(self) -> Champions:
        """Ask each alias for its version and swap what changed; the uplift model and its policy move together."""
        with self._turn:
            self._check_features()
            fresh = self.current
            for name in NAMES:
                fresh = self._refreshed(fresh, name)
            self.current = fresh
            return fresh

    def _check_features(self) -> None:
        """Once they have been seen to be there, the features stay usable: materialising replaces rows, not columns."""
        if self.features_ready:
            return
        try:
            self._features.check()
            self.features_ready = True
            self.refused.pop("features", None)
        except RuntimeError as error:
            self.refused["features"] = str(error)
            log.warning("features not ready", error=str(error))

    def _refreshed(self, champions: Champions, name: str) -> Champions:
        version = self._source.version(name)
        if version is None or version == champions.version_of.get(name):
            return champions
        try:
            loaded = self._source.load(name, version)
            part: Any = Policy.from_spec(loaded.artefact.spec) if name == POLICY else loaded.artefact
            self._check(name, part.needs if name == POLICY else part.features)
        except (ArtefactError, InputError) as error:
            # The reason is for operators: /v1/model and the log; the old version stays.
            self.refused[name] = f"version {version}: {error}"
            log.warning("model refused", model=name, version=version, error=str(error))
            return champions
        self.refused.pop(name, None)
        log.info("model swapped", model=name, version=version)
        versions = {**champions.version_of, name: version}
        return replace(champions, **{name: part}, versions=tuple(sorted(versions.items())))

    def _check(self, name: str, needed: Iterable[str]) -> None:
        """Every feature of the model must be one that is served online, in a group or by live counts."""
        served = {feature for group in GROUPS for feature in self._features.names(group)}
        missing = [feature for feature in needed if feature not in served]
        if missing:
            raise InputError(f"{name} features", missing, "features of the online groups")

"""Where scoring gets features, models and standings from: narrow interfaces, so that tests and stores can differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

GROUPS = ("user", "identity", "device", "ip", "address")


class Row(Protocol):
    """Features of one key: ``values`` (d,) float64 with NaN for missing, aligned with ``names``."""

    @property
    def values(self) -> NDArray[np.float64]: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def as_of(self) -> datetime | None: ...
    @property
    def known(self) -> bool: ...


class FeatureReader(Protocol):
    """Online features; an unknown key is answered with a row that is not ``known``.

    ``check`` raises a ``RuntimeError`` when the store cannot serve the groups' columns.
    """

    def check(self) -> None: ...
    def names(self, group: str) -> tuple[str, ...]: ...
    def read_many(self, group: str, keys: Sequence[str]) -> Sequence[Row]: ...


class Model(Protocol):
    """A loaded artefact: JSON spec, and boosters that predict from rows (n, d)."""

    @property
    def spec(self) -> Any: ...
    @property
    def features(self) -> tuple[str, ...]: ...
    def predict(self, X: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]: ...
    def contributions(self, name: str, X: NDArray[np.float64]) -> NDArray[np.float64]: ...


class Loaded(Protocol):
    @property
    def artefact(self) -> Any: ...
    @property
    def version(self) -> str: ...


class ModelSource(Protocol):
    """A registry: the version behind an alias is cheap to ask, loading checks hashes and golden rows."""

    def version(self, name: str, alias: str = "champion") -> str | None: ...
    def load(self, name: str, alias_or_version: str = "champion") -> Loaded: ...


class Standings(Protocol):
    """What stands against users: user id to action, users who were never flagged left out."""

    def __call__(self, user_ids: list[str]) -> dict[str, str]: ...

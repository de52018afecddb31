"""Online features and a registry in memory, with real (tiny) LightGBM artefacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import lightgbm as lgb
import numpy as np

from models.policy.assign import Policy
from models.policy.limits import Limits
from models.policy.prices import Prices
from models.registry import Artefact

NAMES: Mapping[str, tuple[str, ...]] = {
    "user": ("orders_30d", "spend_30d"),
    "identity": ("device_others_24h", "ip_others_24h"),
    "device": ("device_accounts_24h",),
    "ip": ("ip_accounts_24h",),
    "address": ("address_accounts_24h",),
}
ARMS = ("none", "cut", "flat")


@dataclass(frozen=True)
class Row:
    values: Any
    names: tuple[str, ...]
    as_of: datetime | None
    known: bool


class Features:
    """``rows`` maps (group, key) to values; ``reads`` counts calls."""

    def __init__(self, rows: Mapping[tuple[str, str], Sequence[float]]) -> None:
        self.rows = dict(rows)
        self.reads = 0
        self.missing = ""

    def check(self) -> None:
        if self.missing:
            raise RuntimeError(self.missing)

    def names(self, group: str) -> tuple[str, ...]:
        return NAMES[group]

    def read_many(self, group: str, keys: Sequence[str]) -> list[Row]:
        self.reads += 1
        return [self._read(group, key) for key in keys]

    def _read(self, group: str, key: str) -> Row:
        found = self.rows.get((group, key))
        if found is None:
            return Row(np.full(len(NAMES[group]), np.nan), NAMES[group], None, False)
        return Row(np.array(found, float), NAMES[group], datetime(2026, 5, 1), True)


@dataclass(frozen=True)
class Loaded:
    artefact: Any
    version: str


class Models:
    """A registry: ``put`` makes the next version the champion."""

    def __init__(self) -> None:
        self.versions: dict[str, list[Any]] = {}

    def put(self, name: str, artefact: Any) -> None:
        self.versions.setdefault(name, []).append(artefact)

    def version(self, name: str, alias: str = "champion") -> str | None:
        return str(len(self.versions[name])) if name in self.versions else None

    def load(self, name: str, alias_or_version: str = "champion") -> Loaded:
        artefact = self.versions[name][int(alias_or_version) - 1]
        if isinstance(artefact, Exception):
            raise artefact
        return Loaded(artefact, alias_or_version)


@cache
def booster(column: int, columns: int, scale: float) -> str:
    """A booster that predicts ``scale`` where the column is over 2 and a little less than nothing elsewhere."""
    rng = np.random.default_rng(3)
    X = rng.integers(0, 6, (400, columns)).astype(float)
    y = np.where(X[:, column] > 2, scale, -scale / 20)
    parameters = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "learning_rate": 0.5, "seed": 1}
    return str(lgb.train(parameters, lgb.Dataset(X, label=y), 20).model_to_string())


def uplift(features: tuple[str, ...] = ("orders_30d", "spend_30d")) -> Artefact:
    """Users with many orders are worth a cut of 900 cents that costs 300; the flat offer never pays."""
    size = len(features)
    boosters = {
        "value:cut": booster(0, size, 900.0),
        "cost:cut": booster(0, size, 300.0),
        "redeem:cut": booster(0, size, 0.5),
        "value:flat": booster(1, size, 10.0),
        "cost:flat": booster(1, size, 500.0),
        "redeem:flat": booster(1, size, 0.9),
    }
    return Artefact("uplift", {"features": list(features), "arms": list(ARMS), "horizon_days": 7}, boosters)


def policy(uplift_version: str = "1", exploration: float = 0.0, holdout: float = 0.0) -> Artefact:
    prices = Prices.of_cost(0.5, len(ARMS))
    made = Policy(ARMS, prices, exploration, holdout, "salt", "round-1", uplift_version, Limits(1000))
    return Artefact("policy", made.to_spec())


def abuse() -> Artefact:
    """Five others on one device look like a ring."""
    features = ["device_others_24h", "device_accounts_24h"]
    spec = {
        "features": features,
        "thresholds": {"hold": 0.3, "withhold": 0.8, "block": 0.95},
        "reasons": {"device_others_24h": {"en": "{value} others on the device", "zh": "设备上有 {value} 个其他账号"}},
    }
    return Artefact("abuse", spec, {"abuse": booster(0, 2, 1.0)})

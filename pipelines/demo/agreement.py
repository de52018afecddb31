"""Three things that must agree exactly: batch and online decisions, offline and online features, events and state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet as pq

from features.groups import GROUPS
from features.online import OnlineFeatures
from pipelines.build_features import repo_of
from serving.settings import Settings
from serving.store.audit import seal, verify
from serving.store.verify import verify_ledger

BATCH = 500


@dataclass(frozen=True)
class Agreement:
    """How many were compared, and how many differ."""

    compared: int
    differences: int


@dataclass(frozen=True)
class Agreements:
    """All comparisons of a demo."""

    decisions: Agreement
    features: Agreement
    ledger: Agreement
    audit: Agreement

    @property
    def exact(self) -> bool:
        return not any(part.differences for part in (self.decisions, self.features, self.ledger, self.audit))


async def compare_decisions(
    scoring: httpx.AsyncClient, key: str, choices: Path, sample: int, seed: int
) -> tuple[Agreement, float]:
    """Ask the scoring service about a sample of the users that the batch flow decided on, with the same key.

    Offer, propensity and holdout must be the same; returns also the seconds that a batch of ``BATCH`` took.
    """
    frame = pq.read_table(choices).to_pandas()
    frame = frame.sample(min(sample, len(frame)), random_state=seed)
    offers = sorted(set(pq.read_table(choices, columns=["offer"])["offer"].to_pylist()) - {"none"})
    differences, seconds = 0, []
    for start in range(0, len(frame), BATCH):
        part = frame.iloc[start : start + BATCH]
        asks = [
            {"key": row.key, "user_id": row.user_id, "trigger": "session", "offers": offers}
            for row in part.itertuples()
        ]
        response = await scoring.post(
            "/v1/decisions:batch", json={"decisions": asks}, headers={"Authorization": f"Bearer {key}"}
        )
        response.raise_for_status()
        seconds.append(response.elapsed.total_seconds())
        for row, answer in zip(part.itertuples(), response.json()["decisions"], strict=True):
            same = (row.offer, row.holdout, row.propensity) == (
                answer["offer"],
                answer["holdout"],
                answer["propensity"],
            )
            differences += not same
    return Agreement(len(frame), differences), float(np.median(seconds))


def compare_features(settings: Settings, day: date) -> Agreement:
    """Read every feature of every entity of the day's snapshot online and compare it bit by bit with the file."""
    online, compared, differences = OnlineFeatures(repo_of(settings)), 0, 0
    for name, group in GROUPS.items():
        if group.secret:
            continue  # raw identifiers are not in the snapshot, only their hashes
        table = pq.read_table(settings.features / name / f"{day}.parquet").to_pandas()
        for start in range(0, len(table), BATCH):
            part = table.iloc[start : start + BATCH]
            offline = part[list(group.names)].to_numpy(float)
            served = np.stack([row.values for row in online.read_many(name, part[group.key].tolist())])
            compared += offline.size
            differences += int((~((offline == served) | (np.isnan(offline) & np.isnan(served)))).sum())
    return Agreement(compared, differences)


def compare_ledger(settings: Settings) -> tuple[Agreement, Agreement]:
    """Rebuild the ledger from its events, and check the sealed chain over them."""
    ledger = verify_ledger(settings.ledger_url, settings.shop.timezone)
    seal(settings.ledger_url, settings.seals, settings.risk.key)
    chain = verify(settings.ledger_url, settings.seals, settings.risk.key)
    broken = int(not chain.ok) + chain.unsealed
    return Agreement(sum(ledger.rows.values()), ledger.difference_count), Agreement(chain.sealed, broken)


def flat(agreements: Agreements) -> Mapping[str, int]:
    """Figures by name for ``report.json``."""
    names = ("decisions", "features", "ledger", "audit")
    return {
        f"{name}_{what}": getattr(getattr(agreements, name), what)
        for name in names
        for what in ("compared", "differences")
    }

"""Simulated shops with their truth: the detector's rows, the verdicts as they came, and who was abusive indeed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from features.engine import connect
from models.abuse.boosted import Learnt, Verdicts, learn
from models.abuse.decision.actions import Thresholds
from models.abuse.detect import Detected, detect, log_odds, matrix
from models.abuse.examples import probability
from models.abuse.folder import open_folder
from models.abuse.rings import carry
from models.abuse.shop import shop_before
from pipelines.shop import simulate

START = datetime(2026, 4, 1)
NEVER = np.iinfo(np.int64).max
THRESHOLDS = Thresholds()
_TOLD = 2 / 3  # of the period: what was told by then must stay when the rest is appended


@dataclass(frozen=True)
class Accounts:
    """By account number: the score at the end, and since when (microseconds) it has been at the review threshold."""

    score: np.ndarray
    since: np.ndarray


@dataclass(frozen=True)
class JudgedShop:
    """One shop as the detector saw it. ``people`` (by account number): user_id, family, look_alike, ring, abusive;
    ``cents``: discounts of paid orders (account, us, cents)."""

    seed: int
    found: Detected
    people: pd.DataFrame
    cents: pd.DataFrame
    X: pd.DataFrame
    prior: np.ndarray
    verdicts: Verdicts
    changed: int
    compared: int

    @property
    def at(self) -> np.ndarray:
        return self.found.rows["us"].to_numpy(np.int64)

    @property
    def account(self) -> np.ndarray:
        return self.found.rows["account"].to_numpy(np.int64)

    @property
    def unjudged(self) -> np.ndarray:
        """Accounts without any verdict by the end."""
        return ~np.isin(np.arange(len(self.people)), self.verdicts.user)

    @property
    def abusive(self) -> np.ndarray:
        return self.people["abusive"].to_numpy(bool)

    def learnt(self, without: Collection[str] = ()) -> Learnt:
        """The verdicts' say; without the verdicts on accounts of some families, as if nobody had reviewed any."""
        names = self.people["user_id"].tolist()
        return learn(self.X, self.prior, self.at, self.account, names, self.told(without))

    def told(self, without: Collection[str]) -> Verdicts:
        """The verdicts except those on accounts of some families."""
        kept = ~self.people["family"].isin(list(without)).to_numpy()[self.verdicts.user]
        return Verdicts(self.verdicts.user[kept], self.verdicts.at[kept], self.verdicts.abusive[kept])

    def accounts(self, row_score: np.ndarray, threshold: float = THRESHOLDS.review, rings: bool = True) -> Accounts:
        """Accounts by their highest row; with rings also by what those carry to them."""
        score = np.zeros(len(self.people))
        np.maximum.at(score, self.account, row_score)
        since = np.full(len(self.people), NEVER)
        over = row_score >= threshold
        np.minimum.at(since, self.account[over], self.at[over])
        if rings:
            carried = carry(len(self.people), self.found.links, row_score, threshold)
            score = np.maximum(score, carried.score)
            since = np.where(carried.since >= 0, np.minimum(since, carried.since), since)
        return Accounts(score, since)

    def combined(self, learnt: Learnt) -> Accounts:
        """The detector with these verdicts: flagged by what was known at each row, standing by what is known now."""
        added, now = (probability(self.prior + extra) for extra in (learnt.added, learnt.now))
        return Accounts(self.accounts(np.maximum(added, now)).score, self.accounts(added).since)

    def told_so(self, who: Accounts) -> None:
        """Raise where account scores are not those that the detector gave."""
        if not np.allclose(who.score, self.found.accounts["score"].to_numpy(np.float64), rtol=1e-9):
            raise AssertionError("the detector scores accounts in another way than this benchmark")


def judged_shop(seed: int, users: int, days: int, folder: Path, again: bool = True) -> JudgedShop:
    """Simulate and detect; and if asked detect again as of two thirds of the period, to see whether a score moved."""
    simulate(users, days, seed, folder)
    found = _detected(folder, None)
    numbers = pd.Series(np.arange(len(found.accounts)), index=found.accounts["user_id"])
    truth = pd.read_parquet(folder / "truth" / "population.parquet").set_index("user_id").reindex(numbers.index)
    people = truth.reset_index()[["user_id", "family", "look_alike", "ring_id", "abusive"]]
    people = people.rename(columns={"ring_id": "ring"})
    size = found.rows["ring_size"].to_numpy(np.float64)
    free = found.rows["score_label_free"].to_numpy(np.float64)
    changed = compared = 0
    if again:
        early = _detected(folder, START + timedelta(days=int(_TOLD * days)))
        changed, compared = _moved(early.rows, found.rows)
    return JudgedShop(
        seed, found, people, _cents(folder, numbers), matrix(found.rows, found.terms, size), log_odds(free),
        _verdicts(folder, numbers), changed, compared,
    )  # fmt: skip


def full_say(shop: JudgedShop, learnt: Learnt) -> np.ndarray:
    """Row scores that believe the newest model wholly: what it would say if nothing held it."""
    return probability(shop.prior + np.nan_to_num(learnt.newest))


def _detected(folder: Path, as_of: datetime | None) -> Detected:
    con = connect(threads=1)
    try:
        return detect(shop_before(con, open_folder(con, folder), as_of), THRESHOLDS)
    finally:
        con.disconnect()


def _moved(early: pd.DataFrame, late: pd.DataFrame) -> tuple[int, int]:
    """How many rows have another score (bit for bit) now that later rows are there, and how many were compared."""
    late = late[late["us"] <= early["us"].max()] if len(early) else late[:0]
    if len(late) != len(early):
        raise AssertionError(f"{len(early)} rows became {len(late)} when later ones were appended")
    order = ["us", "user_id", "kind", "coupon_id"]
    before, after = (f.sort_values(order)[["score", "score_label_free"]].to_numpy() for f in (early, late))
    return int((before != after).any(axis=1).sum()), len(early)


def _verdicts(folder: Path, numbers: pd.Series) -> Verdicts:
    told = pd.read_parquet(folder / "verdicts.parquet")
    told["us"] = told["decided_at"].astype("datetime64[us]").astype("int64")
    told = told.sort_values(["us", "user_id", "verdict"], ascending=[True, True, False])
    return Verdicts(
        numbers[told["user_id"]].to_numpy(np.int64),
        told["us"].to_numpy(np.int64),
        (told["verdict"] == "abusive").to_numpy(),
    )


def _cents(folder: Path, numbers: pd.Series) -> pd.DataFrame:
    orders = pd.read_parquet(folder / "orders.parquet", columns=["user_id", "placed_at", "discount_cents", "paid_at"])
    paid = orders[(orders["discount_cents"] > 0) & orders["paid_at"].notna()]
    return pd.DataFrame(
        {
            "account": numbers[paid["user_id"]].to_numpy(np.int64),
            "us": paid["placed_at"].astype("datetime64[us]").astype("int64").to_numpy(),
            "cents": paid["discount_cents"].to_numpy(np.int64),
        }
    )

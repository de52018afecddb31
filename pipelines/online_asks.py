"""What the online abuse model learns from: claims and accounts at past moments, with the features read at that moment.

In: what the full detector said (``Detected``) and the last verdict on each user. Out: moments with a target, each
standing for a weight of others, and then the same moments with their features. An account that no row was scored for
before a moment is not among that moment's; a feature that was not known is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd

from features.engine import connect, keep, load_tables
from features.shop import prepare
from features.training import training_frame
from models.abuse.detect import Detected
from models.abuse.evidence import Floats
from models.abuse.online import FEATURES, LIVE, LIVE_KINDS, Claims, live_counts

_PLAIN = 6000  # claims without any suspicion that are learnt from; each stands for many
_SUSPICIOUS = 0.05


@dataclass(frozen=True)
class Asks:
    """Moments to learn from, still without features: ``frame`` (user_id, us, live counts of claims), and what holds."""

    frame: pd.DataFrame
    offline: Floats
    target: Floats
    weight: Floats

    @property
    def us(self) -> Any:
        return self.frame["us"].to_numpy(np.int64)


def claims_of(found: Detected, judged: pd.DataFrame, seed: int) -> Asks:
    """Every suspicious or judged claim and a weighted draw of the others, with what the ledger counted live."""
    rows = found.rows[found.rows["kind"] == "claim"].reset_index(drop=True)
    live = {f"{kind}_others_{w}": c for kind in LIVE_KINDS for w, c in live_counts(rows, kind).items()}
    word = rows["user_id"].map(judged["abusive"]).astype(float).to_numpy()
    offline = rows["score"].to_numpy(np.float64)
    picked, weight = _drawn((offline >= _SUSPICIOUS) | ~np.isnan(word), _PLAIN, seed)
    frame = rows.loc[picked, ["user_id", "us"]].reset_index(drop=True)
    frame = frame.assign(**{name: counts[picked] for name, counts in live.items()})
    return Asks(frame, offline[picked], _target(offline[picked], word[picked]), weight)


def night_of(found: Detected, judged: pd.DataFrame, us: int, review: float, seed: int) -> Asks:
    """The accounts of one night, scored by what the full detector had said of them before it.

    Decisions ask about accounts, not about claims: what is on file about an account has to give back its score where
    nobody is near, or the value of coupons to abusers is discounted too little.
    """
    accounts, rows = found.accounts, found.rows[found.rows["us"] < us]
    offline = rows.groupby("user_id")["score"].max().reindex(accounts["user_id"]).fillna(0.0).to_numpy(np.float64)
    flagged = accounts["flagged"].to_numpy(bool) & (accounts["since"].to_numpy(np.int64) < us)
    offline = np.where(flagged, np.maximum(offline, review), offline)  # what a ring carried to it by then
    before = judged[judged["us"] < us]
    word = accounts["user_id"].map(before["abusive"]).astype(float).to_numpy()
    # Who has done nothing yet has no row to be scored by; the first claim will ask about it.
    there = np.flatnonzero(accounts["user_id"].isin(rows["user_id"]).to_numpy())
    picked, weight = _drawn(((offline >= _SUSPICIOUS) | ~np.isnan(word))[there], _PLAIN // 3, seed)
    picked = there[picked]
    frame = pd.DataFrame({"user_id": accounts["user_id"].to_numpy(object)[picked], "us": us})
    return Asks(frame, offline[picked], _target(offline[picked], word[picked]), weight)


def _drawn(kept: Any, plain: int, seed: int) -> tuple[Any, Floats]:
    """Rows that are kept and a draw of the others, in order, with how many each stands for."""
    others = np.flatnonzero(~kept)
    drawn = np.random.default_rng(seed).choice(others, min(plain, len(others)), replace=False)
    weight = np.ones(len(kept))
    weight[drawn] = len(others) / max(len(drawn), 1)
    picked = np.sort(np.concatenate([np.flatnonzero(kept), drawn]))
    return picked, weight[picked]


def _target(offline: Floats, word: Floats) -> Floats:
    """A reviewer's word stands for the account; its early rows, before anything could be known, keep the detector's."""
    known = ~np.isnan(word) & ((offline >= _SUSPICIOUS) | (word == 0))
    return np.where(known, word, offline)


def read_asks(folder: Path, parts: Sequence[Asks], timezone: str) -> list[Claims]:
    """The parts with the features that a claim can read: live counts, and the nightly ones of the midnight before."""
    asked = pd.concat([part.frame for part in parts], ignore_index=True)
    stored = _stored(folder, asked, timezone)
    table = stored[list(FEATURES)].copy()
    for name in LIVE:  # as the service does: the larger of what is on file and what the caller saw
        table[name] = np.fmax(table[name].to_numpy(np.float64), asked[name].to_numpy(np.float64))
    X, made, start = table.to_numpy(np.float64), [], 0
    for part in parts:
        end = start + len(part.frame)
        made.append(Claims(X[start:end], part.offline, part.target, part.weight, part.us))
        start = end
    return made


def _stored(folder: Path, asked: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """The nightly user and identity features at the midnight before each row (user_id, us), in their order."""
    con = connect()
    try:
        spine = pd.DataFrame(
            {
                "user_id": asked["user_id"].to_numpy(object),
                "as_of": pd.to_datetime(asked["us"].to_numpy(), unit="us").astype("datetime64[us]"),
            }
        ).drop_duplicates()
        wanted = keep(con, "abuse_claims_spine", ibis.memtable(spine))
        shop = prepare(con, load_tables(con, Path(folder)))
        frame = con.to_pandas(training_frame(con, shop, wanted, timezone=timezone))
    finally:
        con.disconnect()
    frame["us"] = frame["as_of"].astype("datetime64[us]").astype("int64")
    order = asked[["user_id", "us"]].merge(frame, on=["user_id", "us"], how="left")
    return order[list(FEATURES)].reset_index(drop=True)

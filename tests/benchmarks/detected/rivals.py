"""What a shop would use instead: three rules, two unsupervised detectors and LightGBM, on the same rows and verdicts.

Every rival gives one score per row in time order. None was tuned, for or against. Rules count accounts that had touched
the value before in any way (views, claims, orders), which is more than the claims and orders that are scored.
"""

from __future__ import annotations

from collections.abc import Collection

import lightgbm as lgb
import numpy as np
import pandas as pd
from benchmarks.detected.shops import JudgedShop

from models.abuse.baselines import at_least, ecod, isolation_forest
from models.abuse.boosted import PARAMETERS, ROUNDS, WEEK
from models.abuse.examples import UNSEEN_SHARE
from models.abuse.marks import DAY
from models.abuse.spine import OWN

RULES = ("shared_ip_ever", "device_accounts_2", "device_7_days")
_LEAST = 5  # judged abusive accounts from which LightGBM learns; ours waits for ten


def rivals(shop: JudgedShop, quick: bool = False) -> dict[str, np.ndarray]:
    """Row scores by name; ``quick`` leaves out the unsupervised ones on all linkage columns, the slowest."""
    own, links = tabular(shop.X), linkage(shop.X)
    found = {
        "shared_ip_ever": at_least(shop.X["ip_n_ever"], 1),
        "device_accounts_2": at_least(shop.X["device_n_ever"], 1),
        "device_7_days": np.maximum(at_least(shop.X["device_n_7d"], 1), _active(shop)),
        "device_7_days_count": shop.X["device_n_7d"].to_numpy(np.float64),
        "isolation_forest": isolation_forest(own, own),
        "ecod": ecod(own, own),
    }
    found["lightgbm_without_links"], _ = boosted(shop, own)
    found["lightgbm_with_links"], found["lightgbm_with_links_rescored"] = boosted(shop, links)
    if not quick:
        few = links[[c for c in links if c in own.columns or c.endswith(("_n_7d", "_n_ever", "_same_new_7d"))]]
        found |= {"isolation_forest_links": isolation_forest(few, few), "ecod_links": ecod(few, few)}
    return found


def tabular(X: pd.DataFrame) -> pd.DataFrame:
    """What an account does itself: no column counts anybody else."""
    return X[[c for c in X if c in OWN or c == "is_claim"]]


def linkage(X: pd.DataFrame) -> pd.DataFrame:
    """Everything countable about a row: own past and links, without our evidence terms and rings."""
    return X[[c for c in X if not c.startswith("term_") and c != "ring_size"]]


def boosted(shop: JudgedShop, X: pd.DataFrame, without: Collection[str] = ()) -> tuple[np.ndarray, np.ndarray]:
    """LightGBM as it is mostly used: weekly, on every row of accounts judged by then, the unjudged (a draw) as honest.

    Two scores: by the model of each row's week, and by the last model, which scores all rows once more at the end of
    the period, those that taught it too.
    """
    told = shop.told(without)
    values, at, user = X.to_numpy(np.float32), shop.at, shop.account
    drawn = np.random.default_rng(0).random(len(shop.people)) < UNSEEN_SHARE
    week = (at - 4 * DAY) // WEEK
    score = np.zeros(len(X))
    model, seen = None, 0
    for block in np.unique(week):
        start = int(block) * WEEK + 4 * DAY
        known = told.before(start)
        if len(known.user) >= 1.15 * seen and len(known.user) > seen:
            decided = np.full(len(shop.people), -1, np.int64)
            abusive = np.zeros(len(shop.people))
            decided[known.user], abusive[known.user] = known.at, known.abusive
            limit = decided[user]
            rows = np.flatnonzero(np.where(limit >= 0, at < limit, drawn[user] & (at < start)))
            y = abusive[user[rows]]
            if abusive.sum() >= _LEAST and 0 < y.sum() < len(y):
                data = lgb.Dataset(values[rows], label=y, free_raw_data=True)
                model, seen = lgb.train(PARAMETERS, data, num_boost_round=ROUNDS), len(known.user)
        if model is not None:
            now = np.flatnonzero(week == block)
            score[now] = model.predict(values[now], num_threads=1)
    return score, score if model is None else np.asarray(model.predict(values, num_threads=1))


def _active(shop: JudgedShop) -> np.ndarray:
    """1 where another account claimed or ordered on the row's device in the seven days before."""
    rows = shop.found.rows
    seen: dict[str, dict[int, int]] = {}
    hit = np.zeros(len(rows))
    for i, (us, user, key) in enumerate(zip(shop.at, shop.account, rows["device"], strict=True)):
        if isinstance(key, str):
            others = seen.setdefault(key, {})
            hit[i] = any(us - last <= 7 * DAY for other, last in others.items() if other != user)
            others[user] = us
    return hit

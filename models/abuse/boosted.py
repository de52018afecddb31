"""LightGBM on point-in-time linkage rows, trained on verdicts as they became known: one model per calendar week.

It starts from the label-free log odds and learns what verdicts add to them, so that little data means a small
correction, not a worse detector; what it adds is believed by the number of abusive accounts it has seen.

The model that scores a week was trained on verdicts decided before that week began and on rows before those verdicts,
so a score never changes when later rows arrive. Reviewed accounts are a biased sample; accounts nobody looked at join
as light negatives. Counts of like-minded accounts may only raise the score, marks of a hub may only lower it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.evidence import Floats
from models.abuse.marks import DAY

WEEK = 7 * DAY
_MONDAY = 4 * DAY  # 1970-01-05
LEAST_POSITIVES = 50  # fewer abusive accounts than this and the label-free detector stands alone
TRUST = 60.0  # positives at which half of what the model adds is believed
UNSEEN_WEIGHT = 0.3
_UNSEEN_SHARE = 0.25
_REGROWTH = 1.15  # retrain once the verdicts have grown by this much
_BACK = 45 * DAY  # what an account did longer before its verdict was not what the reviewer judged

PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 7,
    "min_data_in_leaf": 15,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "monotone_constraints_method": "basic",
    "verbosity": -1,
    "seed": 11,
}
ROUNDS = 60


@dataclass(frozen=True)
class Verdicts:
    """One line per decided account: account number, when decided (microseconds), abusive or not."""

    user: NDArray[np.int64]
    at: NDArray[np.int64]
    abusive: NDArray[np.bool_]


def direction(name: str) -> int:
    """Monotone constraint of a column: +1 for like-minded company, -1 for marks of a hub, 0 otherwise.

    >>> direction("device_same_bare_7d"), direction("ip_engaged_ever"), direction("views_ever")
    (1, -1, 0)
    """
    if "_same_new_" in name or "_same_bare_" in name or name.startswith("term_") or name == "ring_size":
        return 1
    if name.endswith(("_engaged_ever", "_elsewhere_ever")):
        return -1
    return 0


def walk_forward(
    X: pd.DataFrame,
    prior: Floats,
    at: NDArray[np.int64],
    user: NDArray[np.int64],
    names: Sequence[str],
    verdicts: Verdicts,
) -> Floats:
    """What verdicts add to each row's log odds ``prior`` by the model of its week; zeros before the first model.

    ``names`` are the user ids by account number; they only seed which unseen accounts are drawn.
    """
    added = np.zeros(len(X))
    if len(verdicts.user) == 0 or len(X) == 0:
        return added
    drawn = np.array([zlib.crc32(name.encode()) % 1000 < 1000 * _UNSEEN_SHARE for name in names], bool)
    week = (at - _MONDAY) // WEEK
    values = X.to_numpy(np.float32)
    model: lgb.Booster | None = None
    seen, trust = 0, 0.0
    for block in np.unique(week):
        start = int(block) * WEEK + _MONDAY
        known = verdicts.at < start
        count = int(known.sum())
        if count >= seen * _REGROWTH and count > seen:
            rows, y, weight = _training_rows(prior, at, user, drawn, verdicts, known, start)
            positives = int(y.sum())
            if positives >= LEAST_POSITIVES and positives < len(y):
                model = train(values[rows], y, weight, prior[rows], list(X.columns))
                seen, trust = count, positives / (positives + TRUST)
        if model is not None:
            rows = np.flatnonzero(week == block)
            added[rows] = trust * np.asarray(model.predict(values[rows], raw_score=True, num_threads=1))
    return added


def train(
    X: NDArray[np.float32], y: Floats, weight: Floats, prior: Floats, names: list[str], rounds: int = ROUNDS
) -> lgb.Booster:
    """A booster that starts from the log odds ``prior`` (n,): rows X (n, d), labels y in {0, 1}, weights (n,)."""
    parameters = {**PARAMETERS, "monotone_constraints": [direction(name) for name in names]}
    data = lgb.Dataset(X, label=y, weight=weight, init_score=prior, feature_name=names, free_raw_data=True)
    return lgb.train(parameters, data, num_boost_round=rounds)


def _training_rows(
    prior: Floats,
    at: NDArray[np.int64],
    user: NDArray[np.int64],
    drawn: NDArray[np.bool_],
    verdicts: Verdicts,
    known: NDArray[np.bool_],
    start: int,
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Rows, labels and weights of a week: judged accounts before their verdict, and a draw of unseen ones."""
    accounts = len(drawn)
    decided = np.full(accounts, -1, np.int64)
    label = np.zeros(accounts)
    order = np.argsort(verdicts.at[known], kind="stable")  # of contradicting verdicts the last one holds
    who = verdicts.user[known][order]
    decided[who] = verdicts.at[known][order]
    label[who] = verdicts.abusive[known][order]
    limit = decided[user]
    judged = (limit >= 0) & (at < limit) & (at >= limit - _BACK)
    unseen = (limit < 0) & drawn[user] & (at < start - WEEK)
    rows = np.flatnonzero(judged | unseen)
    # An account is judged by its worst moment, so that moment is its example (the earliest of several).
    order = np.lexsort((rows, -prior[rows], user[rows]))
    rows = rows[order]
    rows = rows[np.append(True, np.diff(user[rows]) != 0)] if len(rows) else rows
    y = np.where(judged[rows], label[user[rows]], 0.0)
    return rows, y, np.where(judged[rows], 1.0, UNSEEN_WEIGHT)

"""LightGBM on point-in-time linkage rows, trained on verdicts as they became known: one model per calendar week.

It starts from the label-free log odds and learns what verdicts add to them. The model that scores a week was trained on
verdicts decided before that week began and on rows before those verdicts, and how much it may say (``mixture``) and how
scores read as probabilities (``calibration``) come from the same past: a score never changes when later rows or
verdicts arrive. Who teaches, and how the selection of the judged is undone, is in ``examples``. Counts of like-minded
accounts may only raise the score, marks of a hub may only lower it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.calibration import Platt, fit_platt
from models.abuse.evidence import Floats
from models.abuse.examples import UNSEEN_SHARE, Examples, Verdicts, examples, probability
from models.abuse.marks import DAY
from models.abuse.mixture import Say, say

__all__ = ["Learnt", "Verdicts", "direction", "learn", "train"]

WEEK = 7 * DAY
_MONDAY = 4 * DAY  # 1970-01-05
LEAST_POSITIVES = 10  # fewer abusive accounts than this and the label-free detector stands alone
_REGROWTH = 1.15  # retrain once the verdicts have grown by this much

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
_OURS = {"objective": "cross_entropy"}  # targets of unjudged accounts lie between 0 and 1


@dataclass(frozen=True)
class Learnt:
    """What verdicts say about each row (n,).

    ``raw``: log odds that the model of its week adds to the label-free ones, NaN before the first model. ``added``: the
    believed part, 0 before. ``chance``: both opinions as a probability of abuse, by the reading of its week. None of
    the three changes when later rows or verdicts come.

    ``newest``: as ``raw`` by the model that has learnt from all verdicts and looks back on every row: for how an
    account stands at the end, not for what was known at a row; NaN without a model. ``weeks``: (start in microseconds,
    Say, Platt) of every week with a model, in time order, and last those of the newest.
    """

    raw: Floats
    added: Floats
    chance: Floats
    newest: Floats
    weeks: tuple[tuple[int, Say, Platt], ...]

    @property
    def now(self) -> Floats:
        """The believed part of ``newest``: what to add to the label-free log odds for how an account stands."""
        return self.weeks[-1][1].of(self.newest) if self.weeks else np.zeros(len(self.newest))


def direction(name: str) -> int:
    """Monotone constraint of a column: +1 for company that speaks against, -1 for marks of a hub, 0 otherwise.

    >>> direction("device_same_bare_7d"), direction("ip_engaged_ever"), direction("views_ever")
    (1, -1, 0)
    """
    if "_same_new_" in name or "_same_bare_" in name or "_drained_" in name or name.startswith("term_"):
        return 1
    if name in ("ring_size", "person_n_ever"):
        return 1
    if name.endswith(("_engaged_ever", "_elsewhere_ever", "_house_ever")):
        return -1
    return 0


def learn(
    X: pd.DataFrame,
    prior: Floats,
    at: NDArray[np.int64],
    user: NDArray[np.int64],
    names: Sequence[str],
    verdicts: Verdicts,
) -> Learnt:
    """What verdicts add to each row's log odds ``prior`` by what was known in its week; nothing before the first model.

    ``names`` are the user ids by account number; they only seed which unjudged accounts are drawn.
    """
    raw, added, chance = np.full(len(X), np.nan), np.zeros(len(X)), probability(prior)
    weeks: list[tuple[int, Say, Platt]] = []
    if len(verdicts.user) == 0 or len(X) == 0:
        return Learnt(raw, added, chance, raw.copy(), ())
    drawn = draw(names)
    week = (at - _MONDAY) // WEEK
    values = X.to_numpy(np.float32)
    model: lgb.Booster | None = None
    seen = 0
    for block in np.unique(week):
        start = int(block) * WEEK + _MONDAY
        known = verdicts.before(start)
        if len(known.user) == 0:
            continue
        found = examples(prior, at, user, drawn, known, start)
        grown = len(known.user) > seen and len(known.user) >= seen * _REGROWTH
        if grown and found.positives >= LEAST_POSITIVES:
            model, seen = train(*teaching(values, prior, found), list(X.columns)), len(known.user)
        if model is None:
            continue
        believed = say(prior, raw, found)
        reading = fit_platt(prior + added, found)
        rows = np.flatnonzero(week == block)
        raw[rows] = np.asarray(model.predict(values[rows], raw_score=True, num_threads=1))
        added[rows] = believed.of(raw[rows])
        chance[rows] = probability(reading.of(prior[rows] + added[rows]))
        weeks.append((start, believed, reading))
    moment = int(max(at.max(), verdicts.at.max())) + 1
    found = examples(prior, at, user, drawn, verdicts.before(moment), moment)
    newest = np.full(len(X), np.nan)
    if found.positives >= LEAST_POSITIVES:
        model = train(*teaching(values, prior, found), list(X.columns))
        newest = np.asarray(model.predict(values, raw_score=True, num_threads=1))
        weeks.append((moment, say(prior, raw, found), fit_platt(prior + added, found)))
    return Learnt(raw, added, chance, newest, tuple(weeks))


def teaching(
    values: NDArray[np.float32], prior: Floats, found: Examples
) -> tuple[NDArray[np.float32], Floats, Floats, Floats]:
    """Rows, targets, weights and starting log odds of the examples, as ``train`` takes them."""
    rows, target, weight = found.teaching(prior)
    return values[rows], target, weight, prior[rows]


def draw(names: Sequence[str]) -> NDArray[np.bool_]:
    """Which accounts are drawn while unjudged: by a hash of the name, so that later accounts change nothing."""
    return np.array([zlib.crc32(name.encode()) % 1000 < 1000 * UNSEEN_SHARE for name in names], bool)


def train(
    X: NDArray[np.float32], y: Floats, weight: Floats, prior: Floats, names: list[str], rounds: int = ROUNDS
) -> lgb.Booster:
    """A booster that starts from the log odds ``prior`` (n,): rows X (n, d), targets y in [0, 1], weights (n,)."""
    parameters = {**PARAMETERS, **_OURS, "monotone_constraints": [direction(name) for name in names]}
    data = lgb.Dataset(X, label=y, weight=weight, init_score=prior, feature_name=names, free_raw_data=True)
    return lgb.train(parameters, data, num_boost_round=rounds)

"""Judge detectors on a study: the same rows, split by time (the headline) and at random (shown beside it).

Rules score every row of the stream; learners see the training rows only. A split at random lets a model learn from
the future of the very farms that it is asked about, which is why its figures look better than they will ever be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from models.abuse.baselines import at_least, ecod, isolation_forest
from models.abuse.boosted import PARAMETERS
from models.abuse.metrics import auroc, average_precision, bootstrap, precision_at, recall_at_fpr, recall_mix
from models.abuse.study import Study, label_free_score, link_features, plain_features, seven_day_rule

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
LINKS = "links"
OURS = ("label_free_links", "lightgbm_links", "lightgbm_links_past_labels", "links_combined")
_ROUNDS, _BAGS = 80, 5


@dataclass(frozen=True)
class Judged:
    """One detector on the judged rows: its figures, and the interval of its average precision."""

    name: str
    scores: Floats
    average_precision: float
    low: float
    high: float
    recall_01: float
    recall_05: float
    recall_1: float
    mix: float
    precision_k: float
    auroc: float


@dataclass(frozen=True)
class RuleOnStream:
    """A rule over the whole stream in the order of events."""

    name: str
    precision: float
    recall: float
    fpr: float
    flagged: int


@dataclass(frozen=True)
class Lead:
    """The best detector with links against the best without: average precision, first minus second on the same rows."""

    own: Judged
    base: Judged
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Unlinked:
    """The judged rows that share nothing with an earlier account, and the detector that does best there.

    ``best`` is None where no figure can be had: there are no such rows, or they are all of one class.
    """

    rows: int
    positives: int
    best: Judged | None

    @property
    def base_rate(self) -> float:
        return self.positives / self.rows if self.rows else float("nan")


@dataclass(frozen=True)
class Judgement:
    """Everything a report says; the lists are in order of the baselines, ours last. Empty where there are no labels.

    ``linked_share`` is of all rows, ``linked_share_judged`` of the judged ones, and ``linked_positives`` the share of
    the judged positives that are linked. ``scores`` (n,) are the label-free scores of all rows in the log's order.
    """

    flagged_share: dict[str, float]
    linked_share: float
    scores: Floats
    by_time: tuple[Judged, ...] = ()
    at_random: tuple[Judged, ...] = ()
    rules: tuple[RuleOnStream, ...] = ()
    linked_share_judged: float = float("nan")
    linked_positives: float = float("nan")
    lead: Lead | None = None
    unlinked: Unlinked | None = None


def judge_study(study: Study, seed: int = 0) -> Judgement:
    """Score the baselines and the linkage models; raises InputError only through its parts (labels not 0 and 1)."""
    features, plain = link_features(study), plain_features(study)
    streams = _streams(study, features)
    linked = _linked(features)
    found = Judgement(
        flagged_share={name: float(score.mean()) for name, score in streams.items()},
        linked_share=float(linked.mean()),
        scores=label_free_score(features),
    )
    y, cut = study.label, study.cut
    if y is None or len(set(y[:cut])) < 2 or len(set(y[cut:])) < 2:
        return found
    past_labels = link_features(study, past_labels=True) if study.spec.label_delay_days is not None else None
    train, test = np.arange(cut), np.arange(cut, len(y))
    shuffled = np.random.default_rng(seed).permutation(len(y))
    by_time = _all(study, y, plain, features, past_labels, streams, train, test, seed)
    return replace(
        found,
        by_time=by_time,
        at_random=_all(
            study, y, plain, features, None, streams, np.sort(shuffled[:cut]), np.sort(shuffled[cut:]), seed
        ),
        rules=tuple(_on_stream(name, score, y) for name, score in streams.items()),
        linked_share_judged=float(linked[test].mean()),
        linked_positives=float(linked[test][y[test] > 0].mean()),
        lead=_lead(by_time, y[test], seed),
        unlinked=_unlinked(by_time, y[test], ~linked[test], study.spec.capacity, seed),
    )


def _lead(judged: tuple[Judged, ...], y: Floats, seed: int) -> Lead:
    """Both scores are resampled together, so that what is hard for both cancels."""
    own, base = (
        max((j for j in judged if (j.name in OURS) is ours), key=lambda j: j.average_precision)
        for ours in (True, False)
    )

    def ahead(labels: ArrayLike, rows: ArrayLike) -> float:
        at = np.asarray(rows, np.int64)
        return average_precision(labels, own.scores[at]) - average_precision(labels, base.scores[at])

    rows = np.arange(len(y))
    low, high = bootstrap(y, rows, ahead, seed=seed)
    return Lead(own, base, ahead(y, rows), low, high)


def _unlinked(judged: tuple[Judged, ...], y: Floats, alone: NDArray[np.bool_], k: int, seed: int) -> Unlinked:
    positives = int(y[alone].sum())
    if positives in (0, int(alone.sum())):
        return Unlinked(int(alone.sum()), positives, None)
    best = max(judged, key=lambda j: average_precision(y[alone], j.scores[alone]))
    return Unlinked(int(alone.sum()), positives, _judged(best.name, y[alone], best.scores[alone], k, seed))


def _streams(study: Study, features: pd.DataFrame) -> dict[str, Floats]:
    """Every rule of the protocol that the study's columns allow."""
    rules: dict[str, Floats] = {}
    if study.log["ip"].notna().any():
        rules["shared_ip_ever"] = seven_day_rule(study, None, "ip")
    if study.log["device"].notna().any():
        rules["device_accounts_ever_2"] = seven_day_rule(study, None, "device")
        rules["device_7_days"] = seven_day_rule(study, 7.0, "device")
    if study.log["address"].notna().any():
        rules["address_30_days"] = at_least(features["address_n_30d"], 1)
    return rules


def _linked(features: pd.DataFrame) -> NDArray[np.bool_]:
    counts = [c for c in features.columns if c.endswith("_n_ever")]
    return (features[counts].sum(axis=1) > 0).to_numpy() if counts else np.zeros(len(features), bool)


def _all(
    study: Study,
    y: Floats,
    plain: pd.DataFrame,
    features: pd.DataFrame,
    past_labels: pd.DataFrame | None,
    streams: dict[str, Floats],
    train: Rows,
    test: Rows,
    seed: int,
) -> tuple[Judged, ...]:
    k = study.spec.capacity
    if len(set(y[test])) < 2 or len(set(y[train])) < 2:
        return ()
    scores = {name: score[test] for name, score in streams.items()}
    scores["isolation_forest"] = isolation_forest(plain.iloc[train], plain.iloc[test], seed)
    scores["ecod"] = ecod(plain.iloc[train], plain.iloc[test])
    scores["lightgbm_without_links"] = _boost(plain, y, train, test, seed)
    scores["label_free_links"] = label_free_score(features)[test]
    both = pd.concat([plain, features], axis=1)
    scores["lightgbm_" + LINKS] = _boost(both, y, train, test, seed)
    if past_labels is not None:
        scores["lightgbm_links_past_labels"] = _boost(pd.concat([plain, past_labels], axis=1), y, train, test, seed)
    # Where the label-free evidence finds company it leads; the model orders rows that share nothing, and breaks ties.
    scores["links_combined"] = _ranks(scores["lightgbm_" + LINKS]) + _ranks(scores["label_free_links"])
    return tuple(_judged(name, y[test], score, k, seed) for name, score in scores.items())


def _boost(X: pd.DataFrame, y: Floats, train: Rows, test: Rows, seed: int) -> Floats:
    """The mean of a few LightGBM models with different seeds: one alone moves by a tenth of its own figure."""
    import lightgbm as lgb

    values = X.to_numpy(np.float32)
    # More company may only raise the score; what a row says of itself may do either.
    signs = [1 if "_n_" in name or "_new_" in name or "_same_" in name else 0 for name in X.columns]
    total = np.zeros(len(test))
    for bag in range(_BAGS):
        data = lgb.Dataset(values[train], label=y[train], free_raw_data=True)
        parameters = {**PARAMETERS, "min_data_in_leaf": 50, "monotone_constraints": signs, "seed": seed * 100 + bag}
        total += np.asarray(lgb.train(parameters, data, num_boost_round=_ROUNDS).predict(values[test], num_threads=1))
    return total / _BAGS


def _ranks(score: Floats) -> Floats:
    return pd.Series(score).rank(pct=True).to_numpy(np.float64)


def _judged(name: str, y: Floats, score: Floats, k: int, seed: int) -> Judged:
    low, high = bootstrap(y, score, average_precision, seed=seed)
    return Judged(
        name, score, average_precision(y, score), low, high, recall_at_fpr(y, score, 0.001),
        recall_at_fpr(y, score, 0.005), recall_at_fpr(y, score, 0.01), recall_mix(y, score),
        precision_at(y, score, k), auroc(y, score),
    )  # fmt: skip


def _on_stream(name: str, score: Floats, y: Floats) -> RuleOnStream:
    hit = score > 0
    return RuleOnStream(
        name,
        float(y[hit].mean()) if hit.any() else float("nan"),
        float(hit[y > 0].mean()),
        float(hit[y == 0].mean()),
        int(hit.sum()),
    )

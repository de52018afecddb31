"""Judge detectors on a study: the same rows, split by time (the headline) and at random (shown beside it).

Rules score every row of the stream; learners see the training rows only. A split at random lets a model learn from
the future of the very farms that it is asked about, which is why its figures look better than they will ever be. Our
own detector is named before anything is judged; the baseline that it is set against is the best one in hindsight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.anomaly import AnomalyDetector
from models.abuse.baselines import at_least, ecod, isolation_forest
from models.abuse.boosted import PARAMETERS
from models.abuse.metrics import recall_at_fpr
from models.abuse.study.features import (
    groups,
    label_free_score,
    link_features,
    own_features,
    plain_features,
    seven_day_rule,
    without_labels,
)
from models.abuse.study.log import TRUTH, Study
from models.abuse.study.metrics import Figures, judge, paired
from models.abuse.study.model import PLAIN, StackedModel, design, fit_stacked, monotone
from models.abuse.study.review import Calibration, calibration, daily_precision
from models.abuse.study.rings import RingOutcome, Share, by_kind, ring_outcome, threshold

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
HEADLINE = "stacked_links"
OURS = ("anomaly", "label_free_links", HEADLINE)
CHANCES = ("lightgbm_without_links", "lightgbm_links", "lightgbm_links_past_labels", HEADLINE)
ALARM_FPRS = {"0_1": 0.001, "1": 0.01}
ITS_OWN = "its_own"
MOST_ROWS = 200_000  # that one model learns from: every positive, and a draw of the negatives that speaks for all
_ROUNDS, _BAGS = 80, 5


@dataclass(frozen=True)
class Judged:
    """One detector on the judged rows: its scores, figures with intervals, and precision of a daily queue."""

    name: str
    scores: Floats
    figures: Figures
    daily: Share

    @property
    def average_precision(self) -> float:
        return self.figures.value["ap"]


@dataclass(frozen=True)
class RuleOnStream:
    """A rule over the whole stream in the order of events, and what our label-free score finds at its own FPR."""

    name: str
    precision: float
    recall: float
    fpr: float
    flagged: int
    label_free_recall: float


@dataclass(frozen=True)
class Lead:
    """Our detector against the best baseline: figures of the first minus the second on the same rows."""

    own: Judged
    base: Judged
    difference: Figures


@dataclass(frozen=True)
class Unlinked:
    """The judged rows that share nothing with an earlier account: where only a row's own columns can speak.

    ``own`` is our detector there; None where no figure can be had: there are no such rows, or they are all of one
    class. ``oracle_recall_1`` and ``oracle_auroc`` are those of a detector that finds every linked positive first and
    draws lots among the rest: what links alone could reach.
    """

    rows: int
    positives: int
    own: Figures | None
    oracle_recall_1: float
    oracle_auroc: float

    @property
    def base_rate(self) -> float:
        return self.positives / self.rows if self.rows else float("nan")


@dataclass(frozen=True)
class Alarms:
    """What alarms of one detector at one false-positive rate mean: rings, families and look-alikes.

    A rule has no threshold to move, so its rate is ``ITS_OWN``.
    """

    name: str
    rate: str
    rings: RingOutcome | None
    families: dict[str, Share]
    look_alikes: dict[str, Share]


@dataclass(frozen=True)
class Judgement:
    """Everything a report says; the lists are in order of the baselines, ours last. Empty where there are no labels.

    ``linked_share`` is of all rows, ``linked_share_judged`` of the judged ones, and ``linked_positives`` the share of
    the judged positives that are linked. ``scores`` (n,) are the label-free scores of all rows in the log's order.
    ``stream_rings`` are the rings of the whole stream by rule, and by label-free alarms at 0.1 % false positives.
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
    calibrations: dict[str, Calibration] | None = None
    alarms: tuple[Alarms, ...] = ()
    stream_rings: dict[str, RingOutcome] | None = None
    model: StackedModel | None = None


@dataclass(frozen=True)
class _Tables:
    """Features by what they know: the row alone, its links, and links with labels of the past."""

    plain: pd.DataFrame
    own: pd.DataFrame
    links: pd.DataFrame
    past_labels: pd.DataFrame | None

    @property
    def alone(self) -> pd.DataFrame:
        return pd.concat([self.plain, self.own], axis=1)


def judge_study(study: Study, seed: int = 0) -> Judgement:
    """Score the baselines and our detectors; raises InputError only through its parts (labels not 0 and 1)."""
    delayed = study.label is not None and study.spec.label_delay_days is not None
    past_labels = link_features(study, past_labels=True) if delayed else None
    links = link_features(study) if past_labels is None else without_labels(past_labels)
    streams = _streams(study, links)
    linked = _linked(links)
    found = Judgement(
        flagged_share={name: float(score.mean()) for name, score in streams.items()},
        linked_share=float(linked.mean()),
        scores=label_free_score(links),
    )
    y, cut = study.label, study.cut
    if y is None or len(set(y[:cut])) < 2 or len(set(y[cut:])) < 2:
        return found
    tables = _Tables(plain_features(study), own_features(study), links, past_labels)
    train, test = np.arange(cut), np.arange(cut, len(y))
    shuffled = np.random.default_rng(seed).permutation(len(y))
    by_time, model = _all(study, y, tables, streams, train, test, seed)
    # Past labels in a random split would be those of the judged rows themselves.
    unlabelled, mixed = replace(tables, past_labels=None), (np.sort(shuffled[:cut]), np.sort(shuffled[cut:]))
    lead = _lead(by_time, y[test], study.spec.capacity, seed)
    return replace(
        found,
        by_time=by_time,
        at_random=_all(study, y, unlabelled, streams, *mixed, seed)[0] if _both(y, *mixed) else (),
        rules=tuple(_on_stream(name, score, y, found.scores) for name, score in streams.items()),
        linked_share_judged=float(linked[test].mean()),
        linked_positives=float(linked[test][y[test] > 0].mean()),
        lead=lead,
        unlinked=_unlinked(lead.own, y[test], linked[test], study.spec.capacity, seed),
        calibrations={j.name: calibration(y[test], j.scores, seed) for j in by_time if j.name in CHANCES},
        alarms=_alarms(study, lead, by_time, streams, y, test),
        stream_rings=_stream_rings(study, streams, found.scores, y),
        model=model,
    )


def _both(y: Floats, *parts: Rows) -> bool:
    return all(len(set(y[rows])) == 2 for rows in parts)


def _lead(judged: tuple[Judged, ...], y: Floats, k: int, seed: int) -> Lead:
    own = next(j for j in judged if j.name == HEADLINE)
    base = max((j for j in judged if j.name not in OURS), key=lambda j: j.average_precision)
    return Lead(own, base, paired(y, own.scores, base.scores, k, seed))


def _unlinked(own: Judged, y: Floats, linked: NDArray[np.bool_], k: int, seed: int) -> Unlinked:
    alone = ~linked
    positives = int(y[alone].sum())
    known = float((linked & (y > 0)).sum() / y.sum())
    oracle = (known + (1 - known) * 0.01, known + (1 - known) / 2)
    if positives in (0, int(alone.sum())):
        return Unlinked(int(alone.sum()), positives, None, *oracle)
    return Unlinked(int(alone.sum()), positives, judge(y[alone], own.scores[alone], k, seed), *oracle)


def _alarms(
    study: Study, lead: Lead, judged: tuple[Judged, ...], rules: dict[str, Floats], y: Floats, test: Rows
) -> tuple[Alarms, ...]:
    """Of our detectors and the best baseline at both rates, and of the rules at their own."""
    scores = {j.name: j.scores for j in judged}
    found = []
    for name in dict.fromkeys((HEADLINE, "label_free_links", lead.base.name)):
        if name not in rules:
            for rate, fpr in ALARM_FPRS.items():
                flagged = scores[name] >= threshold(y[test], scores[name], fpr)
                found.append(_meaning(study, name, rate, test, flagged))
    return (*found, *(_meaning(study, name, ITS_OWN, test, rule[test] > 0) for name, rule in rules.items()))


def _meaning(study: Study, name: str, rate: str, rows: Rows, flagged: NDArray[np.bool_]) -> Alarms:
    kinds = {kind: by_kind(study, kind, rows, flagged) for kind in TRUTH[1:] if kind in study.log}
    rings = ring_outcome(study, rows, flagged)
    return Alarms(name, rate, rings, kinds.get("family", {}), kinds.get("look_alike", {}))


def _stream_rings(study: Study, streams: dict[str, Floats], score: Floats, y: Floats) -> dict[str, RingOutcome]:
    rows = np.arange(len(y))
    flags = {name: rule > 0 for name, rule in streams.items()}
    flags["label_free_links"] = score >= threshold(y, score, ALARM_FPRS["0_1"])
    found = {name: ring_outcome(study, rows, flagged) for name, flagged in flags.items()}
    return {name: outcome for name, outcome in found.items() if outcome is not None}


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
    study: Study, y: Floats, tables: _Tables, streams: dict[str, Floats], train: Rows, test: Rows, seed: int
) -> tuple[tuple[Judged, ...], StackedModel]:
    """Every detector on the judged rows, and our own as fitted."""
    alone = tables.alone
    fitted, asked = _varied(alone.iloc[train], alone.iloc[test])
    scores = {name: score[test] for name, score in streams.items()}
    scores["isolation_forest"] = isolation_forest(fitted, asked, seed)
    scores["ecod"] = ecod(fitted, asked)
    both = pd.concat([alone, tables.links], axis=1)
    scores["lightgbm_without_links"] = _boost(alone, y, train, test, seed)
    scores["lightgbm_links"] = _boost(both, y, train, test, seed)
    if tables.past_labels is not None:
        labelled = pd.concat([alone, tables.past_labels], axis=1)
        scores["lightgbm_links_past_labels"] = _boost(labelled, y, train, test, seed)
    scores["anomaly"] = AnomalyDetector(seed).fit(fitted).score(asked)
    points = label_free_score(tables.links)
    scores["label_free_links"] = points[test]
    known = tables.links if tables.past_labels is None else tables.past_labels
    X = pd.concat([tables.plain.add_prefix(PLAIN), tables.own, known], axis=1).assign(label_free=points)
    us, ring = study.log["us"].to_numpy(np.int64), groups(study)
    rows, worth = _drawn(y, train, seed)
    model = fit_stacked(X.iloc[rows], y[rows], us[rows], ring[rows], worth, seed)
    scores[HEADLINE] = model.probability(design(X.iloc[test]))
    days = study.log["us"].to_numpy(np.int64)[test]
    return tuple(_judged(study, name, y[test], score, days, seed) for name, score in scores.items()), model


def _varied(fitted: pd.DataFrame, asked: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both without the columns that never vary in the first: they say nothing, and the baselines stumble over them."""
    varied = fitted.columns[fitted.nunique() > 1]
    return (fitted[varied], asked[varied]) if len(varied) else (fitted, asked)


def _judged(study: Study, name: str, y: Floats, score: Floats, us: Rows, seed: int) -> Judged:
    daily = daily_precision(y, score, us, study.spec.daily_capacity, seed)
    return Judged(name, score, judge(y, score, study.spec.capacity, seed), daily)


def _boost(X: pd.DataFrame, y: Floats, train: Rows, test: Rows, seed: int) -> Floats:
    """The mean of a few LightGBM models with different seeds: one alone moves by a tenth of its own figure."""
    import lightgbm as lgb

    values = X.to_numpy(np.float32)
    signs = [monotone(name) for name in X.columns]
    rows, worth = _drawn(y, train, seed)
    total = np.zeros(len(test))
    for bag in range(_BAGS):
        data = lgb.Dataset(values[rows], label=y[rows], weight=worth, free_raw_data=True)
        parameters = {**PARAMETERS, "min_data_in_leaf": 50, "monotone_constraints": signs, "seed": seed * 100 + bag}
        total += np.asarray(lgb.train(parameters, data, num_boost_round=_ROUNDS).predict(values[test], num_threads=1))
    return total / _BAGS


def _drawn(y: Floats, train: Rows, seed: int) -> tuple[Rows, Floats]:
    """Training rows within ``MOST_ROWS``, in time order, and how many rows each of them stands for."""
    if len(train) <= MOST_ROWS:
        return train, np.ones(len(train))
    rng, kept, worth = np.random.default_rng(seed), [], np.ones(len(y))
    rows = [train[y[train] == value] for value in (1.0, 0.0)]
    room = [min(len(rows[0]), MOST_ROWS // 2)]
    room.append(min(len(rows[1]), MOST_ROWS - room[0]))
    for part, size in zip(rows, room, strict=True):
        kept.append(rng.choice(part, size, replace=False))
        worth[kept[-1]] = len(part) / size
    together = np.sort(np.concatenate(kept))
    return together, worth[together]


def _on_stream(name: str, score: Floats, y: Floats, label_free: Floats) -> RuleOnStream:
    hit = score > 0
    fpr = float(hit[y == 0].mean())
    return RuleOnStream(
        name,
        float(y[hit].mean()) if hit.any() else float("nan"),
        float(hit[y > 0].mean()),
        fpr,
        int(hit.sum()),
        recall_at_fpr(y, label_free, fpr),
    )

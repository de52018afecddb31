"""Contract checks of the label-free detector and of the model that verdicts teach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.engine import connect
from features.errors import InputError
from models.abuse import boosted
from models.abuse.boosted import Verdicts, direction, learn
from models.abuse.decision.actions import Thresholds
from models.abuse.detect import Detected, detect, log_odds, matrix
from models.abuse.evidence import BASE, SHARING, evidence, purity, score
from models.abuse.folder import open_folder
from models.abuse.shop import shop_before
from oracles.abuse_scenes import START, scene

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
WEEK = 7 * 86_400_000_000


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Detected:
    folder = tmp_path_factory.mktemp("shop")
    for name, frame in scene(seed=9, honest=150, copies=1)[0].items():
        frame.to_parquet(folder / f"{name}.parquet")
    return _detect(folder)


def _detect(folder: Path) -> Detected:
    con: Any = connect(threads=1)
    try:
        return detect(shop_before(con, open_folder(con, folder), None), Thresholds())
    finally:
        con.disconnect()


def test_scores_are_probabilities_in_time_order(found: Detected) -> None:
    assert found.rows["score"].between(0, 1).all()
    assert found.rows["us"].is_monotonic_increasing
    assert (found.terms.to_numpy() >= 0).all()


def test_nothing_shared_scores_the_base_rate(found: Detected) -> None:
    alone = found.terms.sum(axis=1) == 0
    assert alone.any()
    assert np.allclose(found.rows.loc[alone, "score"], 1 / (1 + np.exp(-BASE)))


@pytest.mark.parametrize("kind", [sharing.kind for sharing in SHARING])
def test_more_like_minded_company_raises_and_regular_customers_lower_the_evidence(found: Detected, kind: str) -> None:
    rows = found.rows.copy()
    windows = ("1h", "24h", "7d", "30d", "ever")
    rows[[f"{kind}_same_bare_{w}" for w in windows]] += 2.0
    more = evidence(rows)[kind]
    assert (more >= found.terms[kind] - 1e-9).all()
    rows[f"{kind}_engaged_ever"] += 30.0
    assert (evidence(rows)[kind] <= more + 1e-9).all()
    sharing = next(s for s in SHARING if s.kind == kind)
    assert (purity(rows, sharing, np.full(len(rows), 2.0)) < 0.1).all()


def test_points_and_score_rise_together() -> None:
    assert (np.diff(score(np.linspace(0, 20, 50))) > 0).all()


def _taught(found: Detected, extra: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Verdicts on every planted account of a repeated log, so that a model is trained at all."""
    rows = found.rows
    X = matrix(rows, found.terms, rows["ring_size"].to_numpy(float))
    at = rows["us"].to_numpy(np.int64)
    user = rows["account"].to_numpy(np.int64)
    names = [f"u{i}" for i in range(user.max() + 1)]
    bad = np.zeros(len(names), bool)
    bad[user[rows["score"].to_numpy() > 0.2]] = True
    decided = np.full(len(names), at.max() - 2 * WEEK)
    if extra:
        decided[:] = at.max() + extra
    verdicts = Verdicts(np.arange(len(names)), decided, bad)
    return learn(X, log_odds(rows["score"].to_numpy()), at, user, names, verdicts).added, at


def test_verdicts_teach_only_the_weeks_after_them(found: Detected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosted, "LEAST_POSITIVES", 10)
    added, at = _taught(found)
    assert (added[at >= at.max() - WEEK] != 0).any()
    first = int(START.value // 1000)
    assert (added[at < at.max() - 2 * WEEK] == 0).all()
    assert at.min() >= first - WEEK


def test_verdicts_of_the_future_teach_nothing(found: Detected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosted, "LEAST_POSITIVES", 10)
    added, _ = _taught(found, extra=WEEK)
    assert (added == 0).all()


def test_few_verdicts_leave_the_label_free_detector_alone(found: Detected) -> None:
    rows = found.rows
    X = matrix(rows, found.terms, rows["ring_size"].to_numpy(float))
    at, user = rows["us"].to_numpy(np.int64), rows["account"].to_numpy(np.int64)
    names = [str(i) for i in range(user.max() + 1)]
    few = Verdicts(np.arange(5), np.full(5, at.min()), np.ones(5, bool))
    assert (learn(X, np.zeros(len(X)), at, user, names, few).added == 0).all()


def test_constraints_follow_the_meaning_of_a_column() -> None:
    assert direction("address_same_new_24h") == 1
    assert direction("ip_elsewhere_ever") == -1
    assert direction("orders_ever") == 0


@pytest.mark.parametrize(("review", "automatic"), [(0.9, 0.5), (0.0, 0.5), (0.5, 1.2)])
def test_thresholds_out_of_order_are_refused(review: float, automatic: float) -> None:
    with pytest.raises(InputError, match="thresholds"):
        Thresholds(review, automatic)


def test_the_model_sees_numbers_only_and_no_identifier(found: Detected) -> None:
    X = matrix(found.rows, found.terms, np.ones(len(found.rows)))
    assert {str(t) for t in X.dtypes} == {"float32"}
    assert not {"device", "ip", "address", "user_id", "us"} & set(X.columns)
    assert isinstance(X, pd.DataFrame)

"""The online abuse model: learnt from the full detector, judged on later claims, and data from end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import InputError
from models.abuse.decision.actions import Thresholds
from models.abuse.online import FEATURES, LIVE_WINDOWS, anchors, live_counts, reason_texts, thresholds
from models.registry import Artefact
from oracles.abuse import distinct_others
from oracles.abuse_scenes import scene
from pipelines.train_abuse import Claims, artefact_of, online_score

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


def claims(n: int = 600, seed: int = 0) -> Claims:
    """Claims of accounts alone on their things, and a few in company that the detector found."""
    rng = np.random.default_rng(seed)
    X = np.full((n, len(FEATURES)), np.nan)
    X[:, : len(FEATURES) - 6] = 0.0
    company = rng.random(n) < 0.06
    for name in ("device_others_1h", "device_others_24h", "device_others_7d"):
        X[:, FEATURES.index(name)] = np.where(company, rng.integers(1, 5, n), 0)
    X[:, FEATURES.index("account_age_days")] = np.where(company, 0, rng.uniform(0, 300, n))
    offline = np.where(company, 0.9, 0.002)
    return Claims(X, offline, offline, np.ones(n), np.arange(n, dtype=np.int64))


@pytest.fixture(scope="module")
def artefact() -> Artefact:
    return artefact_of(claims(), claims(seed=1), 500, Thresholds(), verdicts=0, seed=0)


def test_the_online_model_decides_as_the_full_detector_does_on_later_claims(artefact: Artefact) -> None:
    later = claims(seed=1)
    hold = artefact.spec["thresholds"]["hold"]
    assert ((online_score(artefact, later.X) >= hold) == (later.offline >= 0.35)).mean() > 0.98


def test_a_third_puppet_within_minutes_is_caught_before_anything_is_stored(artefact: Artefact) -> None:
    fresh = np.full((1, len(FEATURES)), np.nan)
    for window in LIVE_WINDOWS:
        fresh[0, FEATURES.index(f"device_others_{window}")] = 2.0
        for kind in ("ip", "address"):
            fresh[0, FEATURES.index(f"{kind}_others_{window}")] = 0.0
    assert online_score(artefact, fresh)[0] >= artefact.spec["thresholds"]["hold"]


def test_more_company_never_lowers_the_score(artefact: Artefact) -> None:
    X = np.zeros((8, len(FEATURES)))
    X[:, FEATURES.index("device_others_24h")] = np.arange(8)
    assert (np.diff(online_score(artefact, X)) >= 0).all()


def test_the_artefact_is_data_and_survives_the_disk(artefact: Artefact, tmp_path: Path) -> None:
    artefact.to_dir(tmp_path / "model")
    again = Artefact.from_dir(tmp_path / "model")
    X = claims(seed=2).X
    assert (online_score(again, X) == online_score(artefact, X)).all()
    assert list(again.spec["thresholds"]) == ["hold", "withhold"]
    table = again.spec["calibration"]
    assert (np.diff(table["x"]) > 0).all()
    assert (np.diff(table["y"]) >= 0).all()


def test_every_feature_has_words_in_both_languages() -> None:
    texts = reason_texts()
    assert set(texts) == set(FEATURES)
    assert all("{value}" in words["en"] and "{value}" in words["zh"] for words in texts.values())


def test_every_feature_is_one_that_the_online_store_has() -> None:
    from features.groups import GROUPS

    assert set(FEATURES) <= set(GROUPS["user"].names) | set(GROUPS["identity"].names)


def test_live_counts_equal_plain_loops() -> None:
    coupons = scene(seed=3, honest=30, copies=1)[0]["coupons"]
    rows = coupons.assign(us=coupons["claimed_at"].astype("int64")).sort_values("us", ignore_index=True)
    found = live_counts(rows, "device_id")
    plain = list(rows[["device_id", "user_id", "us"]].itertuples(index=False, name=None))
    for window, length in LIVE_WINDOWS.items():
        assert found[window].tolist() == distinct_others(plain, length)


def test_thresholds_spare_all_but_a_thousandth_of_the_innocent() -> None:
    rng = np.random.default_rng(1)
    score, offline = rng.random(20_000), np.zeros(20_000)
    bounds = thresholds(score, offline, np.ones(20_000), review=0.35)
    assert (score >= bounds["withhold"]).mean() <= 0.001
    assert (score >= bounds["hold"]).mean() <= 0.005


def test_anchors_say_that_company_is_worse_than_none() -> None:
    X, target, _ = anchors()
    alone = X[:, FEATURES.index("device_others_24h")] == 0
    assert target[alone].min() < 0.01
    assert target[~alone].max() > 0.95


def test_the_share_held_out_is_checked(tmp_path: Path) -> None:
    from pipelines.train_abuse import learn_abuse
    from serving.settings import Settings

    with pytest.raises(InputError, match="held_out"):
        learn_abuse(Settings(home=tmp_path), tmp_path, held_out=1.0)
    pd.DataFrame({"user_id": ["a"], "registered_at": [pd.Timestamp("2026-01-01")]}).to_parquet(
        tmp_path / "users.parquet"
    )
    with pytest.raises(InputError, match="coupons"):
        learn_abuse(Settings(home=tmp_path), tmp_path)

"""Training learns from randomised decisions only, judges on later ones, and promotes what is better."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import InputError
from models.registry import Registry, effects
from models.registry.trail import CHALLENGER
from models.uplift.simulated import simulated_trial
from models.uplift.trial import Trial
from pipelines.known_abuse import KnownAbuse
from pipelines.train_uplift import Trained, learn_from
from pipelines.uplift_log import offers_in, parts_of, trial_of


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("mlflow")
    return Registry(f"sqlite:///{folder}/mlflow.db", folder / "artefacts")


def decisions(n: int = 9000, seed: int = 1, strength: float = 5.0) -> Trial:
    """A log of randomised decisions over 80 days, users with a few decisions each, only taken propensities known."""
    trial = simulated_trial(n, seed, features=6, strength=strength).trial
    known = np.full_like(trial.propensity, np.nan)
    known[np.arange(n), trial.treatment] = trial.taken
    rng = np.random.default_rng(seed)
    return replace(
        trial,
        X=trial.X.drop(columns=["tier", "channel"]),
        propensity=known,
        time=np.datetime64("2026-01-01", "us") + np.sort(rng.integers(0, 80 * 86_400, n)).astype("timedelta64[s]"),
        cluster=rng.integers(0, n // 3, n).astype(str).astype(object),
    )


@pytest.fixture(scope="module")
def trained(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return learn_from(parts_of(decisions(), 0.4), registry, tmp_path_factory.mktemp("first"), name="uplift-shop")


def test_the_first_model_is_promoted_when_it_beats_no_one(registry: Registry, trained: Trained) -> None:
    assert trained.promoted
    assert "beats no_one" in trained.reason
    champion = registry.champion("uplift-shop")
    assert champion is not None
    assert champion.version == trained.version
    assert champion.tags["gate"] == "passed"
    assert champion.metrics["lead_over_no_one_cents_low"] > 0


def test_the_artefact_answers_with_value_cost_and_redemption_of_every_offer(
    registry: Registry, trained: Trained
) -> None:
    artefact = registry.load("uplift-shop", trained.version).artefact
    assert artefact.features == ("orders_90d", "average_basket", "browsing_without_buying", "coupon_share")
    assert datetime.fromisoformat(artefact.spec["trained_until"]) == trained.trained_until
    found = effects(artefact, decisions(500, seed=9).X.to_numpy(float))
    assert found.arms == ("none", "flat_5", "cut_100_10", "pct_10", "cut_200_35")
    assert (found.cost[:, 1:].mean(axis=0) > 0).all()
    assert (found.redeem[:, 1:].mean(axis=0) > 0.02).all()


def test_training_again_on_the_same_log_does_not_replace_the_champion(
    registry: Registry, trained: Trained, tmp_path: Path
) -> None:
    again = learn_from(parts_of(decisions(), 0.4), registry, tmp_path, name="uplift-shop")
    assert not again.promoted
    assert "not shown to beat champion" in again.reason
    assert registry.version("uplift-shop") == trained.version
    assert registry.load("uplift-shop", again.version).tags["gate_reason"] == again.reason


def test_a_model_of_noise_is_logged_but_not_promoted(registry: Registry, tmp_path: Path) -> None:
    nothing = learn_from(parts_of(decisions(4000, strength=0.0), 0.25), registry, tmp_path, name="uplift-noise")
    assert not nothing.promoted
    assert registry.versions("uplift-noise") == (nothing.version,)
    assert registry.champion("uplift-noise") is None


def test_the_report_says_what_was_decided(trained: Trained) -> None:
    figures = json.loads((trained.report.parent / "report.json").read_text("utf-8"))
    assert figures["promoted"] is True
    assert figures["reason"] == trained.reason
    assert figures["held_out_decisions"] == 3600
    assert "Promoted" in trained.report.read_text("utf-8")


def test_a_candidate_that_lost_is_judged_again_beside_the_next(registry: Registry, tmp_path: Path) -> None:
    """A month later the first candidate, which had too few decisions to be judged by, may be shown to be better."""
    weak = parts_of(decisions(5000, seed=4), 0.05)
    lost = learn_from(weak, registry, tmp_path / "a", name="uplift-again")
    assert not lost.promoted
    assert (lost.champion, registry.version("uplift-again", CHALLENGER)) == ("", lost.version)
    # What the next candidate learns is noise, so that the old one leads.
    later = decisions(6000, seed=5)
    later = replace(later, time=later.time + np.timedelta64(90, "D"))
    parts = parts_of(later, 0.7)
    misled = replace(parts, train=replace(parts.train, X=parts.train.X.iloc[::-1].reset_index(drop=True)))
    again = learn_from(misled, registry, tmp_path / "b", name="uplift-again")
    assert "challenger" in {one.name for one in again.verdict.standings}
    assert again.verdict.level == 0.975
    assert again.verdict.winner == "challenger"
    assert not again.promoted
    assert (again.champion, registry.version("uplift-again", CHALLENGER)) == (lost.version, again.version)
    moves = [(move.alias, move.version) for move in registry.trail("uplift-again")]
    expected = [("challenger", lost.version), ("champion", lost.version), ("challenger", again.version)]
    assert moves == expected


def test_a_challenger_that_learnt_from_the_judging_decisions_waits(registry: Registry, tmp_path: Path) -> None:
    log = decisions(1500, seed=6, strength=0.0)
    late = learn_from(parts_of(log, 0.25), registry, tmp_path / "a", name="uplift-late")
    assert registry.version("uplift-late", CHALLENGER) == late.version
    earlier = learn_from(parts_of(log, 0.6), registry, tmp_path / "b", name="uplift-late")
    assert CHALLENGER not in {one.name for one in earlier.verdict.standings}


def test_known_abusers_neither_teach_nor_judge() -> None:
    trial = decisions(2000)
    cutoff = parts_of(trial, 0.25).cutoff
    names = np.unique(trial.cluster.astype(str))
    verdicts = pd.DataFrame(
        {
            "user_id": names[:3],
            "decided_at": [cutoff - timedelta(days=1), cutoff + timedelta(days=5), cutoff - timedelta(days=1)],
            "verdict": ["abusive", "abusive", "legitimate"],
        }
    )
    parts = parts_of(trial, 0.25, KnownAbuse.of(verdicts))
    early, late, cleared = names[:3]
    assert early not in set(parts.train.cluster) | set(parts.later.cluster)
    everybody = parts_of(trial, 0.25)
    for name in (late, cleared):
        assert (parts.train.cluster == name).sum() == (everybody.train.cluster == name).sum()
    judged = parts.later.time[parts.later.cluster == late]
    assert (judged <= np.datetime64(cutoff + timedelta(days=5))).all()
    assert (parts.later.cluster == cleared).sum() == (everybody.later.cluster == cleared).sum()
    dropped = len(everybody.train) - len(parts.train)
    assert parts.rows.abusive_train == {"verdict": dropped, "flag": 0}
    assert parts.rows.abusive_later == {"verdict": len(everybody.later) - len(parts.later), "flag": 0}


def test_the_card_says_what_was_read_left_out_judged_and_by_whom_approved(registry: Registry, trained: Trained) -> None:
    card = registry.card("uplift-shop", trained.version)
    assert card is not None
    assert card == json.loads(trained.card.with_suffix(".json").read_text("utf-8"))
    data = card["data"]
    assert (data["train"]["decisions"], data["held_out"]["decisions"], data["decisions_read"]) == (5400, 3600, 9000)
    assert data["train"]["until"] < data["held_out"]["from"]
    assert sum(counts["train"] for counts in data["arms"].values()) == 5400
    assert card["approval"]["by"] == "gate"
    assert card["approval"]["decision"] == "promoted"
    assert card["metrics"]["lead_over_no_one_cents_low"] > 0
    assert set(card["judged"]["ahead_of_the_model"]) == set(trained.verdict.ahead())
    assert card["features"][0]["name"] in {"browsing_without_buying", "coupon_share", "orders_90d"}
    assert all(limit["en"] and limit["zh"] for limit in card["limits"])
    assert card["smallest"]["segment_decisions"] > 0
    assert {"lightgbm", "numpy", "python"} <= set(card["versions"])
    page = trained.card.read_text("utf-8")
    assert "Model card: uplift" in page
    assert "模型卡" in page
    assert "Promoted by the gate" in page


def test_the_report_shows_calibration_budgets_and_segments(trained: Trained) -> None:
    figures = json.loads((trained.report.parent / "report.json").read_text("utf-8"))
    assert figures["calibration_slope_cost_pct_10_low"] > 0
    assert figures["budget_curve_ahead_of_best_single_arm_cents_low"] is not None
    assert figures["segments_looked_at"] > 8
    page = trained.report.read_text("utf-8")
    for heading in ("What a budget buys", "Do the predicted effects mean", "Who gains and who loses", "谁受益，谁受损"):
        assert heading in page


def test_the_split_is_by_time() -> None:
    trial = decisions(1000)
    parts = parts_of(trial, 0.25)
    earlier, later, cutoff = parts.train, parts.later, parts.cutoff
    assert len(earlier) + len(later) == 1000
    assert earlier.time.max() < np.datetime64(cutoff) <= later.time.min()
    assert len(later) == pytest.approx(250, abs=3)


def frame(n: int = 600) -> pd.DataFrame:
    offers = ["none", "flat_8", "pct_10"]
    return pd.DataFrame(
        {
            "decision_id": [f"d{i}" for i in range(n)],
            "user_id": [f"u{i // 2}" for i in range(n)],
            "decided_at": pd.date_range("2026-01-01", periods=n, freq="h"),
            "offer": [offers[i % 3] for i in range(n)],
            "eligible": [["flat_8", "pct_10"]] * n,
            "propensity": 1 / 3,
            "value_cents": 100.0,
            "cost_cents": 5.0,
            "redeemed": [i % 2 == 0 for i in range(n)],
            "recency": np.arange(n) * 1.0,
        }
    )


OFFERS = ("none", "flat_8", "pct_10")


def test_decisions_become_a_trial() -> None:
    trial, _ = trial_of(frame(), ["recency"], OFFERS)
    assert trial.arms == OFFERS
    assert trial.propensity[1, 1] == pytest.approx(1 / 3)
    assert np.isnan(trial.propensity[1, [0, 2]]).all()
    assert trial.cluster is not None
    assert trial.cluster[3] == "u1"
    np.testing.assert_array_equal(trial.outcomes["redeemed"][:3], [1, 0, 1])


def test_decisions_that_were_not_drawn_among_all_offers_do_not_train() -> None:
    log = frame()
    log.at[0, "eligible"] = ["flat_8"]
    log.at[1, "propensity"] = 1.0
    trial, left_out = trial_of(log, ["recency"], OFFERS)
    assert len(trial) == 598
    assert left_out == {"an_offer_was_not_possible": 1, "not_drawn_at_random": 1}


def test_offers_given_too_rarely_are_left_out_and_a_log_without_control_is_refused() -> None:
    log = ["flat_8"] * 60 + ["none"] * 80 + ["new_15"] * 3
    assert offers_in(log) == ("none", "flat_8")
    with pytest.raises(InputError, match=r"offers of the log: got .* 'none' and another offer"):
        offers_in(["flat_8"] * 60 + ["new_15"] * 60)
    with pytest.raises(InputError, match="offers of the log"):
        offers_in([])


def test_a_missing_feature_and_an_impossible_propensity_are_named() -> None:
    with pytest.raises(InputError, match="features: got 'frequency'"):
        trial_of(frame(), ["recency", "frequency"], OFFERS)
    with pytest.raises(InputError, match=r"propensity: got 0\.0"):
        trial_of(frame().assign(propensity=0.0), ["recency"], OFFERS)


def test_a_split_without_some_offer_on_one_side_is_refused() -> None:
    log = frame()
    log.loc[500:, "offer"] = "none"
    with pytest.raises(InputError, match="later decisions: got"):
        parts_of(trial_of(log, ["recency"], OFFERS)[0], 0.1)

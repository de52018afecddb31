"""Segments, trees and choices find what was planted, and nothing where nothing was."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from models.uplift.report.contest import contest
from models.uplift.report.effect_tree import effect_tree
from models.uplift.report.findings import _harm
from models.uplift.report.held_out import CONSTANT, DR, LINEAR, RESPONSE, HeldOut, levelled
from models.uplift.report.segments import parts_of, segments
from models.uplift.report.spending import spend
from models.uplift.trial import Trial

N = 4000


def table(seed: int = 0, n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.uniform(18, 80, n)
    age[rng.random(n) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            "city": rng.choice(["上海", "Paris", "Rome"], n, p=[0.5, 0.3, 0.2]),
            "vip": rng.random(n) < 0.2,
            "constant": 1,
            "empty": np.nan,
            "id": [f"{i:032x}" for i in range(n)],
        }
    )


def test_parts_cover_every_unit_once_and_leave_out_what_tells_nobody_apart() -> None:
    parts = parts_of(table())
    assert [part.feature for part in parts] == ["age", "city", "vip"]
    for part in parts:
        assert part.code.min() >= 0
        assert part.code.max() == len(part.words) - 1
    assert parts[0].words[-1].zh == "age 缺失"
    assert parts[1].words[0].en == "city = 上海"  # most frequent first


def test_the_ranges_say_what_they_hold() -> None:
    frame = table()
    part = parts_of(frame)[0]
    edges = [float(edge) for edge in part.uppers]
    for k in range(len(edges) + 1):
        held = frame["age"][part.code == k]
        assert held.min() >= (edges[k - 1] if k else 0) - 0.1  # the edge is shown with three digits
        assert held.max() <= (edges[k] if k < len(edges) else 100) + 0.1


def test_effects_are_plain_means_with_bonferroni_intervals() -> None:
    frame = table()
    scores = np.random.default_rng(1).normal(0.3, 2.0, N)
    found = segments(parts_of(frame), scores)
    paris = next(one for one in found if one.words.en == "city = Paris")
    mine = scores[frame["city"] == "Paris"]
    reach = stats.t.ppf(1 - 0.025 / len(found), len(mine) - 1) * mine.std(ddof=1) / np.sqrt(len(mine))
    assert paris.effect.value == pytest.approx(mine.mean())
    assert paris.effect.high - paris.effect.value == pytest.approx(reach, rel=1e-6)
    assert paris.gap.value == pytest.approx(mine.mean() - scores[frame["city"] != "Paris"].mean())
    assert [one.effect.value for one in found] == sorted((one.effect.value for one in found), reverse=True)


def test_pure_noise_names_a_segment_in_at_most_one_of_twenty_trials() -> None:
    parts = parts_of(table(n=1000))
    rng = np.random.default_rng(2)
    wrong = sum(any(one.gains or one.loses for one in segments(parts, rng.normal(size=1000))) for _ in range(200))
    assert wrong <= stats.binom.ppf(0.999, 200, 0.05)


def test_clusters_widen_the_intervals() -> None:
    frame, rng = table(n=1000), np.random.default_rng(3)
    cluster = np.repeat(np.arange(100), 10).astype(str).astype(object)
    scores = np.repeat(rng.normal(size=100), 10)
    alone, together = segments(parts_of(frame), scores), segments(parts_of(frame), scores, cluster)
    assert together[0].effect.standard_error > 1.5 * alone[0].effect.standard_error


def test_a_tree_finds_the_planted_rule_and_measures_it_on_the_other_half() -> None:
    frame = table()
    inside = (frame["city"] == "Paris") & (frame["age"] > 49)
    scores = np.where(inside, -3.0, 1.0) + np.random.default_rng(4).normal(size=N)
    grow_on = np.arange(N) % 2 == 0
    leaves = effect_tree(parts_of(frame), scores, grow_on)
    worst = leaves[-1]
    assert {rule.en.split()[0] for rule in worst.rules} == {"city", "age"}
    assert worst.effect.high < 0 < leaves[0].effect.low
    assert sum(leaf.units for leaf in leaves) == (~grow_on).sum()
    assert sum(leaf.share for leaf in leaves) == pytest.approx(1)


def test_a_tree_of_noise_has_one_leaf() -> None:
    scores = np.random.default_rng(5).normal(size=N)
    assert len(effect_tree(parts_of(table()), scores, np.arange(N) % 2 == 0)) == 1


def held_out(predicted: dict[str, np.ndarray], truth: np.ndarray, seed: int = 6) -> HeldOut:
    n, rng = len(truth), np.random.default_rng(seed)
    scores = np.column_stack([np.zeros(n), truth + rng.normal(size=n)])
    trial = Trial(pd.DataFrame({"x": truth}), np.arange(n) % 2, ("a", "b"), np.full((n, 2), 0.5), truth,
                  np.zeros(n), {})  # fmt: skip
    effect = {name: values[:, None] for name, values in predicted.items()}
    return HeldOut(trial, np.arange(n) % 5, effect, np.zeros((n, 1)), scores, np.zeros((n, 2)), ())


def test_the_error_saved_is_the_error_against_the_truth_and_the_better_learner_is_chosen() -> None:
    truth = np.random.default_rng(7).normal(size=N)
    found = contest(held_out({DR: 0.9 * truth, CONSTANT: np.full(N, truth.mean())}, truth), DR)
    saved = found.standings[1, DR].saved
    assert saved.low < np.var(truth) - np.mean((0.1 * truth) ** 2) < saved.high
    assert found.picks == (DR,) * 5
    assert found.standings[1, DR].ahead.value == 0


def test_a_constant_effect_can_win() -> None:
    noise = np.random.default_rng(8).normal(size=N)
    found = contest(held_out({DR: noise, CONSTANT: np.full(N, 0.2)}, np.full(N, 0.2)), DR)
    assert found.picks == (CONSTANT,) * 5
    assert found.standings[1, DR].saved.high < 0


@pytest.mark.parametrize("seed", range(3))
def test_folds_that_each_predict_one_effect_for_everybody_are_not_ranked(seed: int) -> None:
    truth = np.full(N, 0.2)
    held = held_out({DR: truth, RESPONSE: truth, LINEAR: truth, CONSTANT: truth}, truth, seed)
    means = np.array([held.contrast(1)[held.fold != fold].mean() for fold in range(5)])[held.fold]
    held = replace(held, effect=dict.fromkeys(held.effect, means[:, None]))
    assert len(np.unique(means)) == 5
    assert len(np.unique(held.ranked(DR))) == 1
    between = spend(held, seed).curves.area_between("model", "best_single_arm")
    assert (between.low, between.value, between.high) == (0, 0, 0)


def test_levels_of_folds_keep_the_order_inside_them_and_the_mean_of_all() -> None:
    rng = np.random.default_rng(9)
    predicted, fold = rng.normal(size=(50, 2)), np.arange(50) % 5
    found = levelled(predicted + 10.0 * fold[:, None], fold)
    for number in range(5):
        mine = fold == number
        assert (np.argsort(found[mine], axis=0) == np.argsort(predicted[mine], axis=0)).all()
        assert found[mine].mean(axis=0) == pytest.approx((predicted + 10.0 * fold[:, None]).mean(axis=0))


def test_years_and_counts_are_written_in_full_and_long_names_are_cut() -> None:
    rng = np.random.default_rng(10)
    frame = pd.DataFrame({"born": rng.integers(1916, 1988, 500), "spent": rng.uniform(2e4, 9e6, 500), "x" * 90: 1.5})
    frame["x" * 90] = rng.normal(size=500)
    words = [text.en for part in parts_of(frame) for text in part.words]
    assert any(re.fullmatch(r"born ≤ 19\d\d", text) for text in words)
    assert any(re.fullmatch(r"spent > [\d,]{9}", text) for text in words)
    assert not any("e+" in text for text in words)
    assert max(map(len, words)) < 60


def test_harm_predicted_for_a_handful_is_not_judged() -> None:
    truth = np.full(N, 0.3)
    truth[:9] = -0.2
    truth[9:] += 0.01 * np.random.default_rng(11).normal(size=N - 9)
    few = _harm(held_out({DR: truth}, truth), 1)
    assert 0 < few.share < 0.01
    assert few.observed is None

"""``fairdeal bench``: the contest of learners runs at any size, its trial is what it says, its verdicts are right."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from benchmarks import uplift
from benchmarks.contest import jobs, quality, speed, ties, verdicts
from benchmarks.contest.drawn import ARMS, draw
from scipy.stats import ttest_rel

from features.errors import InputError
from pipelines.cli import bench


def test_missing_peers_are_said_before_anything_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(jobs.VARIABLE, str(tmp_path / "python"))
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "a.py").write_text("def run():\n    raise RuntimeError('measured too early')\n")
    (folder / "b.py").write_text("from benchmarks.uplift import ready\n\ndef run():\n    return {}\n")
    monkeypatch.setattr(bench, "FOLDER", folder)
    with pytest.raises(InputError, match="make bench-peers"):
        bench.run_benchmarks("all", as_json=True)


def test_a_bench_gives_flat_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.py").write_text("def run():\n    return {'seconds': 0.5}\n")
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    bench.run_benchmarks("small", as_json=True)
    assert capsys.readouterr().out.split() == ["{", '"seconds":', "0.5", "}"]


@pytest.mark.slow
def test_the_uplift_bench_runs_on_our_learners_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "OWN_SAME", ("own_dr",))
    monkeypatch.setattr(quality, "OWN_DEFAULT", ("own_dr", "own_constant"))
    monkeypatch.setattr(speed, "CONTENDERS", {"own": speed.CONTENDERS["own"]})
    figures = uplift.run(rows=1000, large=0, test_rows=200, seeds=1, repeats=1, peers=False)
    assert all(math.isfinite(value) for value in figures.values()), figures
    assert figures["ties_most_change_own"] < 1e-12
    assert {
        "pehe_own_dr_default",
        "regret_10_own_constant_default",
        "fit_seconds_1k_own",
        "row_milliseconds_1k_own",
    } <= set(figures)
    assert not [name for name in figures if "causalml" in name or "econml" in name]


def test_the_trial_shows_its_true_effects_to_whoever_knows_the_chances() -> None:
    drawn = draw(100_000, seed=7)
    assert np.allclose(drawn.propensity.sum(axis=1), 1)
    assert (drawn.propensity >= 0.04).all()
    taken = drawn.propensity[np.arange(len(drawn.treatment)), drawn.treatment]
    for arm in range(1, len(ARMS)):
        psi = drawn.outcome / taken * ((drawn.treatment == arm).astype(float) - (drawn.treatment == 0))
        error = psi.std() / math.sqrt(len(psi))
        assert abs(psi.mean() - drawn.effect[:, arm - 1].mean()) < 4 * error


def test_the_trial_is_its_seed_alone_and_has_what_a_shop_has() -> None:
    drawn, again, other = draw(5000, seed=1), draw(5000, seed=1), draw(5000, seed=2)
    assert np.array_equal(drawn.X, again.X, equal_nan=True)
    assert np.array_equal(drawn.outcome, again.outcome)
    assert not np.array_equal(drawn.outcome, other.outcome)
    table = drawn.frame()
    assert table.shape == (5000, 40)
    assert sum(str(kind) == "category" for kind in table.dtypes) == 6
    assert int(table.isna().any().sum()) == 10
    assert (drawn.effect < 0).any()
    assert drawn.outcome.max() > 30 * drawn.outcome.mean()


def test_regret_is_0_for_the_truth_and_1_for_giving_nothing() -> None:
    truth = draw(2000, seed=3)
    assert verdicts.regret(truth.effect, truth, [0.1, 0.3]) == [0, 0]
    assert verdicts.regret(np.full_like(truth.effect, -1e9), truth, [0.1, 0.3]) == [1, 1]
    backwards = verdicts.regret(-truth.effect, truth, [0.1])[0]
    assert backwards > 1, "paying those whom a coupon drives away loses money"
    assert verdicts.pehe(truth.effect + 3, truth) == pytest.approx(3)


def test_the_paired_interval_is_that_of_the_t_test() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=7), rng.normal(size=7) + 0.5
    found = verdicts.paired(ours, theirs)
    expected = ttest_rel(ours, theirs).confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))
    assert found["difference"] == pytest.approx(float(np.mean(ours - theirs)))


def test_our_metrics_do_not_move_when_tied_rows_are_shuffled() -> None:
    assert ties.run(seed=11, peers=False) == {"ties_most_change_own": pytest.approx(0, abs=1e-12)}

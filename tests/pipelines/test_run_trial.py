"""A table and a spec become a report that says what the trial shows, also where that is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from features.errors import InputError
from models.uplift.simulated import simulated_trial
from pipelines.run_trial import run_trial

ROOT = Path(__file__).resolve().parents[2]
SPEC = """
unit: customer
arm: arm
control: none
propensity: propensity
value: margin_cents
cost: discount_cents
outcomes: {bought: margin_cents > 0}
"""


def written(folder: Path, seed: int = 1, n: int = 1000, **changes: object) -> tuple[Path, Path]:
    """A simulated trial as CSV beside its spec."""
    frame = simulated_trial(n, seed, features=6, strength=2.5).frame().assign(**changes)
    frame.to_csv(folder / "shop.csv", index=False)
    (folder / "spec.yaml").write_text(SPEC)
    return folder / "shop.csv", folder / "spec.yaml"


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, object]]:
    folder = tmp_path_factory.mktemp("trial")
    page = run_trial(*written(folder, n=2000), folder / "out", splits=2, seed=7)
    return page.read_text("utf-8"), json.loads((folder / "out" / "report.json").read_text("utf-8"))


def test_the_report_holds_learners_baselines_and_policies(reported: tuple[str, dict[str, object]]) -> None:
    _, figures = reported
    for learner in ("dr_learner", "t_linear", "t_boosted", "response_ranking"):
        assert np.isfinite(figures[f"value_cut_100_10_{learner}_sklift_qini_mean"])
    for policy in ("everyone_none", "everyone_pct_10", "random", "best_single_arm", "best_arm_per_customer_dr_learner"):
        for estimator in ("ips", "snips", "dr"):
            assert np.isfinite(figures[f"policy_{policy}_{estimator}_mean"])
        assert figures[f"policy_{policy}_effective_rows"] > 0
    assert "value_cut_100_10_dr_learner_minus_response_ranking_sklift_qini_low" in figures
    assert figures["bought_flat_5_dr_learner_sklift_uplift_auc_mean"] is not None
    assert figures["average_effect_cost_cut_200_35_low"] > 0
    assert figures["trial_checks_passed"] is True


def test_the_page_stands_alone_below_two_megabytes_in_both_languages(reported: tuple[str, dict[str, object]]) -> None:
    page, _ = reported
    assert len(page.encode()) < 2_000_000
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "最佳单一组" in page
    assert "best single arm" in page


def test_the_same_seed_gives_the_same_report_and_progress_counts_the_splits(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    data, spec = written(tmp_path)
    first, second = (
        run_trial(data, spec, tmp_path / name, 2, 3, progress=lambda done, of: seen.append((done, of)))
        for name in ("a", "b")
    )
    assert first.read_text("utf-8") == second.read_text("utf-8")
    assert seen == [(1, 2), (2, 2)] * 2


def test_a_trial_that_fails_a_check_says_so_first(tmp_path: Path) -> None:
    data, spec = written(tmp_path)
    spec.write_text(SPEC.replace("propensity: propensity", "propensity: {none: 0.9, flat_5: 0.025, cut_100_10: 0.025, "
                                 "pct_10: 0.025, cut_200_35: 0.025}"))  # fmt: skip
    page = run_trial(data, spec, tmp_path / "out", splits=1).read_text("utf-8")
    first = page[page.index("<main>") :].split("</p>")[0]
    assert "fails a check" in first
    assert "Sample ratio" in first
    assert json.loads((tmp_path / "out" / "report.json").read_text())["trial_checks_passed"] is False


def test_bad_input_is_one_error_and_no_report(tmp_path: Path) -> None:
    data, spec = written(tmp_path, n=400, customer="same")
    with pytest.raises(InputError, match="unit: got 'same'"):
        run_trial(data, spec, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.real_data
@pytest.mark.slow
def test_hillstrom_says_plainly_that_choosing_per_customer_does_not_beat_mens_to_everyone(
    real_data: Path, tmp_path: Path
) -> None:
    spec = tmp_path / "visits_only.yaml"  # the further outcomes of the shipped spec only take time here
    spec.write_text(
        (ROOT / "configs" / "trials" / "hillstrom.yaml").read_text("utf-8").split("outcomes:")[0]
        + "drop: [conversion, spend]\n"
    )
    page = run_trial(real_data / "hillstrom.csv", spec, tmp_path, splits=2).read_text("utf-8")
    figures = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert figures["rows"] == 64_000
    assert "does not beat Mens E-Mail for everybody" in page
    assert figures["policy_best_single_arm_ips_mean"] == pytest.approx(0.1825, abs=0.003)  # Mens to everyone
    assert figures["value_womens_e_mail_dr_learner_sklift_qini_mean"] > 0.04
    assert figures["value_womens_e_mail_dr_learner_minus_response_ranking_sklift_qini_mean"] > 0


@pytest.mark.parametrize("out", ["taken", "taken/below"])
def test_a_folder_that_cannot_be_written_is_named_before_the_work(out: str, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"out: got .* a folder that can be written") as caught:
        run_trial(tmp_path / "absent.csv", tmp_path / "absent.yaml", tmp_path / out)
    assert "\n" not in str(caught.value)


def test_a_tiny_trial_is_judged_without_warnings_and_says_how_few_rows_it_has(tmp_path: Path) -> None:
    page = run_trial(*written(tmp_path, n=100), tmp_path / "out", splits=2).read_text("utf-8")
    assert "the trial has only 100 rows" in page

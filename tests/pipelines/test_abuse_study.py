"""Abuse studies on any labelled log: figures, honesty and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from features.errors import InputError
from models.abuse.study import StudySpec, label_free_score, link_features, load_study, seven_day_rule
from models.abuse.study_judge import Judged, Judgement, Lead, Unlinked
from models.abuse.study_report import _lead_verdict, _unlinked_verdict
from oracles.abuse import distinct_others
from pipelines.study_abuse import run_study

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
SPEC = {
    "user": "who",
    "time": "when",
    "registered": "joined",
    "device": "dev",
    "ip": "ip",
    "amount": "cents",
    "label": "bad",
}
DAY = 86_400_000_000


def log(rows: int = 1200, seed: int = 0) -> pd.DataFrame:
    """Purchases of single shoppers, and farms of five accounts on one device within hours."""
    rng = np.random.default_rng(seed)
    when = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.uniform(0, 100, rows)), unit="D")
    farm = np.arange(rows) % 60 < 5
    device = np.where(farm, [f"farm-{i // 60}" for i in range(rows)], [f"dev-{i}" for i in range(rows)])
    return pd.DataFrame(
        {
            "who": [f"u{i}" for i in range(rows)],
            "when": when.astype(str),
            "joined": (when - pd.to_timedelta(np.where(farm, 0.01, rng.uniform(1, 90, rows)), unit="D")).astype(str),
            "dev": device,
            "ip": [f"36.{i % 200}.{i // 200}.9" for i in range(rows)],
            "cents": rng.integers(500, 9000, rows),
            "bad": (farm & (rng.random(rows) < 0.9)).astype(int),
        }
    )


def files(tmp_path: Path, frame: pd.DataFrame, **changes: Any) -> tuple[Path, Path]:
    data, spec = tmp_path / "log.csv", tmp_path / "spec.yaml"
    frame.to_csv(data, index=False)
    spec.write_text(yaml.safe_dump({**SPEC, **changes}))
    return data, spec


def test_a_study_reports_every_baseline_in_both_splits(tmp_path: Path) -> None:
    data, spec = files(tmp_path, log(), label_delay_days=5)
    page = run_study(data, spec, tmp_path / "out", language="zh")
    figures = json.loads((tmp_path / "out" / "report.json").read_text())
    for split in ("time", "random"):
        for name in (
            "shared_ip_ever", "device_accounts_ever_2", "device_7_days", "isolation_forest", "ecod",
            "lightgbm_without_links", "lightgbm_links", "links_combined",
        ):  # fmt: skip
            assert 0 <= figures[f"{split}_{name}_ap"] <= 1
            assert figures[f"{split}_{name}_ap_low"] <= figures[f"{split}_{name}_ap_high"]
    assert figures["stream_device_7_days_precision"] > 0.8
    assert figures["time_lightgbm_links_past_labels_ap"] > 0.3
    assert page.stat().st_size < 2_000_000
    assert "u17" not in page.read_text()


def test_a_log_without_labels_is_scored_and_judged_by_nobody(tmp_path: Path) -> None:
    data, spec = files(tmp_path, log(200).drop(columns="bad"), label=None)
    run_study(data, spec, tmp_path / "out")
    figures = json.loads((tmp_path / "out" / "report.json").read_text())
    assert figures["stream_device_7_days_share"] > 0
    assert not [name for name in figures if name.endswith("_ap")]
    scores = pd.read_parquet(tmp_path / "out" / "scores.parquet")
    assert scores.columns.tolist() == ["row", "user_id", "score"]
    assert scores.score.is_monotonic_decreasing
    assert (scores.user_id == "u" + scores.row.astype(str)).all()
    assert sorted(scores.row) == list(range(200))


def test_linkage_counts_equal_plain_loops_and_ignore_the_future(tmp_path: Path) -> None:
    data, path = files(tmp_path, log(240))
    spec = StudySpec.load(path)
    study = load_study(data, spec)
    found = link_features(study)
    rows = list(study.log[["device", "user_id", "us"]].itertuples(index=False, name=None))
    assert found["device_n_7d"].tolist() == distinct_others(rows, 7 * DAY)  # each account comes once
    assert (seven_day_rule(study) > 0).tolist() == [n > 0 for n in distinct_others(rows, 7 * DAY)]
    log(240).head(150).to_csv(data, index=False)
    earlier = link_features(load_study(data, spec))
    pd.testing.assert_frame_equal(earlier, found.head(150))
    assert np.corrcoef(label_free_score(found), study.log["label"])[0, 1] > 0.3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "nope"}, r"spec\.device: got 'nope'"),
        ({"surprise": 1}, r"spec\.surprise: got 'unknown key', expected one of name, user, time"),
        ({"split": 0.99}, r"spec\.split: got 0\.99, expected less than 0\.95"),
        ({"split": 1.5}, r"spec\.split"),
        ({"time": "dev"}, r"spec\.time: got 'farm-0', expected a time"),
        ({"amount": "dev"}, r"spec\.amount: got 'farm-0', expected a number in every row of 'dev' \(60 are none\)"),
        ({"label": "cents"}, r"spec\.label"),
    ],
)
def test_a_wrong_spec_is_named(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    data, spec = files(tmp_path, log(60), **changes)
    with pytest.raises(InputError, match=message):
        run_study(data, spec, tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"who,when,joined,dev,ip,cents,bad\n", "a table with rows"),
        ("who\n\xfc".encode("latin-1"), r"UTF-8 \(byte 4 is not, in line 2\)"),
    ],
)
def test_data_that_cannot_be_read_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    data, spec = files(tmp_path, log(60))
    data.write_bytes(content)
    with pytest.raises(InputError, match=message):
        run_study(data, spec, tmp_path / "out")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    _, spec = files(tmp_path, log(60))
    with pytest.raises(InputError, match="absent"):
        run_study(tmp_path / "absent.csv", spec, tmp_path / "out")


@pytest.mark.real_data
def test_the_seven_day_rule_on_shop_purchases_is_as_published(real_data: Path) -> None:
    spec = StudySpec.load(Path("configs/studies/ecom_fraud.yaml"))
    study = load_study(real_data / "ecom_fraud.csv", spec)
    hit, y = seven_day_rule(study) > 0, study.label
    assert y is not None
    assert y[hit].mean() > 0.97
    assert hit[y == 0].mean() < 0.001


def judged(name: str, value: float, low: float, high: float) -> Judged:
    return Judged(name, np.zeros(1), value, low, high, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5)


@pytest.mark.parametrize(
    ("low", "high", "words", "tone"),
    [(0.1, 0.3, "Links win:", "good"), (-0.1, 0.3, "A tie,", "neutral"), (-0.3, -0.1, "A baseline wins:", "bad")],
)
def test_a_win_needs_a_paired_interval_without_zero(low: float, high: float, words: str, tone: str) -> None:
    lead = Lead(judged("lightgbm_links", 0.5, 0.4, 0.6), judged("ecod", 0.4, 0.3, 0.5), (low + high) / 2, low, high)
    found = _lead_verdict(lead)
    assert found[0].en.startswith(words)
    assert found[1] == tone


@pytest.mark.parametrize(
    ("best", "words"),
    [
        (judged("ecod", 0.06, 0.04, 0.08), "0.060 [0.040, 0.080]: no better than the base rate of 5.0%"),
        (judged("ecod", 0.9, 0.8, 1.0), ": better than the base rate of 5.0%"),
        (judged("ecod", 0.03, 0.02, 0.04), ": worse than the base rate of 5.0%"),
        (None, "Of the other 200 rows 10 are positives, so detectors cannot be compared"),
    ],
)
def test_what_is_said_of_unlinked_rows_follows_from_what_was_measured_there(best: Judged | None, words: str) -> None:
    found = Judgement({}, 0.5, np.zeros(1), linked_share_judged=0.857, linked_positives=0.7)
    text = _unlinked_verdict(found, Unlinked(200, 10, best)).en
    assert words in text
    assert "only" not in text


def test_shares_of_linked_rows_have_a_name_each_and_unlinked_rows_their_figures(tmp_path: Path) -> None:
    frame = log()
    data, spec = files(tmp_path, frame)
    page = run_study(data, spec, tmp_path / "out").read_text()
    figures = json.loads((tmp_path / "out" / "report.json").read_text())
    later = frame.dev[960:].isin(frame.dev[frame.dev.duplicated()]) & frame.dev[960:].str.startswith("farm")
    assert figures["linked_share"] == pytest.approx(frame.dev.duplicated().mean())
    assert figures["linked_share_judged"] == pytest.approx(frame.dev.duplicated()[960:].mean())
    assert later.any()
    assert figures["unlinked_rows"] == round(240 * (1 - figures["linked_share_judged"]))
    assert figures["unlinked_best_ap_low"] <= figures["unlinked_best_ap"] <= figures["unlinked_best_ap_high"]
    assert figures["best_with_links_minus_best_baseline_ap_low"] <= figures["best_with_links_minus_best_baseline_ap"]
    assert figures["rows_left_out"] == 0
    assert "The rest can be found" not in page
    assert not (tmp_path / "out" / "scores.parquet").exists()


def test_rows_without_a_user_or_with_a_negative_amount_are_left_out_and_counted(tmp_path: Path) -> None:
    frame = log(300).drop(columns="bad")
    frame.loc[[3, 9], "who"] = [None, "  "]
    frame.loc[[9, 20], "cents"] = -5
    data, spec = files(tmp_path, frame, label=None)
    page = run_study(data, spec, tmp_path / "out").read_text()
    figures = json.loads((tmp_path / "out" / "report.json").read_text())
    assert figures["rows"] == 297
    assert figures["rows_left_out"] == 3
    assert figures["rows_left_out_without_user"] == 2
    assert figures["rows_left_out_with_negative_amount"] == 1
    assert "3 of the 300 rows of the file are left out: 2 without a user, 1 with a negative amount." in page
    assert not set(pd.read_parquet(tmp_path / "out" / "scores.parquet").row) & {3, 9, 20}


def test_a_log_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    data, spec = files(tmp_path, log(60).assign(cents=-1))
    with pytest.raises(InputError, match="data: got '60 rows with negative amount'"):
        run_study(data, spec, tmp_path / "out")


def test_a_spec_without_a_user_says_which_key_is_missing(tmp_path: Path) -> None:
    data, spec = files(tmp_path, log(60))
    spec.write_text("time: when\n1: x\n")
    with pytest.raises(InputError, match=r"^spec\.user: got 'missing key', expected a value in the spec$"):
        run_study(data, spec, tmp_path / "out")


def test_a_study_reads_a_byte_order_mark_and_parquet_as_a_trial_does(tmp_path: Path) -> None:
    frame = log(120)
    data, path = files(tmp_path, frame)
    spec = StudySpec.load(path)
    plain = load_study(data, spec).log
    frame.to_csv(tmp_path / "bom.csv", index=False, encoding="utf-8-sig")
    frame.to_parquet(tmp_path / "t.pq")
    for name in ("bom.csv", "t.pq"):
        pd.testing.assert_frame_equal(load_study(tmp_path / name, spec).log, plain)


def test_a_folder_that_cannot_be_written_is_named_before_the_log_is_read(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="out: got"):
        run_study(tmp_path / "absent.csv", tmp_path / "absent.yaml", tmp_path / "taken")

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
from models.abuse.metrics import recall_at_fpr
from models.abuse.study.features import label_free_score, link_features, own_features, seven_day_rule
from models.abuse.study.judge import Judged, Judgement, Lead, Unlinked
from models.abuse.study.log import StudySpec, load_study
from models.abuse.study.metrics import FIGURES, Figures
from models.abuse.study.report import _lead_verdict, _unlinked_verdict
from models.abuse.study.rings import Share
from oracles.abuse import distinct_others
from pipelines.study_abuse import run_study
from pipelines.study_shop import claims_log

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
            "lightgbm_without_links", "lightgbm_links", "anomaly", "label_free_links", "stacked_links",
        ):  # fmt: skip
            assert 0 <= figures[f"{split}_{name}_ap"] <= 1
            assert figures[f"{split}_{name}_ap_low"] <= figures[f"{split}_{name}_ap_high"]
    assert figures["stream_device_7_days_precision"] > 0.8
    assert figures["time_lightgbm_links_past_labels_ap"] > 0.3
    assert figures["headline"] == "stacked_links"
    assert figures["headline_ap"] == figures["time_stacked_links_ap"] > 0.3
    assert 0 <= figures["calibration_stacked_links_ece_low"] <= figures["calibration_stacked_links_ece_high"] < 0.2
    assert figures["stream_rings_device_7_days_by_account_2"] > 0.9
    assert figures["stream_rings_device_7_days_by_account_1"] < 0.2  # only behind an account whose label says good
    assert 0 < figures["stream_rings_device_7_days_money_lost_before"] < 0.5
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
def test_at_the_seven_day_rules_own_false_positives_the_label_free_score_finds_more(real_data: Path) -> None:
    spec = StudySpec.load(Path("configs/studies/ecom_fraud.yaml"))
    study = load_study(real_data / "ecom_fraud.csv", spec)
    hit, y = seven_day_rule(study) > 0, study.label
    assert y is not None
    assert y[hit].mean() > 0.97
    assert hit[y == 0].mean() < 0.001
    score = label_free_score(link_features(study))
    assert recall_at_fpr(y, score, float(hit[y == 0].mean())) > hit[y > 0].mean() + 0.1


def figures(value: float, low: float, high: float) -> Figures:
    return Figures(*(dict.fromkeys(FIGURES, part) for part in (value, low, high)))


def judged(name: str, value: float, low: float, high: float) -> Judged:
    return Judged(name, np.zeros(1), figures(value, low, high), Share(0.0, 0.0, 0.0, 1))


@pytest.mark.parametrize(
    ("low", "high", "words", "tone"),
    [(0.1, 0.3, "Ours wins:", "good"), (-0.1, 0.3, "A tie,", "neutral"), (-0.3, -0.1, "A baseline wins:", "bad")],
)
def test_a_win_needs_a_paired_interval_without_zero(low: float, high: float, words: str, tone: str) -> None:
    own, base = judged("stacked_links", 0.5, 0.4, 0.6), judged("ecod", 0.4, 0.3, 0.5)
    found = _lead_verdict(Lead(own, base, figures((low + high) / 2, low, high)))
    assert found[0].en.startswith(words)
    assert found[1] == tone


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (figures(0.52, 0.45, 0.58), "AUROC of 0.520 [0.450, 0.580]: no better than chance"),
        (figures(0.9, 0.8, 1.0), ": better than chance"),
        (figures(0.3, 0.2, 0.4), ": worse than chance"),
        (None, "Of the other 200 rows 10 are positives, so nothing can be measured"),
    ],
)
def test_what_is_said_of_unlinked_rows_follows_from_what_was_measured_there(own: Figures | None, words: str) -> None:
    found = Judgement({}, 0.5, np.zeros(1), linked_share_judged=0.857, linked_positives=0.7)
    text = _unlinked_verdict(found, Unlinked(200, 10, own, 0.703, 0.85)).en
    assert words in text
    assert "recall of 70.3%" in text


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
    assert figures["unlinked_headline_auroc_low"] <= figures["unlinked_headline_auroc"] + 1e-9
    assert figures["headline_minus_best_baseline_ap_low"] <= figures["headline_minus_best_baseline_ap"]
    shared = figures["linked_share_of_positives"]
    assert figures["unlinked_oracle_recall_at_1_fpr"] == pytest.approx(shared + (1 - shared) * 0.01)
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


def test_features_of_the_spec_are_numbers_or_categories_and_never_the_truth(tmp_path: Path) -> None:
    frame = log(400)
    frame["browser"] = np.where(np.arange(400) % 3 == 0, "🦊", "Chrome")
    frame["age"] = np.where(np.arange(400) % 7 == 0, np.nan, 30.0)
    data, spec = files(tmp_path, frame, features=["browser", "age"])
    found = own_features(load_study(data, StudySpec.load(spec)))
    assert found.columns.tolist() == ["own_browser=Chrome", "own_browser=🦊", "own_age"]
    assert found["own_browser=🦊"].mean() == pytest.approx(134 / 400)
    assert found["own_age"].isna().sum() == 58
    for name in ("bad", "who"):
        data, spec = files(tmp_path, frame, features=[name])
        with pytest.raises(InputError, match=r"spec\.features"):
            load_study(data, StudySpec.load(spec))


def test_families_and_look_alikes_are_judged_by_account_with_intervals(tmp_path: Path) -> None:
    frame = log()
    farm = frame.dev.str.startswith("farm")
    frame["ring"] = frame.dev.where(farm)
    frame["family"] = np.where(frame.bad == 1, "A2", None)
    frame["like"] = np.where(~farm & (np.arange(len(frame)) % 10 == 7), "L1", None)
    data, spec = files(tmp_path, frame, ring="ring", family="family", look_alike="like", label_delay_days=5)
    page = run_study(data, spec, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    at = "stacked_links_at_1_fpr"
    assert found[f"family_A2_{at}_recall_low"] <= found[f"family_A2_{at}_recall"] > 0.3
    assert found[f"look_alike_L1_{at}_flagged"] <= found[f"look_alike_L1_{at}_flagged_high"] < 0.4
    assert 0 < found[f"rings_{at}"] <= 4  # of the last fifth
    assert "Look-alikes" in page.read_text()


def test_one_bad_row_never_crashes_a_study(tmp_path: Path) -> None:
    frame = log(400)
    frame = pd.concat([frame, frame.iloc[[0, 1]].assign(bad=[0, 0])], ignore_index=True)  # contradicts row 0, 1
    frame.loc[5, "when"] = "2199-01-01"
    frame.loc[6, ["who", "dev"]] = ["👻" * 30, "📱" * 5000]
    frame["browser"] = np.where(np.arange(402) % 3 == 0, "🦊", None)
    data, spec = files(tmp_path, frame, features=["browser"])
    page = run_study(data, spec, tmp_path / "out").read_text()
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert found["rows_left_out_from_the_future"] == 1
    assert found["accounts_with_both_labels"] == int(frame.bad[[0, 1]].sum())
    assert "carry both labels" in page
    assert "1 later than today" in page


@pytest.mark.parametrize("shape", ["no_device", "one_device", "single_class", "one_user"])
def test_small_and_degenerate_logs_give_a_report(shape: str, tmp_path: Path) -> None:
    rows = 20
    frame, changes = log(rows), {}
    frame["bad"] = np.arange(rows) % 3 == 0
    frame["bad"] = frame["bad"].astype(int)
    if shape == "no_device":
        changes = {"device": None, "ip": None}
    if shape == "one_device":
        frame["dev"] = "kiosk"
    if shape == "single_class":
        frame["bad"] = 0
    if shape == "one_user":
        frame["who"] = "u1"
    data, spec = files(tmp_path, frame, label_delay_days=1, **changes)
    run_study(data, spec, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert ("headline_ap" in found) == (shape != "single_class")


def test_claims_of_simulated_shops_become_one_log_that_knows_its_truth(tmp_path: Path) -> None:
    for name, start in (("one", "2026-01-01"), ("two", "2026-01-03")):
        shop(tmp_path / name, start)
    found = claims_log([tmp_path / "one", tmp_path / "two"])
    assert found.user_id.tolist() == ["0-a", "0-b", "1-a", "1-b"]
    assert found.claimed_at.is_monotonic_increasing
    assert found.claimed_at.iloc[-1] == pd.Timestamp("2026-01-04")
    assert (found.claimed_at - found.registered_at).dt.days.tolist() == [1, 2, 1, 2]
    assert found.ring_id.tolist() == ["0-r1", None, "1-r1", None]
    assert found.abusive.tolist() == [1, 0, 1, 0]
    assert found.worth_cents.tolist() == [1000.0, 3000.0] * 2
    with pytest.raises(InputError, match="shop: got"):
        claims_log([tmp_path / "three"])


def shop(folder: Path, start: str) -> None:
    """Two claims, a day apart; the first is abusive."""
    (folder / "truth").mkdir(parents=True)
    first = pd.Timestamp(start)
    day = pd.Timedelta(days=1)
    coupons = {
        "user_id": ["b", "a"], "claimed_at": [first + day, first], "device_id": ["d", "d"], "ip": ["36.1.1.1"] * 2,
        "address": [None, None], "template_id": ["pct", "cut"],
    }  # fmt: skip
    truth = {
        "user_id": ["a", "b"], "ring_id": ["r1", None], "family": ["A1", None], "look_alike": [None, "L1"],
        "abusive": [True, False],
    }  # fmt: skip
    users = {"user_id": ["a", "b"], "registered_at": [first - day] * 2, "acquisition_channel": ["organic"] * 2}
    templates = {"template_id": ["cut", "pct"], "face_cents": [1000.0, np.nan], "cap_cents": [np.nan, 3000.0]}
    for name, table in (
        ("coupons", coupons), ("truth/population", truth), ("users", users), ("templates", templates),
    ):  # fmt: skip
        pd.DataFrame(table).to_parquet(folder / f"{name}.parquet")

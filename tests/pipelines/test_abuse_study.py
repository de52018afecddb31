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
        ({"surprise": 1}, r"spec\.surprise"),
        ({"split": 1.5}, r"spec\.split"),
        ({"time": "dev"}, r"spec\.time"),
        ({"label": "cents"}, r"spec\.label"),
    ],
)
def test_a_wrong_spec_is_named(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    data, spec = files(tmp_path, log(60), **changes)
    with pytest.raises(InputError, match=message):
        run_study(data, spec, tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty file"), (b"who,when,joined,dev,ip,cents,bad\n", "no rows"), ("who\n\xfc".encode("latin-1"), "UTF-8")],
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

"""The drift report: the most moved first, flat figures, both languages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from features.drift import drift
from pipelines.monitor_drift import report_of


def test_the_report_holds_a_list_per_figure_and_counts_the_states(tmp_path: Path) -> None:
    values = np.random.default_rng(2).normal(size=400)
    found = [drift("moved", values, values + 1), drift("calm", values, values), drift("rare", values[:9], values)]
    report_of(found).write(tmp_path)
    figures = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert figures["features"] == ["moved", "calm", "rare"]
    assert (figures["n_fail"], figures["n_pass"], figures["n_few"]) == (1, 1, 1)
    assert abs(sum(figures["now_moved"]) - 1) < 1e-9
    assert "明显漂移" in (tmp_path / "report.html").read_text("utf-8")

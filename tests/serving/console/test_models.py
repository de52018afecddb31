"""The models page: its plots hold the reports' figures, and reports or models that are not there do not break it."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.console import sign_in
from fakes.shop import Shop

from models.registry import Effects
from models.registry.trail import Version
from models.uplift.simulated import simulated_trial
from pipelines.uplift_curves import curve_figures
from serving.performance import model_sides
from serving.performance.model_sides import Model, Side, Sides

EVIL = "<script>alert(1)</script>"


def figures(rows: int = 1200) -> dict[str, Any]:
    """What a training writes of a candidate and a champion that rank by chance and by truth."""
    made = simulated_trial(rows, 3)
    half = np.arange(rows) < rows // 2
    train, later = made.trial.rows(half), made.trial.rows(~half)
    rng, shape = np.random.default_rng(0), (len(later), len(later.arms))
    cost = np.full(shape, 100.0)
    cost[:, 0] = 0.0

    def guess() -> Effects:
        value = rng.normal(200, 100, shape)
        value[:, 0] = 0.0
        return Effects(later.arms, value, cost, np.full(shape, 0.1))

    return {
        "held_out_decisions": float(len(later)),
        "champion_version": "7",
        "challenger_version": "",
        "lead_over_random_cents": -5.0,
        "lead_over_random_cents_high": 3.0,
        **curve_figures(train, later, {"candidate": guess(), "champion": guess()}, later.arms[1]),
    }


def write(shop: Shop, name: str, found: dict[str, Any]) -> None:
    folder = shop.settings.reports / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(found), "utf-8")


async def test_the_curves_of_champion_and_candidate_are_those_of_the_report(small_shop: Shop) -> None:
    found = figures()
    write(small_shop, "train_uplift", found)
    browser = await sign_in(small_shop, "olga", "operator")
    page = (await browser.get("/models")).text
    assert "Qini curves with 95 % bands" in page
    assert "New model" in page
    assert "champion 7" in page
    assert "Random offers (within the noise)" in page
    rows = list(csv.DictReader(io.StringIO((await browser.get("/models/curves.csv")).text.lstrip("\ufeff"))))
    for plot, grid, prefix in (("qini", "qini_shares", "qini_"), ("value", "curve_budgets", "curve_")):
        for name in ("candidate", "champion", "response_ranking"):
            mine = [row for row in rows if row["plot"] == plot and row["curve"] == name]
            assert [float(row["x"]) for row in mine] == found[grid]
            for end, column in (("", "cents"), ("_low", "low"), ("_high", "high")):
                expected = [value for value in found[f"{prefix}{name}{end}"] if np.isfinite(value)]
                assert [float(row[column].lstrip("'")) for row in mine if row[column]] == expected


async def test_lifts_are_bars_and_only_the_evaluated_policy_is_claimed(small_shop: Shop) -> None:
    bars = {"policy_lift": 300.0, "policy_lift_low": -32.0, "policy_lift_high": 643.0, "random_lift": 65.0}
    write(small_shop, "evaluate_policy", {**bars, "random_behind_policy": -3.0, "random_behind_policy_high": -1.0})
    page = (await (await sign_in(small_shop, "olga", "operator")).get("/models")).text
    assert 'class="whisker"' in page
    assert "Only the champion policy is evaluated here" in page
    assert "Random offers (shown at 95 %)" in page


async def test_broken_and_missing_reports_are_told_apart(small_shop: Shop) -> None:
    write(small_shop, "train_uplift", {})
    (small_shop.settings.reports / "train_uplift" / "report.json").write_text("not json", "utf-8")
    answer = await (await sign_in(small_shop, "olga", "operator")).get("/models")
    assert answer.status_code == 200
    assert "The report cannot be read: Training of the uplift model" in answer.text
    assert "There is no report yet: Value of the policy" in answer.text
    for flow in ("train_uplift", "evaluate_policy", "choose_coupons", "train_abuse"):
        assert f"<code>fairdeal run {flow}</code>" in answer.text


@pytest.mark.parametrize(
    "odd",
    [
        {"qini_shares": "x"},
        {"qini_shares": [0, 1], "qini_champion": [1]},
        {"curve_budgets": [0, 1], "curve_policy": [None, "a"]},
        {"policy_lift": None},
    ],
)
async def test_figures_of_another_shape_are_left_out(small_shop: Shop, odd: dict[str, Any]) -> None:
    write(small_shop, "train_uplift", odd)
    write(small_shop, "evaluate_policy", odd)
    assert (await (await sign_in(small_shop, "olga", "operator")).get("/models")).status_code == 200


async def test_names_of_versions_are_never_markup(small_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    version = Version("uplift", EVIL, datetime(2026, 5, 1), ("champion", EVIL), {"gate": "passed", "gate_reason": EVIL})
    side = Side(version, "champion", EVIL, EVIL, {"uplift_version": EVIL})
    monkeypatch.setattr(Sides, "models", lambda _: (Model("uplift", (side,), (version,)), Model(EVIL, (side,), ())))
    (small_shop.settings.home / "mlflow").mkdir(parents=True)
    (small_shop.settings.home / "mlflow" / "mlflow.db").touch()
    evil = {
        "champion_version": EVIL,
        "qini_offer": EVIL,
        "qini_shares": [0.5, 1.0],
        f"qini_{EVIL}": [1.0, 0.0],
        EVIL: EVIL,
    }
    write(small_shop, "train_uplift", evil)
    page = (await (await sign_in(small_shop, "olga", "operator")).get("/models")).text
    assert EVIL not in page
    assert "&lt;script&gt;alert(1)" in page


class Shelf:
    """A registry of two versions whose files are refused."""

    def names(self) -> tuple[str, ...]:
        return ("abuse",)

    def history(self, name: str) -> tuple[Version, ...]:
        old = Version(name, "1", datetime(2026, 5, 1), ("champion",), {"gate": "passed", "gate_reason": "first"})
        new = Version(name, "2", datetime(2026, 5, 2), (), {"gate": "not passed", "gate_reason": "no better"})
        return (old, new) if name == "abuse" else ()

    def load(self, name: str, version: str) -> None:
        raise ValueError("exchanged files")


def test_the_newest_other_version_stands_beside_the_champion_even_if_unreadable() -> None:
    abuse = Sides(Shelf()).models()[2]  # type: ignore[arg-type]
    assert [(side.version.version, side.role, side.reason) for side in abuse.sides] == [
        ("1", "champion", "first"),
        ("2", "other", "no better"),
    ]
    assert not any(side.readable for side in abuse.sides)


def test_the_page_reads_no_pickles() -> None:
    assert "pickle.load" not in Path(model_sides.__file__).read_text("utf-8")

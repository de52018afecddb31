"""The drift and the models page: what the flows' reports say, and which flow to run while there is none."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
from fakes.console import sign_in
from fakes.shop import Shop

from features.drift import drift_of_words, drifts
from pipelines.drift_report import report_of
from pipelines.monitor_drift import Found, Windows, worst_first
from pipelines.told_apart import ToldApart


async def test_without_a_report_the_page_says_what_to_run(small_shop: Shop) -> None:
    browser = await sign_in(small_shop, "olga", "operator", "zh")
    assert "fairdeal run monitor_drift" in (await browser.get("/drift")).text
    assert "fairdeal run train_uplift" in (await browser.get("/models")).text
    for page in ("/drift", "/models"):
        assert (await (await sign_in(small_shop, "rita", "reviewer")).get(page)).status_code == 403


def write(folder: Path, champion: str = "4", abuse: str = "2") -> None:
    """A report of a column that moved, one that did not, the offers, and a column of few rows."""
    values = np.random.default_rng(1).normal(size=500)
    before, now = (ibis.memtable(pd.DataFrame({"calm": values, "moved": values + by})) for by in (0, 2))
    offers = [ibis.memtable({"offer": ["none"] * 60 + [name] * 40}) for name in ("flat_8", "cut_100_10")]
    rare = ibis.memtable({"rare": [1.0, 2.0]})
    moved = [*drifts(before, now, ["calm", "moved"]), drift_of_words(offers[0], offers[1], "offer")]
    moved += drifts(rare, rare, ["rare"])
    days = [datetime(2026, 4, 1), datetime(2026, 4, 29), datetime(2026, 5, 20), datetime(2026, 5, 27)]
    apart = ToldApart(0.912, 0.881, 0.944, (("moved", 0.97), ("calm", 0.03)), "fail")
    report_of(Found(Windows(days[0], days[1], days[2], days[3], champion), worst_first(moved), apart, abuse)).write(
        folder
    )


async def test_the_worst_comes_first_and_states_are_words(small_shop: Shop) -> None:
    write(small_shop.settings.reports / "drift")
    browser = await sign_in(small_shop, "olga", "operator")
    page = (await browser.get("/drift")).text
    assert page.index("<code>moved</code></th>") < page.index("<code>calm</code></th>")
    assert page.index("<code>calm</code></th>") < page.index("<code>rare</code></th>")
    assert 'class="chip bad">fail: moved' in page
    assert 'class="chip good">pass: stable' in page
    assert "0.881 to 0.944" in page
    assert "training window of the champion uplift model, version 4" in page
    assert "champion abuse model, version 2" in page


async def test_shares_of_offers_can_be_read_in_a_table(small_shop: Shop) -> None:
    write(small_shop.settings.reports / "drift")
    page = (await (await sign_in(small_shop, "olga", "operator", "zh")).get("/drift")).text
    assert "占比：优惠" in page
    assert '<th scope="row">cut_100_10</th><td class="num">0%</td><td class="num">40%</td>' in page.replace(".0%", "%")


async def test_the_csv_has_every_column_in_the_same_order(small_shop: Shop) -> None:
    write(small_shop.settings.reports / "drift")
    lines = (await (await sign_in(small_shop, "olga", "operator")).get("/drift.csv")).text.splitlines()
    assert lines[0].lstrip("\ufeff").startswith("column,state,psi,excess,chance,ks")
    assert [line.split(",")[:2] for line in lines[1:]] == [
        ["moved", "fail"], ["offer", "fail"], ["calm", "pass"], ["rare", "few"]
    ]  # fmt: skip


async def test_what_is_missing_is_said(small_shop: Shop) -> None:
    write(small_shop.settings.reports / "drift", champion="", abuse="")
    page = (await (await sign_in(small_shop, "olga", "operator")).get("/drift")).text
    assert "there is no champion model: the 28 days before the last week" in page
    assert "not available: there is no champion abuse model" in page


async def test_a_report_of_an_earlier_flow_asks_for_a_new_one(small_shop: Shop) -> None:
    folder = small_shop.settings.reports / "drift"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps({"features": ["x"], "psi": [0.1], "state": ["pass"]}), "utf-8")
    assert "fairdeal run monitor_drift" in (await (await sign_in(small_shop, "olga", "operator")).get("/drift")).text


async def test_the_curves_of_a_report_are_drawn_with_their_bands(small_shop: Shop) -> None:
    folder = small_shop.settings.reports / "evaluate_policy"
    folder.mkdir(parents=True)
    figures = {
        "curve_budgets": [0, 10],
        "curve_policy": [1, 5],
        "curve_policy_low": [0, 3],
        "curve_policy_high": [2, 7],
    }
    (folder / "report.json").write_text(json.dumps({**figures, "n": 3}), "utf-8")
    browser = await sign_in(small_shop, "olga", "operator")
    page = (await browser.get("/models")).text
    assert 'class="band f1"' in page
    assert "evaluate_policy,curve_policy,1 5" in (await browser.get("/models.csv")).text
    (folder / "report.json").write_text("not json", "utf-8")
    small_shop.clock.forward(seconds=31)
    assert "fairdeal run evaluate_policy" in (await browser.get("/models")).text

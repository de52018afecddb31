"""The drift and the models page: what the flows' reports say, and which flow to run while there is none."""

from __future__ import annotations

import json

import numpy as np
from fakes.console import sign_in
from fakes.shop import Shop

from features.drift import drift
from pipelines.monitor_drift import report_of


async def test_without_a_report_the_page_says_what_to_run(small_shop: Shop) -> None:
    browser = await sign_in(small_shop, "olga", "operator", "zh")
    assert "fairdeal run monitor_drift" in (await browser.get("/drift")).text
    assert "fairdeal run train_uplift" in (await browser.get("/models")).text
    for page in ("/drift", "/models"):
        assert (await (await sign_in(small_shop, "rita", "reviewer")).get(page)).status_code == 403


async def test_the_most_moved_feature_comes_first(small_shop: Shop) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=500)
    found = [drift("moved", values, values + 2), drift("calm", values, values)]
    report_of(found).write(small_shop.settings.reports / "drift")
    browser = await sign_in(small_shop, "olga", "operator")
    page = (await browser.get("/drift")).text
    assert page.index("<code>moved</code>") < page.index("<code>calm</code>")
    assert 'class="chip bad">fail' in page
    lines = (await browser.get("/drift.csv")).text.splitlines()
    assert lines[1].startswith("moved,")
    assert lines[2].split(",")[1] == "0.0"


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

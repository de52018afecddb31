"""The budget lab's curve: every point is the round itself at that budget, and what was measured stands beside it."""

from __future__ import annotations

import json
import math
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fakes.rounds import FEATURES, effects_artefact

from features.errors import InputError
from models.policy.budget_curve import Scored, budget_curve
from models.policy.compare import POLICY
from models.policy.price import best_offer, total
from models.registry import Loaded
from pipelines.choose_coupons import decide, round_key
from pipelines.policy_curves import curve_figures
from pipelines.round_inputs import Inputs
from pipelines.trace_budget import trace
from serving.budget_curve import (
    Curve,
    Measured,
    measured_of,
    path_of,
    read_curve,
    read_measured,
    recommended,
    write_curve,
)
from serving.settings import Settings

KEY = round_key(date(2026, 5, 31))
ROUND = 40_000
PLAIN: dict[str, Any] = {"exploration": 0.0, "holdout": 0.0}


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    rng = np.random.default_rng(1)
    users = pd.DataFrame(rng.normal(size=(1_200, 3)), columns=list(FEATURES))
    users = users.assign(user_id=[f"u{number:05d}" for number in range(1_200)])
    p_abuse = rng.random(1_200) * 0.4
    return Inputs.of(users, Loaded(effects_artefact(), "uplift", "3", "run", {}, {}), frozenset({"u00007"}), p_abuse)


def traced(inputs: Inputs, points: int = 101, **policy: Any) -> tuple[Curve, Settings]:
    settings = Settings(policy=policy)
    return trace(inputs, decide(inputs, settings, KEY, ROUND), KEY, "2026-05-31", points), settings


LIMITED = {"limits": {"stock": {"large": 60}, "roi_floor": 0.5}}


@pytest.mark.parametrize(("policy", "points"), [({}, 101), (PLAIN, 101), (LIMITED, 9)])
def test_three_points_equal_rounds_that_are_decided_afresh(inputs: Inputs, policy: dict[str, Any], points: int) -> None:
    curve, settings = traced(inputs, points, **policy)
    assert len(curve.points) >= points
    for place in (2, curve.nearest(ROUND), len(curve.points) - 3):
        point = curve.points[place]
        fresh = decide(inputs, settings, KEY, point.budget_cents)
        given = np.bincount(fresh.assigned.offer, minlength=3)
        assert point.spend_cents == total(fresh.cost) <= point.budget_cents
        assert point.profit_cents == total(fresh.value)
        assert point.price == fresh.policy.prices.cost[0]
        assert point.offers == {"small": given[1], "large": given[2]}


def test_the_price_of_a_point_is_what_one_more_cent_earns_by_hand(inputs: Inputs) -> None:
    """Without chance and other limits a price decides alone: who earns more per cent than the price, gets an offer."""
    curve, _ = traced(inputs, **PLAIN)
    open_to = ~inputs.withhold
    for point in curve.points[10:90:20]:
        # By hand, with a price a hair above and below: the spend that the budget lies between.
        spend = []
        for price in (point.price * (1 + 1e-9) + 1e-12, point.price * (1 - 1e-9) - 1e-12):
            offer = best_offer(inputs.profit[open_to], inputs.cost[open_to], price)
            spend.append(inputs.cost[open_to][np.arange(open_to.sum()), offer].sum())
        dearest = inputs.cost.max()
        assert spend[0] - dearest <= point.spend_cents <= spend[1] + dearest
        assert point.marginal == pytest.approx(point.price, rel=0.01)  # the rule's price is rounded to whole users


def test_more_budget_earns_more_at_a_falling_price_up_to_the_break_even(inputs: Inputs) -> None:
    curve, _ = traced(inputs, **PLAIN)
    profit, price = [p.profit_cents for p in curve.points], [p.price for p in curve.points]
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(profit))
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(price))
    at = next(n for n, p in enumerate(curve.points) if p.budget_cents == curve.break_even_cents)
    assert price[at] == 0 and profit[at] == max(profit)
    assert curve.points[0].spend_cents == 0 and curve.points[-1].budget_cents > curve.break_even_cents
    assert ROUND in [p.budget_cents for p in curve.points] and curve.current_cents == ROUND


def test_budgets_that_other_limits_forbid_are_left_out(inputs: Inputs) -> None:
    floors = {"feature": "account_age_days", "edges": [30], "limits": {"account_age_days < 30": {"min_users": 100}}}
    seen = Inputs(
        inputs.users.assign(account_age_days=np.arange(len(inputs.users)) % 60),
        *(getattr(inputs, name) for name in ("arms", "uplift_version", "profit", "cost", "p_abuse", "withhold")),
    )
    curve, _ = traced(seen, 6, limits={"segments": floors})
    assert curve.points[0].budget_cents > 0
    assert sum(curve.points[0].offers.values()) >= 100


def test_the_file_is_read_as_it_was_written_and_a_broken_one_is_said(inputs: Inputs, tmp_path: Path) -> None:
    curve, _ = traced(inputs, 5)
    path = path_of(tmp_path)
    assert read_curve(path) is None
    write_curve(curve, path)
    assert read_curve(path) == curve
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    for broken in ("", "[]", '{"points": []}', curve.model_dump_json().replace('"spend_cents":', '"spent":')):
        path.write_text(broken, "utf-8")
        with pytest.raises(InputError, match="budget curve"):
            read_curve(path)


def test_the_measured_band_is_the_evaluations_and_says_where_it_flattens(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    n = 4_000
    effect = np.column_stack([np.zeros(n), rng.normal(80, 60, n)])
    cost = np.column_stack([np.zeros(n), np.full(n, 100.0)])
    noise = np.column_stack([np.zeros(n), rng.normal(0, 200, n)])
    found = budget_curve(Scored.of(effect + noise, cost), {POLICY: (effect, cost)})
    figures = {**curve_figures(found), "decisions": n}
    report = tmp_path / "report.json"
    report.write_text(json.dumps({k: v for k, v in figures.items() if not (isinstance(v, float) and math.isnan(v))}))
    measured = read_measured(report)
    assert measured is not None and measured.decisions == n
    line = found.curve(POLICY)
    for at in (0, 7, 24):
        assert measured.at(float(found.budgets[at])) == (line.value[at], line.low[at], line.high[at])
    middle = measured.at(float(found.budgets[7] + found.budgets[8]) / 2)
    assert middle[0] == pytest.approx((line.value[7] + line.value[8]) / 2)
    assert measured.at(1e9)[0] == line.value[-1]
    assert measured.flattens_at == found.flattens_at(POLICY)


def test_reports_without_a_band_are_no_measurement(tmp_path: Path) -> None:
    assert read_measured(tmp_path / "none.json") is None
    (tmp_path / "broken.json").write_text("{")
    assert read_measured(tmp_path / "broken.json") is None
    assert measured_of({"curve_budgets": [0.0, 1.0], "curve_policy": [0.0, 2.0]}) is None
    holes = {"curve_budgets": [0.0, 1.0], "curve_policy": [None, 2.0], "curve_policy_low": [0.0, 1.0]}
    assert measured_of(holes) is None
    found = measured_of({**holes, "curve_policy_high": [0.0, 3.0]})
    assert found is not None and found.at(0.5) == (2.0, 1.0, 3.0)


def test_recommended_is_where_nothing_more_was_shown_to_earn_more_and_never_beyond_the_break_even(
    inputs: Inputs,
) -> None:
    curve, _ = traced(inputs, **PLAIN)
    alone = curve.points[recommended(curve, None)]
    most = max(p.profit_cents for p in curve.points)
    assert alone.profit_cents >= 0.99 * most
    assert curve.points[recommended(curve, None) - 1].profit_cents < 0.99 * most

    def flat(at: float) -> Measured:
        return Measured((0.0, 100.0), (0.0, 1.0), (0.0, 0.0), (0.0, 2.0), at, 1_000)

    quarter = curve.break_even_cents / 4 / curve.users
    found = curve.points[recommended(curve, flat(quarter))]
    assert found.spend_cents >= quarter * curve.users
    beyond = curve.points[recommended(curve, flat(1e6))]
    assert beyond.budget_cents == curve.break_even_cents


@pytest.mark.parametrize(("asked", "wanted"), [(0, 0), (49, 0), (50, 0), (51, 100), (199, 200), (10**15, 300)])
def test_the_nearest_budget_is_found(asked: int, wanted: int) -> None:
    points: list[dict[str, Any]] = [
        {"budget_cents": b, "spend_cents": 0.0, "profit_cents": 0.0, "price": 0.0, "marginal": 0.0, "offers": {}}
        for b in (0, 100, 200, 300)
    ]
    curve = Curve.model_validate(
        {"day": "2026-05-31", "policy_version": "v", "uplift_version": "1", "users": 1, "arms": ["none"],
         "current_cents": 0, "break_even_cents": 0, "points": points}
    )  # fmt: skip
    assert curve.points[curve.nearest(asked)].budget_cents == wanted

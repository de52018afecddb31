"""What every budget of a round would bring: the file that a round leaves behind, and how the budget lab reads it.

``Curve`` is the models' word: for each of many budgets the whole round was decided again, so a point is exactly what
``choose_coupons`` would do with that budget. ``Measured`` is what held-out decisions say of the same ranking
(``evaluate_policy``); its band is sampling error alone.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.errors import InputError

ENOUGH = 0.99
"""Share of the highest expected profit that a budget has to earn to be enough, while nothing was measured."""

Number = Annotated[float, Field(allow_inf_nan=False)]


class Point(BaseModel):
    """One budget in cents: what the round would be expected to spend and to earn (both in cents, the profit after the
    coupons' cost), the price of a cent of budget, what one cent more would earn, and users by offer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget_cents: int = Field(ge=0)
    spend_cents: Number
    profit_cents: Number
    price: Number
    marginal: Number
    offers: dict[str, int]


class Curve(BaseModel):
    """All points of one round, cheapest first; ``break_even_cents`` is where one more cent earns nothing more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: str
    policy_version: str
    uplift_version: str
    users: int = Field(ge=1)
    arms: list[str]
    current_cents: int = Field(ge=0)
    break_even_cents: int = Field(ge=0)
    points: list[Point] = Field(min_length=1)

    @model_validator(mode="after")
    def _ascending(self) -> Curve:
        budgets = [point.budget_cents for point in self.points]
        if any(low >= high for low, high in pairwise(budgets)):
            raise ValueError("points with ascending budgets")
        return self

    def nearest(self, budget_cents: int) -> int:
        """The place of the point whose budget is nearest, the smaller one where two are."""
        budgets = [point.budget_cents for point in self.points]
        after = min(bisect_left(budgets, budget_cents), len(budgets) - 1)
        before = max(after - 1, 0)
        return before if budget_cents - budgets[before] <= budgets[after] - budget_cents else after


@dataclass(frozen=True, slots=True)
class Measured:
    """Profit above no coupons at a spend, both in cents per decision, with its 95 % interval, on held-out decisions.

    ``flattens_at`` is the least spend beyond which no larger one was shown to earn more.
    """

    spends: Sequence[float]
    value: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    flattens_at: float | None
    decisions: int

    def at(self, spend: float) -> tuple[float, float, float]:
        """Value, low and high at a spend per decision: straight between the spends that were measured."""
        after = bisect_left(self.spends, spend)
        if after == 0 or after == len(self.spends):
            place = min(after, len(self.spends) - 1)
            return self.value[place], self.low[place], self.high[place]
        left, right = self.spends[after - 1], self.spends[after]
        share = (spend - left) / (right - left)
        lines = (self.value, self.low, self.high)
        value, low, high = (line[after - 1] + share * (line[after] - line[after - 1]) for line in lines)
        return value, low, high


def path_of(home: Path) -> Path:
    """Where a round leaves its curve."""
    return home / "round" / "budget_curve.json"


def write_curve(curve: Curve, path: Path) -> None:
    """Replace the file as a whole, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(curve.model_dump_json() + "\n", "utf-8")
    fresh.replace(path)


def read_curve(path: Path) -> Curve | None:
    """The curve of the last round; None before the first. Raises ``InputError`` for a file that is none."""
    try:
        return Curve.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise InputError("budget curve", path.name, "what choose_coupons writes") from error


def read_measured(report: Path) -> Measured | None:
    """The measured curve of ``evaluate_policy``'s ``report.json``; None where there is none, or one without a band."""
    try:
        figures: Any = json.loads(report.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return measured_of(figures) if isinstance(figures, dict) else None


def measured_of(figures: Mapping[str, Any]) -> Measured | None:
    """The curve in the flat figures of an evaluation; spends without a figure are left out."""
    names = ("curve_budgets", "curve_policy", "curve_policy_low", "curve_policy_high")
    lists = [figures.get(name) for name in names]
    if not all(isinstance(values, list) for values in lists):
        return None
    rows = [row for row in zip(*(values or () for values in lists), strict=False) if all(_finite(part) for part in row)]
    if not rows:
        return None
    spends, value, low, high = (tuple(float(part) for part in column) for column in zip(*rows, strict=True))
    flattens = figures.get("curve_policy_flattens_at")
    decisions = figures.get("decisions")
    return Measured(
        spends, value, low, high,
        float(flattens) if _finite(flattens) and flattens is not None else None,
        int(decisions) if _finite(decisions) and decisions is not None else 0,
    )  # fmt: skip


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def recommended(curve: Curve, measured: Measured | None) -> int:
    """The place of the budget that is enough.

    The least one beyond which no larger was shown, on held-out decisions, to earn more; without a measurement the least
    that is expected to earn 99 % of the most. Never beyond the break-even.
    """
    most = max(point.profit_cents for point in curve.points)
    if most <= 0:
        return 0
    if measured is not None and measured.flattens_at is not None:
        wanted = measured.flattens_at * curve.users
        found = next((n for n, point in enumerate(curve.points) if point.spend_cents >= wanted), len(curve.points) - 1)
    else:
        found = next(n for n, point in enumerate(curve.points) if point.profit_cents >= ENOUGH * most)
    return min(found, curve.nearest(curve.break_even_cents))

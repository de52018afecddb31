"""The plots of the models page from a report's flat figures; what is missing or of another shape is not drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from serving.console.charts import Bar, Curve, bars, lines
from serving.console.formats import Formats
from serving.console.texts import Texts

Figures = Mapping[str, Any]
NAMED = ("candidate", "champion", "challenger", "policy", "response_ranking", "best_single_arm",
         "best_single_arm_within_budget", "random", "no_one")  # fmt: skip
_EVERYONE = "everyone_"
_GRIDS = {"qini_": ("qini_shares",), "curve_": ("curve_budgets", "curve_budget", "curve_grid")}


def name_of(name: str, t: Texts) -> str:
    """What people call a policy or model of a report."""
    if name in NAMED:
        return t(f"models.name.{name}")
    if name.startswith(_EVERYONE):
        return t("models.name.everyone", offer=name.removeprefix(_EVERYONE))
    return name


def curves_of(figures: Figures, prefix: str) -> list[Curve]:
    """The curves whose names begin with ``prefix`` ("qini_", "curve_"), over its grid, with bands where given."""
    grid_name = next((one for one in _GRIDS[prefix] if one in figures), "")
    grid = _numbers(figures.get(grid_name))
    if grid is None:
        return []
    found = []
    for key in figures:
        if not key.startswith(prefix) or key == grid_name or key.endswith(("_low", "_high")):
            continue
        ys, low, high = (_numbers(figures.get(f"{key}{end}"), len(grid)) for end in ("", "_low", "_high"))
        if ys is not None:
            band = (low, high) if low is not None and high is not None else (None, None)
            found.append(Curve(key.removeprefix(prefix), grid, ys, *band))
    return sorted(found, key=lambda one: NAMED.index(one.name) if one.name in NAMED else len(NAMED))


def qini(figures: Figures, t: Texts, fmt: Formats) -> Markup | None:
    """Extra profit above a random order by the share of customers who get the offer, best first."""
    found = _named(curves_of(figures, "qini_"), t)
    if not found:
        return None
    return lines(found, x=t("models.share"), y=t("models.gain"), label=t("models.qini"), zero=True,
                 x_text=lambda share: fmt.share(share, 0), y_text=fmt.money)  # fmt: skip


def values(figures: Figures, t: Texts, fmt: Formats) -> Markup | None:
    """Extra profit at every budget."""
    found = _named(curves_of(figures, "curve_"), t)
    if not found:
        return None
    return lines(found, x=t("models.budget"), y=t("models.value"), label=t("models.curves"), zero=True,
                 x_text=fmt.money, y_text=fmt.money)  # fmt: skip


def coefficients(figures: Figures, t: Texts, fmt: Formats) -> Markup | None:
    """Qini coefficients with their intervals."""
    found = _bars(figures, "qini_coefficient_", "", t)
    return bars(found, unit=t("models.gain"), label=t("models.coefficients"), text=fmt.money) if found else None


def standings(figures: Figures, t: Texts, fmt: Formats) -> Markup | None:
    """Lift of the policy and the baselines over no coupons; of a training, profit of all within the same budget."""
    lifts = _bars(figures, "", "_lift", t)
    if lifts:
        return bars(lifts, unit=t("models.value"), label=t("models.lifts"), text=fmt.money)
    profits = _bars(figures, "", "_profit_cents", t)
    return bars(profits, unit=t("models.profit"), label=t("models.profits"), text=fmt.money) if profits else None


def ahead_of_us(figures: Figures, t: Texts) -> list[tuple[str, bool]]:
    """Who earns more than the model or policy by estimate, the best first, and whether its interval shows it."""
    found = []
    for name, lead, high in _leads(figures):
        if lead < 0:
            found.append((lead, name_of(name, t), high is not None and high < 0))
    return [(name, shown) for _, name, shown in sorted(found)]


def _leads(figures: Figures) -> list[tuple[str, float, float | None]]:
    found = []
    for key in figures:
        name = key.removesuffix("_behind_policy")
        if name == key:
            name = key.removeprefix("lead_over_").removesuffix("_cents")
            if not (key.startswith("lead_over_") and key.endswith("_cents")):
                continue
        lead = _number(figures[key])
        if lead is not None and name != "policy":
            found.append((name, lead, _number(figures.get(f"{key}_high"))))
    return found


def _bars(figures: Figures, prefix: str, suffix: str, t: Texts) -> list[Bar]:
    found = []
    for key in figures:
        if not (key.startswith(prefix) and key.endswith(suffix)) or key.endswith(("_low", "_high")):
            continue
        value, low, high = (_number(figures.get(f"{key}{end}")) for end in ("", "_low", "_high"))
        if value is not None:
            found.append((key.removeprefix(prefix).removesuffix(suffix), value, low, high))
    found.sort(key=lambda one: NAMED.index(one[0]) if one[0] in NAMED else len(NAMED))
    return [Bar(name_of(name, t), value, low, high) for name, value, low, high in found]


def _named(curves: list[Curve], t: Texts) -> list[Curve]:
    return [Curve(name_of(one.name, t), one.xs, one.ys, one.low, one.high) for one in curves]


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None  # type: ignore[arg-type]


def _numbers(values: object, length: int | None = None) -> list[float] | None:
    """A list of numbers, gaps as NaN; None for anything else, or another length."""
    if not isinstance(values, list) or not values or (length is not None and len(values) != length):
        return None
    return [math.nan if (number := _number(value)) is None else number for value in values]

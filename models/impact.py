"""Did it pay? What the coupons earned beyond what no coupons would have earned, from decisions and their outcomes.

Profit of a decision is the margin that followed it (before coupons) minus the coupon's cost. Three estimates of the
same number, from what a log with propensities and a holdout offers:

- ``holdout``: users that the holdout kept from offers against the others; asks for nothing but the holdout's flag.
- ``hajek`` / ``ipw``: all decisions that ended in ``none`` by chance stand for the world without coupons, weighted by
  how likely ``none`` was; uses exploration too, so it is narrower.
- ``dr``: the same, with a model of what a user earns without a coupon to remove what is predictable.

Intervals are normal with variances clustered by user: one user's decisions share one holdout draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.assign import NONE
from models.policy.intervals import codes, effective_size, normal_quantile, standard_error

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Outcomes:
    """Decisions whose outcome window has closed; everything checked once.

    Args:
        user: (n,) user of each decision.
        offered: (n,) booleans, whether the decision gave an offer (anything but ``none``).
        propensity: (n,) logged chance of what was decided, in (0, 1].
        holdout: (n,) booleans, whether the user is in the holdout.
        value_cents: (n,) margin in the window, before coupon cost.
        cost_cents: (n,) discount that the decision's coupon cost in the window.
    """

    def __init__(
        self,
        user: ArrayLike,
        offered: ArrayLike,
        propensity: ArrayLike,
        holdout: ArrayLike,
        value_cents: ArrayLike,
        cost_cents: ArrayLike,
    ) -> None:
        self.cost = _numbers("cost_cents", cost_cents)
        rows = len(self.cost)
        if not rows:
            raise InputError("decisions", 0, "at least one decision with an outcome")
        self.profit = _numbers("value_cents", value_cents, rows) - self.cost
        self.propensity = _numbers("propensity", propensity, rows)
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise InputError("propensity", float(self.propensity.min()), "chances in (0, 1] of what was decided")
        self.offered = _flags("offered", offered, rows)
        self.holdout = _flags("holdout", holdout, rows)
        if (self.holdout & self.offered).any():
            raise InputError("holdout", "a holdout user with an offer", "holdout users without offers")
        cluster = codes(user, rows)
        assert cluster is not None
        self.cluster = cluster

    @classmethod
    def of(cls, decisions: pd.DataFrame) -> Outcomes:
        """From the columns that ``features.labels.decision_outcomes`` gives."""
        return cls(
            decisions["user_id"].to_numpy(),
            (decisions["offer"] != NONE).to_numpy(dtype=np.bool_),
            decisions["propensity"],
            decisions["holdout"].to_numpy(dtype=np.bool_),
            decisions["value_cents"],
            decisions["cost_cents"],
        )

    @property
    def users(self) -> int:
        return int(self.cluster.max()) + 1


@dataclass(frozen=True)
class Impact:
    """Incremental profit of all ``n`` decisions together against no coupons, in cents, with its interval.

    ``ess`` is the effective number of decisions that stand for "no coupons", ``largest_weight`` the largest number of
    decisions that one of them stands for. ``within_budget`` compares the observed spend with the budget.
    """

    method: str
    profit_cents: float
    low: float
    high: float
    standard_error: float
    n: int
    users: int
    ess: float
    largest_weight: float
    spend_cents: float
    budget_cents: float | None

    @property
    def within_budget(self) -> bool | None:
        return None if self.budget_cents is None else self.spend_cents <= self.budget_cents


def holdout_lift(outcomes: Outcomes, budget_cents: float | None = None, level: float = 0.95) -> Impact:
    """Mean profit of decisions for other users minus that for holdout users, times the decisions for other users."""
    held = outcomes.holdout
    if not held.any() or held.all():
        raise InputError("holdout", f"{int(held.sum())} of {len(held)} decisions", "decisions inside and outside it")
    rest = outcomes.profit[~held].mean()
    kept = outcomes.profit[held].mean()
    share = held.mean()
    # Influence of each row on the difference of the two means.
    influence = np.where(held, -(outcomes.profit - kept) / share, (outcomes.profit - rest) / (1 - share))
    error = standard_error(influence, outcomes.cluster)
    return _impact("holdout", rest - kept, error, int((~held).sum()), held.astype(float), outcomes, budget_cents, level)


def incremental_profit(
    outcomes: Outcomes,
    method: str = "hajek",
    none_profit: ArrayLike | None = None,
    budget_cents: float | None = None,
    level: float = 0.95,
) -> Impact:
    """Observed profit minus an estimate of the profit without coupons, summed over all decisions.

    Args:
        outcomes: with propensities that include the holdout's chance, as ``models.policy.assign`` logs them.
        method: ``ipw``, ``hajek`` or ``dr``.
        none_profit: (n,) predicted profit of each decision without an offer, from a model that has not seen the
            decision's outcome; needed by ``dr``.
        budget_cents: what the coupons were allowed to cost.
        level: of the interval.
    """
    weight = np.where(outcomes.offered, 0.0, 1 / outcomes.propensity)
    if not weight.any():
        raise InputError("decisions", "an offer in every one", "decisions without an offer to compare with")
    if method == "ipw":
        without = weight * outcomes.profit
        mean = without.mean()
        without_influence = without - mean
    elif method == "hajek":
        mean = (weight * outcomes.profit).sum() / weight.sum()
        without_influence = weight * (outcomes.profit - mean) / weight.mean()
    elif method == "dr":
        if none_profit is None:
            raise InputError("none_profit", None, "predicted profits without an offer: the method dr needs them")
        predicted = _numbers("none_profit", none_profit, len(weight))
        without = predicted + weight * (outcomes.profit - predicted)
        mean = without.mean()
        without_influence = without - mean
    else:
        raise InputError("method", method, "one of: ipw, hajek, dr")
    observed = outcomes.profit.mean()
    error = standard_error(outcomes.profit - observed - without_influence, outcomes.cluster)
    return _impact(method, observed - mean, error, len(weight), weight, outcomes, budget_cents, level)


def did_it_pay(
    outcomes: Outcomes,
    none_profit: ArrayLike | None = None,
    budget_cents: float | None = None,
    level: float = 0.95,
) -> Sequence[Impact]:
    """Every estimate that the log allows, the one to headline first."""
    methods = (["dr"] if none_profit is not None else []) + ["hajek", "ipw"]
    found = [incremental_profit(outcomes, method, none_profit, budget_cents, level) for method in methods]
    if outcomes.holdout.any() and not outcomes.holdout.all():
        found.append(holdout_lift(outcomes, budget_cents, level))
    return found


def _impact(
    method: str,
    mean: float,
    error: float,
    times: int,
    weight: Floats,
    outcomes: Outcomes,
    budget_cents: float | None,
    level: float,
) -> Impact:
    reach = normal_quantile(level) * error
    return Impact(
        method=method,
        profit_cents=float(mean * times),
        low=float((mean - reach) * times),
        high=float((mean + reach) * times),
        standard_error=float(error * times),
        n=len(outcomes.profit),
        users=outcomes.users,
        ess=effective_size(weight),
        largest_weight=float(weight.max()),
        spend_cents=float(outcomes.cost.sum()),
        budget_cents=budget_cents,
    )


def _numbers(field: str, array: ArrayLike, rows: int | None = None) -> Floats:
    try:
        column = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(field, array, "numbers") from error
    if column.ndim != 1 or (rows is not None and len(column) != rows):
        raise InputError(field, column.shape, f"one number per decision{f', {rows} of them' if rows else ''}")
    if not np.isfinite(column).all():
        raise InputError(field, float(column[~np.isfinite(column)][0]), "finite numbers")
    return column


def _flags(field: str, array: ArrayLike, rows: int) -> Bools:
    column = np.asarray(array)
    if column.dtype != np.bool_ or column.shape != (rows,):
        raise InputError(field, (str(column.dtype), column.shape), f"one boolean per decision, {rows} of them")
    return column

"""Independent answers to the allocation under all limits: every combination, and a MILP and LP on a dense model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from models.policy.limits import Limits, SegmentLimit


@dataclass(frozen=True)
class Case:
    """All that an allocation is given."""

    value: np.ndarray
    cost: np.ndarray
    limits: Limits
    arms: Sequence[str]
    segment: Sequence[str]
    user: Sequence[int]
    eligible: np.ndarray
    lots: np.ndarray


def mixed_case(rng: np.random.Generator, most_users: int = 13, most_offers: int = 5) -> Case:
    """Any mix of limits, and numbers that trouble solvers: ties, strong correlation, lattices, negative numbers."""
    users, offers = int(rng.integers(1, most_users + 1)), int(rng.integers(2, most_offers + 1))
    shape = (users, offers)
    cost, value = rng.integers(-4, 12, shape).astype(float), rng.integers(-5, 20, shape).astype(float)
    match rng.integers(5):
        case 1:
            value, cost = rng.normal(5, 10, shape), rng.normal(5, 8, shape)
        case 2:
            cost = rng.integers(1, 100, shape).astype(float)
            value = cost + 10
        case 3:
            cost = rng.integers(-2, 4, shape) * 100.0
            value = cost * rng.choice([0.5, 1, 2], shape)
        case 4:
            cost = rng.gamma(0.5, 100, shape)
            value = cost * rng.lognormal(0, 0.5, shape) - rng.gamma(0.5, 50, shape)
    value[:, 0] = cost[:, 0] = 0
    arms = ("none", "a", "b", "c", "d", "e")[:offers]
    segment = [("", "s", "t")[place] for place in rng.integers(0, 3, users)]
    user = [int(name) for name in rng.integers(0, max(1, users // 2) + 1, users)]
    eligible = rng.random(shape) < 0.85
    eligible[:, 0] = True
    spend = int(np.abs(cost).max(axis=1).sum())

    def sometimes(chance: float) -> bool:
        return bool(rng.random() < chance)

    limits: dict[str, Any] = {"segments": {}}
    if sometimes(0.7):
        limits["budget_cents"] = float(rng.integers(0, spend + 2)) * (rng.random() if sometimes(0.5) else 1)
    if sometimes(0.6):
        limits["stock"] = {arm: int(rng.integers(0, users + 1)) for arm in arms[1:] if sometimes(0.6)}
    if sometimes(0.3):
        limits["per_user"] = int(rng.integers(0, 3))
    if sometimes(0.5):
        limits["roi_floor"] = float(rng.choice([-0.5, 0, 0.5, 1, 2]))
        if sometimes(0.3):
            limits["roi_credit_cents"] = float(rng.integers(-10, 30))
    for name in "st":
        bounds: dict[str, Any] = {}
        if sometimes(0.3):
            bounds["min_users"] = int(rng.integers(0, segment.count(name) + 1))
        if sometimes(0.25):
            bounds["max_users"] = int(rng.integers(bounds.get("min_users", 0), users + 2))
        if sometimes(0.2):
            bounds["min_spend_cents"] = float(rng.integers(0, spend // 5 + 2))
        if sometimes(0.2):
            bounds["max_spend_cents"] = bounds.get("min_spend_cents", 0.0) + float(rng.integers(0, spend // 2 + 2))
        if bounds:
            limits["segments"][name] = SegmentLimit(**bounds)
    return Case(value, cost, Limits(**limits), arms, segment, user, eligible, rng.random(users))


def broken(offer: Sequence[int], case: Case) -> list[str]:
    """The limits that an allocation breaks, by correctly rounded sums and no tolerance."""
    value, cost, limits, arms = case.value, case.cost, case.limits, case.arms
    segment, user = case.segment, case.user
    rows = range(len(offer))
    spend = [float(cost[i, offer[i]]) for i in rows]
    found = []
    if limits.budget_cents is not None and math.fsum(spend) > limits.budget_cents:
        found.append("budget_cents")
    for arm, units in limits.stock.items():
        if sum(arms[offer[i]] == arm for i in rows) > units:
            found.append(f"stock[{arm}]")
    if limits.per_user is not None:
        given: dict[int, int] = {}
        for i in rows:
            given[user[i]] = given.get(user[i], 0) + (offer[i] > 0)
        if any(count > limits.per_user for count in given.values()):
            found.append("per_user")
    for name, limit in limits.segments.items():
        inside = [i for i in rows if segment[i] == name]
        users, spent = sum(offer[i] > 0 for i in inside), math.fsum(spend[i] for i in inside)
        for field, amount in (("users", users), ("spend_cents", spent)):
            least, most = getattr(limit, f"min_{field}"), getattr(limit, f"max_{field}")
            if least is not None and amount < least:
                found.append(f"segments[{name}].min_{field}")
            if most is not None and amount > most:
                found.append(f"segments[{name}].max_{field}")
    if limits.roi_floor is not None:
        profit = math.fsum(float(value[i, offer[i]]) for i in rows)
        if profit + limits.roi_credit_cents < limits.roi_floor * math.fsum(spend):
            found.append("roi_floor")
    return found


def best_of_all(case: Case) -> float:
    """The highest total value over all combinations within the limits; -inf when there is none."""
    users, best = len(case.value), -math.inf
    for choice in itertools.product(*(np.flatnonzero(case.eligible[i]) for i in range(users))):
        worth = math.fsum(case.value[i, choice[i]] for i in range(users))
        if worth > best and not broken(choice, case):
            best = worth
    return best


def model(case: Case, whole: bool = True, mip_gap: float = 0.0) -> dict[str, Any]:
    """The programme as the arguments of ``scipy.optimize.milp``: minimise minus value, a column per user and offer."""
    value, cost, limits, arms = case.value, case.cost, case.limits, case.arms
    users, offers = value.shape
    rows, low, high = list[np.ndarray](), list[float](), list[float]()

    def limit(row: np.ndarray, least: float | None, most: float | None) -> None:
        rows.append(row.ravel())
        low.append(-math.inf if least is None else least)
        high.append(math.inf if most is None else most)

    given = np.ones((users, offers))
    given[:, 0] = 0
    if limits.budget_cents is not None:
        limit(cost, None, limits.budget_cents)
    for arm, units in limits.stock.items():
        row = np.zeros((users, offers))
        row[:, list(arms).index(arm)] = 1
        limit(row, None, units)
    if limits.per_user is not None:
        for one in set(case.user):
            limit(given * (np.asarray(case.user) == one)[:, None], None, limits.per_user)
    for name, bounds in limits.segments.items():
        inside = (np.asarray(case.segment) == name)[:, None]
        limit(given * inside, bounds.min_users, bounds.max_users)
        limit(cost * inside, bounds.min_spend_cents, bounds.max_spend_cents)
    if limits.roi_floor is not None:
        limit(value - limits.roi_floor * cost, -limits.roi_credit_cents, None)
    one_each = sparse.kron(sparse.identity(users), np.ones((1, offers)))
    ones = np.ones(users)
    matrix = sparse.vstack(
        [one_each, sparse.csr_matrix(np.array(rows).reshape(len(rows), users * offers))], format="csr"
    )
    return {
        "c": -value.ravel(),
        "integrality": np.full(users * offers, int(whole)),
        "bounds": Bounds(0, case.eligible.astype(float).ravel()),
        "constraints": LinearConstraint(matrix, np.append(ones, low), np.append(ones, high)),
        "options": {"mip_rel_gap": mip_gap},
    }


def solver(case: Case, whole: bool = True) -> float:
    """The optimum of the integer programme, or of its linear relaxation; -inf when it is infeasible."""
    answer = milp(**model(case, whole))
    if answer.status == 2:
        return -math.inf
    if answer.x is None:
        raise RuntimeError(answer.message)
    return -float(answer.fun)

"""Independent answers to the multiple-choice knapsack: every combination, and a MILP and LP solver (HiGHS)."""

from __future__ import annotations

import itertools

import highspy
import numpy as np


def best_of_all_combinations(value: np.ndarray, cost: np.ndarray, budget: float) -> float:
    """The highest total value over all K^n allocations within budget."""
    users, offers = value.shape
    best = -np.inf
    for choice in itertools.product(range(offers), repeat=users):
        if sum(cost[user, offer] for user, offer in enumerate(choice)) <= budget:
            best = max(best, sum(value[user, offer] for user, offer in enumerate(choice)))
    return float(best)


def highs(value: np.ndarray, cost: np.ndarray, budget: float, whole: bool = True) -> float:
    """The optimum of the integer programme, or of its linear relaxation."""
    solver = highs_model(value, cost, budget, whole)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"HiGHS: {solver.modelStatusToString(solver.getModelStatus())}")
    return -float(solver.getInfo().objective_function_value)


def highs_model(
    value: np.ndarray, cost: np.ndarray, budget: float, whole: bool = True, mip_gap: float = 0.0
) -> highspy.Highs:
    """The programme (minimise minus value) ready to run on one thread."""
    users, offers = value.shape
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = users * offers, users + 1
    model.col_cost_ = -value.ravel()
    model.col_lower_, model.col_upper_ = np.zeros(users * offers), np.ones(users * offers)
    model.row_lower_ = np.append(np.ones(users), -np.inf)
    model.row_upper_ = np.append(np.ones(users), budget)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.arange(0, 2 * users * offers + 1, 2)
    model.a_matrix_.index_ = np.column_stack(
        [np.repeat(np.arange(users), offers), np.full(users * offers, users)]
    ).ravel()
    model.a_matrix_.value_ = np.column_stack([np.ones(users * offers), cost.ravel()]).ravel()
    if whole:
        model.integrality_ = [highspy.HighsVarType.kInteger] * (users * offers)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("mip_rel_gap", mip_gap)
    solver.setOptionValue("mip_abs_gap", 0.0)
    solver.passModel(model)
    return solver

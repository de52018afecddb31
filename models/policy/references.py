"""Policies that every budget curve is set beside: what a shop would do without effects per customer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.policy.price import Floats, matrix

MODEL, BEST_SINGLE, RESPONSE, COST_BLIND, AVERAGES = (
    "model", "best_single_arm", "response_ranking", "cost_blind", "average_effects",
)  # fmt: skip

Predicted = tuple[Floats, Floats]


def references(
    value: ArrayLike, cost: ArrayLike, average_value: ArrayLike, average_cost: ArrayLike, response: ArrayLike
) -> dict[str, Predicted]:
    """The model's policy and the baselines, as predicted value and cost (n, K) for ``budget_curve``.

    Args:
        value, cost: (n, K) the model's predictions, effects or levels.
        average_value, average_cost: (K,) mean outcome of each arm on the training rows.
        response: (n, K) predicted outcome under each arm.

    ``best_single_arm``: the arm with the best average value, to a random share. ``average_effects``: every arm at its
    average, to random shares. ``response_ranking``: the best single arm, to those first whose outcome under it will
    be highest. ``cost_blind``: the model's value with every offer at the same price.
    """
    values, costs, expected = matrix("value", value), matrix("cost", cost), matrix("response", response)
    worth, price = (np.asarray(mean, dtype=np.float64) for mean in (average_value, average_cost))
    n, K = values.shape
    if costs.shape != (n, K) or expected.shape != (n, K) or worth.shape != (K,) or price.shape != (K,):
        shapes = (costs.shape, expected.shape, worth.shape, price.shape)
        raise InputError("cost, response, averages", shapes, f"tables ({n}, {K}) and averages ({K},)")
    worth, price = worth - worth[0], price - price[0]
    best = int(np.argmax(worth))
    alone = np.zeros((n, K))
    alone[:, best] = worth[best]
    alike = np.ones((n, K))
    alike[:, 0] = 0.0
    ranked = np.zeros((n, K))
    if best:  # ranks instead of outcomes: the lowest expected outcome may be negative and still comes last, not never
        _, place = np.unique(expected[:, best], return_inverse=True)
        ranked[:, best] = (place + 1.0) / n
    return {
        MODEL: (values, costs),
        BEST_SINGLE: (alone, alike),
        AVERAGES: (np.tile(worth, (n, 1)), np.tile(price, (n, 1))),
        RESPONSE: (ranked, alike),
        COST_BLIND: (values, alike),
    }

"""What an uplift artefact says about rows: value, cost and redemption per offer, control first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.registry.artefact import Artefact

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Effects:
    """Effects against the control for n rows and K offers; column 0 is the control and is all zeros.

    ``value`` (n, K): expected change of margin before the coupon's cost, in cents. ``cost`` (n, K): expected discount
    spent, in cents. ``redeem`` (n, K): probability that the coupon is redeemed. ``arms``: the K offer ids.
    """

    arms: tuple[str, ...]
    value: Matrix
    cost: Matrix
    redeem: Matrix

    @property
    def profit(self) -> Matrix:
        """What the policy maximises: value minus cost, (n, K) cents."""
        return self.value - self.cost


def effects(artefact: Artefact, X: Matrix) -> Effects:
    """Predict all offers of an uplift artefact for rows (n, d); costs floored at 0, probabilities kept in [0, 1].

    A discount that is granted cannot be negative, although a regression on sparse redemptions can predict it.
    """
    if artefact.kind != "uplift":
        raise InputError("artefact kind", artefact.kind, "uplift")
    arms = tuple(artefact.spec["arms"])
    scores = artefact.predict(X)
    tables = {what: np.zeros((len(X), len(arms))) for what in ("value", "cost", "redeem")}
    for what, table in tables.items():
        for column, arm in enumerate(arms[1:], start=1):
            if f"{what}:{arm}" in scores:
                table[:, column] = scores[f"{what}:{arm}"]
    cost = np.maximum(tables["cost"], 0.0)
    return Effects(arms, tables["value"], cost, np.clip(tables["redeem"], 0.0, 1.0))

"""What an uplift artefact says about rows: value, cost and redemption per offer, control first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.registry.artefact import Artefact
from models.registry.ladder import COST, OUTCOMES, REDEEM, Ladder
from models.registry.monotone import along, nearest_rising

Matrix = NDArray[np.float64]
_COST, _REDEEM = OUTCOMES.index(COST), OUTCOMES.index(REDEEM)
Asked = int | tuple[str, int]
"""Face value in cents of an offer on the only ladder of a model, or (name of the ladder, face value)."""


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


def effects(artefact: Artefact, X: Matrix, arms: Mapping[str, Asked] | None = None) -> Effects:
    """Predict all offers of an uplift artefact for rows (n, d); costs floored at 0, probabilities kept in [0, 1].

    A discount that is granted cannot be negative, although a regression on sparse redemptions can predict it.

    Where the artefact has ladders (see ``models.registry.ladder``), effects never fall with the face value along them,
    and ``arms`` may ask for offers that were never tried, by face value between two tried ones on a ladder; they
    become further columns, in the order asked. Raises InputError for a face value beyond the tried ones.
    """
    if artefact.kind != "uplift":
        raise InputError("artefact kind", artefact.kind, "uplift")
    offers = tuple(artefact.spec["arms"])
    ladders = artefact.ladders
    places = _places(ladders, offers, arms or {})
    scores = artefact.predict(X)
    table = np.zeros((len(OUTCOMES), len(X), len(offers) + len(places)))
    for row, what in enumerate(OUTCOMES):
        for column, arm in enumerate(offers[1:], start=1):
            if f"{what}:{arm}" in scores:
                table[row, :, column] = scores[f"{what}:{arm}"]
    for ladder in ladders:
        _make_rise(table, ladder, _columns(ladder, offers))
    np.maximum(table[_COST], 0.0, out=table[_COST])
    np.clip(table[_REDEEM], 0.0, 1.0, out=table[_REDEEM])
    for column, (ladder, face) in enumerate(places.values(), start=len(offers)):
        table[:, :, column] = _at_face(table[:, :, _columns(ladder, offers)], ladder, face)
    return Effects((*offers, *places), *table)


def _places(
    ladders: tuple[Ladder, ...], offers: tuple[str, ...], asked: Mapping[str, Asked]
) -> dict[str, tuple[Ladder, int]]:
    """Ladder and face of every offer that is asked for beyond those of the model."""
    names = {ladder.name: ladder for ladder in ladders}
    places = {}
    for offer, place in asked.items():
        if offer in offers:
            raise InputError("arms", offer, f"an offer that the model does not have: {', '.join(offers)}")
        if isinstance(place, tuple):
            name, face = place
        elif len(names) == 1:
            name, face = next(iter(names)), place
        else:
            raise InputError(f"ladder of {offer}", place, f"(ladder, face_cents), ladder one of {sorted(names)}")
        if name not in names:
            raise InputError(f"ladder of {offer}", name, f"a ladder of the model: {sorted(names)}")
        places[offer] = names[name], names[name].check_offer(offer, face)
    return places


def _columns(ladder: Ladder, offers: tuple[str, ...]) -> list[int]:
    return [offers.index(arm) for arm in ladder.arms]


def _make_rise(table: Matrix, ladder: Ladder, columns: list[int]) -> None:
    """Put the nearest rising effects in the ladder's columns of ``table`` (outcomes, n, K), of outcomes that rise."""
    rows = [row for row, what in enumerate(OUTCOMES) if what in ladder.outcomes]
    if not rows:
        return
    steps = table[rows][:, :, columns]
    risen = nearest_rising(steps, ladder.weights)
    if risen is not steps:
        for row, curves in zip(rows, risen, strict=True):
            table[row][:, columns] = curves


def _at_face(steps: Matrix, ladder: Ladder, face: int) -> Matrix:
    """All outcomes (outcomes, n) at a face, tried or between two tried ones, from those at the rungs."""
    below, above = ladder.around(face)
    if below == above:
        return steps[:, :, below]
    at = tuple(float(tried) for tried in ladder.faces)
    curve = along(steps, at, face)
    # A discount of nothing costs nothing, which bends the curve of the cost; what a coupon of no face does to margins
    # and redemptions is not known.
    from_nothing = np.concatenate([np.zeros((steps.shape[1], 1)), steps[_COST]], axis=1)
    curve[_COST] = along(from_nothing, (0.0, *at), face)
    return curve

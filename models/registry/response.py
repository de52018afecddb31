"""How far an effect at a face value may be from the truth: intervals for tried faces and for those in between.

At a tried face the interval is the measured average and z standard errors. Between two tried faces nothing was
measured, and all that is known of the true curve is that it does not fall: it may jump right after the lower rung or
right before the upper one. So the interval runs from the lower rung's lower end to the upper rung's upper end,

    [average_j - z se_j,  average_(j+1) + z se_(j+1)],

and holds the truth with at least the level asked for whatever the shape of the rise (each end fails with half of what
is left over; bounds under monotone response are due to Manski, "Monotone treatment response", Econometrica 65, 1997).
It is wide when the rungs are far apart; a smooth curve's own interval would not be honest there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.registry.artefact import Artefact
from models.registry.effects import effects
from models.registry.ladder import COST, OUTCOMES, Groups, Ladder
from models.registry.monotone import along, nearest_rising

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """An average effect at a face value, in the outcome's units, with its interval; ``tried``: whether a rung is."""

    face_cents: int
    value: float
    low: float
    high: float
    tried: bool


def average_response(
    ladder: Ladder, outcome: str, faces: Sequence[int] | None = None, level: float = 0.95
) -> tuple[Response, ...]:
    """Average effects at face values (by default the tried ones) from what the ladder was fitted on.

    Raises InputError for an outcome that the ladder does not constrain and for faces beyond the tried ones.
    """
    rungs = ladder.outcomes.get(outcome)
    if rungs is None:
        raise InputError("outcome", outcome, f"one that rises on ladder {ladder.name}: {list(ladder.constrained)}")
    return response_of(ladder, outcome, rungs.average, rungs.standard_error, faces, level)


def response_of(
    ladder: Ladder,
    outcome: str,
    average: ArrayLike,
    standard_error: ArrayLike,
    faces: Sequence[int] | None = None,
    level: float = 0.95,
) -> tuple[Response, ...]:
    """The same from averages and standard errors (m,) of any set of units, e.g. a segment."""
    measured, errors = np.asarray(average, dtype=float), np.asarray(standard_error, dtype=float)
    low, high = interval_at(ladder, measured[None], errors[None], faces, level)
    risen = nearest_rising(measured[None, None], (ladder.outcomes[outcome].weight,))[0, 0]
    responses = []
    for i, face in enumerate(faces if faces is not None else ladder.faces):
        value = _point(ladder, outcome, risen, face)
        # Rungs that fall by chance are pooled, and the pooled value may lie outside one rung's own interval.
        bounds = min(float(low[0, i]), value), max(float(high[0, i]), value)
        responses.append(Response(int(face), value, *bounds, face in ladder.faces))
    return tuple(responses)


def interval_at(
    ladder: Ladder, average: Matrix, standard_error: Matrix, faces: Sequence[int] | None = None, level: float = 0.95
) -> tuple[Matrix, Matrix]:
    """Ends of the intervals (g, f) at f faces for g groups of units, measured at the m rungs (g, m)."""
    if not 0 < level < 1:
        raise InputError("level", level, "a probability between 0 and 1, e.g. 0.95")
    z = NormalDist().inv_cdf((1 + level) / 2)
    lows, highs = [], []
    for face in ladder.faces if faces is None else faces:
        below, above = ladder.around(ladder.check_face(face))
        lower = average[:, below] - z * standard_error[:, below]
        upper = average[:, above] + z * standard_error[:, above]
        # Measured rungs that fall by more than their errors would turn the interval around.
        lows.append(np.minimum(lower, upper))
        highs.append(np.maximum(lower, upper))
    return np.stack(lows, axis=1), np.stack(highs, axis=1)


def row_intervals(
    artefact: Artefact, X: Matrix, outcome: str, faces: Sequence[int], ladder: str | None = None, level: float = 0.95
) -> tuple[Matrix, Matrix]:
    """Intervals (n, f) of the average effect among users who are predicted alike, for rows (n, d) and f faces.

    A single user's own effect is never seen and has no honest interval; the average of the group of users with about
    the same prediction is measured on units that the models did not learn from. Raises InputError when the ladder was
    fitted without such units.
    """
    if outcome not in OUTCOMES:
        raise InputError("outcome", outcome, f"one of: {', '.join(OUTCOMES)}")
    chosen = _named(artefact.ladders, ladder)
    rungs = chosen.outcomes.get(outcome)
    if rungs is None or rungs.groups is None:
        raise InputError(f"ladder {chosen.name}", outcome, "an outcome that rises and was measured on held-out units")
    found = effects(artefact, X)
    columns = [found.arms.index(arm) for arm in chosen.arms]
    group = group_of(rungs.groups, getattr(found, outcome)[:, columns])
    measured = np.array(rungs.groups.average), np.array(rungs.groups.standard_error)
    low, high = interval_at(chosen, *measured, faces, level)
    return low[group], high[group]


def group_of(groups: Groups, predicted: Matrix) -> NDArray[np.intp]:
    """Group (n,) of rows by their predicted effects at the rungs (n, m)."""
    return np.searchsorted(np.array(groups.edges), predicted.mean(axis=1), side="right")


def _point(ladder: Ladder, outcome: str, risen: NDArray[np.float64], face: int) -> float:
    at = tuple(float(tried) for tried in ladder.faces)
    if face in ladder.faces:
        return float(risen[ladder.faces.index(face)])
    if outcome == COST:
        return float(along(np.concatenate([[0.0], np.maximum(risen, 0.0)]), (0.0, *at), face))
    return float(along(risen, at, face))


def _named(ladders: tuple[Ladder, ...], name: str | None) -> Ladder:
    names = [ladder.name for ladder in ladders]
    if name is None and len(ladders) == 1:
        return ladders[0]
    if name not in names:
        raise InputError("ladder", name, f"a ladder of the model: {names}")
    return ladders[names.index(name)]

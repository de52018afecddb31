"""Log odds read as probabilities: two numbers fitted on past verdicts, near the identity while verdicts are few.

Platt scaling (Platt 1999) by penalised maximum likelihood: intercept and slope have normal priors around 0 and 1, so
that ten verdicts move a score by little and a thousand by what they say. The slope is positive: an order never turns.
One verdict in 1/ERROR is taken to be wrong: else a few slips on quiet accounts, which weigh much because few quiet
accounts are judged, would flatten the line for all. The prior of the intercept is narrow, for reviewers know more than
the score when they choose whom to judge: even at equal scores the judged hold more abusers than the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from models.abuse.evidence import Floats
from models.abuse.examples import Examples, probability

_CENTRE, _SPREAD = np.array([0.0, 1.0]), np.array([0.5, 0.5])  # of the priors of intercept and slope
_LEAST_SLOPE = 0.25
ERROR = 0.05


@dataclass(frozen=True)
class Platt:
    """``intercept + slope · log odds``."""

    intercept: float
    slope: float

    def of(self, log_odds: Floats) -> Floats:
        """Calibrated log odds.

        >>> Platt(1.0, 2.0).of(np.array([-1.0])).tolist()
        [-1.0]
        """
        return self.intercept + self.slope * log_odds


def fit_platt(log_odds: Floats, seen: Examples) -> Platt:
    """The reading under which past scores (log odds of all rows) agree with what is known now of their accounts."""
    z = seen.highest(log_odds[seen.rows])
    design = np.column_stack([np.ones_like(z), z])

    wrong = np.where(seen.judged, ERROR, 0.0)

    def loss(line: Floats) -> tuple[float, Floats]:
        """Penalised log loss of what reviewers say, and its gradient."""
        p, off = probability(design @ line), (line - _CENTRE) / _SPREAD
        said = np.clip(wrong + (1.0 - 2.0 * wrong) * p, 1e-12, 1.0 - 1e-12)
        value = -(seen.weight * (seen.target * np.log(said) + (1.0 - seen.target) * np.log1p(-said))).sum()
        pull = (said - seen.target) / (said * (1.0 - said)) * (1.0 - 2.0 * wrong) * p * (1.0 - p)
        return float(value + 0.5 * (off**2).sum()), design.T @ (seen.weight * pull) + off / _SPREAD

    bounds = [(None, None), (_LEAST_SLOPE, None)]
    found = minimize(loss, _CENTRE, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-8})
    return Platt(float(found.x[0]), float(found.x[1]))

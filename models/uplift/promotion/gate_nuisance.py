"""What the gate needs to know of the held-out decisions before it compares policies, learnt on the training ones.

Both models are nobody's own: neither a contender's effects nor a baseline's. The better the expected outcomes, the
narrower the intervals; whatever they are, the estimates stay unbiased because the propensities were logged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.uplift.baselines import TLinear
from models.uplift.boosting import Bins
from models.uplift.encoding import Encoding
from models.uplift.nuisance import NUISANCE
from models.uplift.trial import Trial

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def expected_profit_of(train: Trial, held_out: Trial, seed: int = 0) -> Matrix:
    """Expected value minus cost (n, K) of every arm on the held-out rows, in the trial's units.

    One boosted model over all arms and the mean of its residuals per arm, as in ``models.uplift.nuisance``: on a shop
    of 20,000 users intervals were 7 % narrower than with a linear model per arm.
    """
    encoding = Encoding.learn(train.X)
    X = encoding.matrix(train.X)
    booster = Bins(X, encoding.categorical).grow(np.arange(len(X)), train.net, NUISANCE, seed)
    residual = train.net - booster.predict(X, num_threads=1)
    arms = [train.treatment == arm for arm in range(len(train.arms))]
    offsets = np.array([np.average(residual[rows], weights=1 / train.taken[rows]) for rows in arms])
    shared: Vector = booster.predict(encoding.matrix(held_out.X), num_threads=1)
    return shared[:, None] + offsets


def yardstick(train: Trial, held_out: Trial) -> Matrix:
    """Expected coupon cost (n, K) of every arm on the held-out rows; what a coupon costs never is below 0."""
    model = TLinear().fit(train.X, train.treatment, train.cost, train.propensity)
    cost = np.maximum(model.expected(held_out.X), 0.0)
    cost[:, 0] = 0.0
    return cost

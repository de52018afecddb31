"""How much a learnt correction may say beside the label-free score: weights by the expected loss of each mix.

A mix adds ``up`` times what the model raises and ``down`` times what it lowers to the label-free log odds. Its loss is
the squared error of its probabilities on accounts that were judged *after* the model scored them, and on unjudged ones
against the label-free probability. Squared error is (twice) the expected cost of acting on a probability when the ratio
of the two costs, letting abuse pass and refusing an honest user, is anything from 0 to 1 alike (Schervish 1989): the
mixes are compared by what they would have cost.

The mixes are averaged with weights ``prior · exp(-2 · loss)`` (Vovk 1990; 2 is the rate at which squared error is
mixable), half of the prior on the label-free score alone: the learnt part is heard as its verdicts come in, and what it
lowers apart from what it raises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.abuse.evidence import Floats
from models.abuse.examples import Examples, probability

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
MIXES = tuple((up, down) for up in SHARES for down in SHARES)  # the first is the label-free score alone
_RATE = 2.0


@dataclass(frozen=True)
class Say:
    """How much of what the model adds to the log odds is believed, where it raises and where it lowers."""

    up: float
    down: float

    def of(self, raw: Floats) -> Floats:
        """The believed part of raw corrections; where there is no model (NaN) there is none.

        >>> Say(0.5, 0.25).of(np.array([2.0, -2.0, np.nan])).tolist()
        [1.0, -0.5, 0.0]
        """
        known = np.nan_to_num(raw)
        return self.up * np.maximum(known, 0.0) + self.down * np.minimum(known, 0.0)


def say(prior: Floats, raw: Floats, seen: Examples) -> Say:
    """The average mix by the losses so far.

    Args:
        prior: label-free log odds of all rows; raw: what the model of each row's own week added, NaN before any.
        seen: what is known now; accounts that no model had scored before they were judged do not count.
    """
    losses = mix_losses(prior, raw, seen)
    weight = np.full(len(MIXES), 0.5 / (len(MIXES) - 1))
    weight[0] = 0.5
    weight *= np.exp(-_RATE * (losses - losses.min()))
    up, down = (weight / weight.sum()) @ np.array(MIXES)
    return Say(float(up), float(down))


def mix_losses(prior: Floats, raw: Floats, seen: Examples) -> Floats:
    """Weighted squared error of every mix, (len(MIXES),)."""
    own = raw[seen.rows]
    counted = seen.highest((~np.isnan(own)).astype(float)) > 0
    losses = []
    for up, down in MIXES:
        p = seen.highest(probability(prior[seen.rows] + Say(up, down).of(own)))
        error = seen.target * (1.0 - p) ** 2 + (1.0 - seen.target) * p**2
        losses.append(float((seen.weight * error)[counted].sum()))
    return np.array(losses)

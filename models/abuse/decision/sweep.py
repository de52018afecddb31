"""How a rule's figures move with its review threshold: the picture behind a choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from models.abuse.decision.actions import Decider, Thresholds
from models.abuse.decision.backtest import Past, backtest

STEPS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Review thresholds that are tried; the automatic one moves only where it would fall below."""


FINE = tuple(round(0.05 + 0.0125 * i, 4) for i in range(75))
"""Thresholds for a slider: .05 to .975, those of ``budgets.GRID`` and the ones between them."""


def sweep(past: Past, decider: Decider, per_day: int, steps: Sequence[float] = STEPS) -> pd.DataFrame:
    """One line of ``Backtest.figures`` per threshold of ``steps``, with the column ``review``."""
    lines = []
    for review in steps:
        bounds = Thresholds(review, max(review, decider.thresholds.automatic))
        lines.append({"review": review, **backtest(past, replace(decider, thresholds=bounds), per_day).figures})
    return pd.DataFrame(lines)

"""How much of a large table is judged how often, so that a report comes in minutes and says what it rests on.

Time grows with rows x features x outcomes x arms x splits. Splits differ less the more rows they hold, so a large
table needs fewer of them; below ``FEWEST_SPLITS`` no interval over splits is worth having, and rows are drawn instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.uplift.trial import Trial

CELLS = 100_000_000.0  # rows x (features + 5) x outcomes x arms / 2, over all splits
HELD_OUT_CELLS = 20_000_000.0  # the same for the pass that predicts every unit once
FEWEST_SPLITS = 5


@dataclass(frozen=True)
class Effort:
    """``splits`` of at most ``rows_a_split`` units each; ``held_out_rows`` units in the pass over all.

    ``asked``: the splits asked for.
    """

    asked: int
    splits: int
    rows_a_split: int
    held_out_rows: int

    def is_cut(self, n: int) -> bool:
        """Whether anything was left out of n units."""
        return self.splits < self.asked or min(self.rows_a_split, self.held_out_rows) < n


def effort(trial: Trial, asked: int) -> Effort:
    """The most that the bounds allow, never fewer than ``FEWEST_SPLITS`` splits unless fewer were asked for."""
    n, K = len(trial), len(trial.arms)
    width = (trial.X.shape[1] + 5) * K / 2
    outcomes = 1 + len(trial.outcomes) + bool(trial.cost.any())
    splits = max(min(asked, FEWEST_SPLITS), min(asked, int(CELLS / (n * width * outcomes))))
    return Effort(
        asked=asked,
        splits=splits,
        rows_a_split=min(n, int(CELLS / (splits * width * outcomes))),
        held_out_rows=min(n, int(HELD_OUT_CELLS / width)),
    )

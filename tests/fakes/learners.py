"""Every uplift learner, small enough for tests."""

from __future__ import annotations

from collections.abc import Callable

from models.uplift import (
    AverageEffect,
    DRLearner,
    ResponseRanking,
    RLearner,
    SLearner,
    TBoosted,
    TLearner,
    TLinear,
    XLearner,
)
from models.uplift.boosting import Trees
from models.uplift.learner import Learner

SMALL = Trees(leaves=4, rounds=12)
LEARNERS: dict[str, Callable[[], Learner]] = {
    "s": lambda: SLearner(trees=Trees(leaves=4, rounds=60)),
    "t": lambda: TLearner(trees=SMALL),
    "x": lambda: XLearner(trees=SMALL, nuisance=SMALL, folds=2),
    "r": lambda: RLearner(trees=SMALL, nuisance=SMALL, folds=2),
    "dr": lambda: DRLearner(nuisance=SMALL, candidates=(SMALL,), own=SMALL, folds=2),
    "dr_fixed": lambda: DRLearner(trees=SMALL, nuisance=SMALL, folds=2),
    "t_linear": TLinear,
    "t_boosted": lambda: TBoosted(trees=SMALL),
    "response": ResponseRanking,
    "average": AverageEffect,
}
EFFECTS = tuple(name for name in LEARNERS if name != "response")  # a ranking by response is no effect
CROSS_FITTED = ("r", "dr", "dr_fixed")

"""Fairdeal's learners as contenders, run in a process of their own; see ``measured``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightgbm  # noqa: F401  # our learners import it when they first fit, which is not what is timed
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.contest.drawn import as_table
from measured import Contender, Data, main

from models import uplift
from models.registry import Artefact
from models.uplift.boosting import Trees

LEARNERS = {
    "dr": "DRLearner",
    "s": "SLearner",
    "t": "TLearner",
    "x": "XLearner",
    "r": "RLearner",
    "constant": "AverageEffect",
    "response": "ResponseRanking",
}


def contender(name: str, trees: tuple[int, int, int] | None, data: Data) -> Contender:
    kind = name.removeprefix("own_")
    learner = getattr(uplift, LEARNERS[kind])(**({} if trees is None else {"trees": _same(trees)}))
    categorical = tuple(int(column) for column in data["categorical"])
    table = as_table(data["X"], categorical)

    def fit() -> None:
        learner.fit(table, data["treatment"], data["outcome"], data["propensity"])

    served: list[Artefact] = []

    def answer(rows: np.ndarray) -> object:
        if not served:
            served.append(_artefact(learner))
        return served[0].predict(rows)

    return Contender(
        fit=fit,
        effect=lambda: learner.effect(as_table(data["test_X"], categorical)),
        answer=answer if kind == "dr" else None,
    )


def _same(trees: tuple[int, int, int]) -> Trees:
    """The peers' setting in our words."""
    rounds, leaves, rows_a_leaf = trees
    return Trees(leaves=leaves, rounds=rounds, learning_rate=0.1, rows_a_leaf=rows_a_leaf)


def _artefact(learner: Any) -> Artefact:
    """What a service loads: one booster of value per arm."""
    boosters = {f"value:{arm}": booster.model_to_string() for arm, booster in enumerate(learner.boosters_, start=1)}
    return Artefact("uplift", {"kind": "uplift", "features": list(learner.encoding_.features)}, boosters)


if __name__ == "__main__":
    main(contender)

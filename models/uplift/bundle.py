"""Value, cost and redemption of every offer, learnt on one preparation of the data and written as one artefact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.registry import Artefact
from models.uplift.dr import DRLearner
from models.uplift.prepared import Prepared
from models.uplift.together import Choice
from models.uplift.trial import Trial

Vector = NDArray[np.float64]

OUTCOMES = ("value", "cost", "redeem")
REDEEMED = "redeemed"


@dataclass(frozen=True)
class Bundle:
    """Three fitted learners with the features and arms they speak about; ``categorical`` features hold codes."""

    features: tuple[str, ...]
    arms: tuple[str, ...]
    categorical: tuple[str, ...]
    learners: Mapping[str, DRLearner]

    def choices(self) -> dict[str, Choice]:
        """What was chosen for each ``outcome:arm``."""
        return {
            f"{outcome}:{arm}": choice
            for outcome, learner in self.learners.items()
            for arm, choice in zip(self.arms[1:], learner.choices_, strict=True)
        }

    def artefact(self, golden: NDArray[np.float64], facts: Mapping[str, object]) -> Artefact:
        """The model as data; ``golden`` (m, d) are rows to check it by, ``facts`` go into the specification."""
        boosters = {
            f"{outcome}:{arm}": booster.model_to_string()
            for outcome, learner in self.learners.items()
            for arm, booster in zip(self.arms[1:], learner.boosters_, strict=True)
        }
        chosen = {
            name: {"leaves": choice.trees.leaves, "rounds": choice.trees.rounds, "shrinkage": choice.shrinkage}
            for name, choice in self.choices().items()
        }
        spec = {
            "kind": "uplift",
            "features": list(self.features),
            "categorical": list(self.categorical),
            "arms": list(self.arms),
            "chosen": chosen,
            **facts,
        }
        return Artefact("uplift", spec, boosters, golden)


def fit_bundle(trial: Trial, seed: int = 0, threads: int = 1, categorical: Sequence[str] = ()) -> Bundle:
    """Learn a trial's ``value`` and ``cost`` and the outcome ``redeemed``, sharing bins, folds and binned copies.

    Features must be numbers: the artefact is scored on plain rows, without a vocabulary. ``categorical`` names the
    columns whose numbers are codes; the trees then split on sets of codes, in the artefact too.
    """
    prepared = Prepared(
        trial.X,
        trial.treatment,
        trial.propensity,
        seed=seed,
        threads=threads,
        cluster=trial.cluster,
        categorical=categorical,
    )
    if prepared.inputs.encoding.levels:
        raise InputError("features", sorted(prepared.inputs.encoding.levels), "numbers, or codes named as categorical")
    outcomes: dict[str, Vector] = {"value": trial.value, "cost": trial.cost, "redeem": trial.outcomes[REDEEMED]}
    learners = {name: DRLearner(seed=seed, threads=threads).fit_prepared(prepared, outcomes[name]) for name in OUTCOMES}
    return Bundle(prepared.inputs.encoding.features, trial.arms, tuple(categorical), learners)

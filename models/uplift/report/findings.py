"""What one pass over held-out units shows about each arm: calibration, ranking, segments, what effects depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.policy.intervals import Interval, codes
from models.uplift.calibration import Blp, Gates, blp, gates
from models.uplift.rate import Toc, rate, toc
from models.uplift.report.dependence import MOST_CURVES, Dependence, Importance, Shuffled
from models.uplift.report.effect_tree import Leaf, effect_tree
from models.uplift.report.held_out import CONSTANT, DR, RESPONSE, HeldOut
from models.uplift.report.segments import SMALLEST_ROWS, Part, Segment, mean_of, parts_of, segments

MOST_ARMS = 4  # arms with drawings of their own; a page with thirty of them is not read


@dataclass(frozen=True)
class Harm:
    """Units whose predicted effect is below zero: their ``share`` and the effect among them (None: too few)."""

    share: float
    observed: Interval | None


@dataclass(frozen=True)
class ArmFindings:
    """Findings about one arm; ``arm`` is its number. ``tocs`` and ``autoc`` are by learner."""

    arm: int
    name: str
    blp: Blp
    gates: Gates
    deciles: Gates
    tocs: Mapping[str, Toc]
    autoc: Mapping[str, Interval]
    harm: Harm
    segments: Sequence[Segment]
    leaves: Sequence[Leaf]
    importances: Sequence[Importance]
    curves: Sequence[Dependence]


def shown_arms(held: HeldOut) -> list[int]:
    """The arms with the most units (never chosen by their outcomes), in the trial's order."""
    sizes = np.bincount(held.trial.treatment, minlength=len(held.trial.arms))[1:]
    return sorted(int(arm) + 1 for arm in np.argsort(-sizes, kind="stable")[:MOST_ARMS])


def find(held: HeldOut, seed: int, progress: Callable[[float], None] | None = None) -> list[ArmFindings]:
    """Findings about the shown arms."""
    parts = parts_of(held.trial.X)
    shuffled = Shuffled(held, seed)
    importances = shuffled.importances()
    found = []
    for number, arm in enumerate(shown := shown_arms(held)):
        found.append(_arm(held, arm, parts, shuffled, importances[arm - 1]))
        if progress is not None:
            progress((number + 1) / len(shown))
    return found


def _arm(
    held: HeldOut, arm: int, parts: Sequence[Part], shuffled: Shuffled, importances: Sequence[Importance]
) -> ArmFindings:
    scores, cluster, effect = held.contrast(arm), held.trial.cluster, held.ranked(DR)[:, arm - 1]
    ranked = {name: held.ranked(name)[:, arm - 1] for name in held.effect if name != CONSTANT}
    by_name = {part.feature: part for part in parts}
    drawn = [one.feature for one in importances if one.moved > 0 and one.feature in by_name][:MOST_CURVES]
    few, many = _groups(len(scores))
    return ArmFindings(
        arm=arm,
        name=held.trial.arms[arm],
        blp=blp(effect, scores, cluster),
        gates=gates(effect, scores, few, cluster),
        deciles=gates(effect, scores, many, cluster),
        tocs={name: toc(ranked[name], scores, cluster) for name in (DR, RESPONSE)},
        autoc={name: rate(by, scores, "autoc", cluster) for name, by in ranked.items()},
        harm=_harm(held, arm),
        segments=segments(parts, scores, cluster),
        leaves=effect_tree(parts, scores, held.fold % 2 == 0, cluster),
        importances=importances,
        curves=[shuffled.curve(by_name[feature], arm) for feature in drawn],
    )


def _groups(n: int) -> tuple[int, int]:
    """How many groups of the predicted effect n units can fill."""
    return (5, 10) if n >= 2000 else (3, 5) if n >= 300 else (2, 2)


def _harm(held: HeldOut, arm: int) -> Harm:
    below = held.ranked(DR)[:, arm - 1] < 0
    if below.sum() < SMALLEST_ROWS:
        return Harm(float(below.mean()), None)
    return Harm(float(below.mean()), mean_of(held.contrast(arm), below, codes(held.trial.cluster, len(below))))

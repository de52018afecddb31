"""Ladders with known truth: a trial of coupons that differ in face value, and the nearest rising curve by force."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.uplift.trial import Trial

FACES = (500, 1000, 2000, 3500)
SHAPES = ("log", "linear", "jump")


def nearest_rising_by_force(steps: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The rising row nearest to ``steps`` (m,): the best of all ways to cut the rungs into pooled blocks."""
    m = len(steps)
    best, least = steps, np.inf
    for cuts in range(2 ** (m - 1)):
        block = np.cumsum([0, *((cuts >> j) & 1 for j in range(m - 1))])
        means = np.bincount(block, weight * steps) / np.bincount(block, weight)
        if (np.diff(means) < 0).any():
            continue
        distance = float(np.sum(weight * (steps - means[block]) ** 2))
        if distance < least:
            best, least = means[block], distance
    return best


@dataclass(frozen=True)
class SimulatedLadder:
    """``trial`` with arms none and ``off_<face>``; ``truth(face)`` gives expected value, cost, redeem (n,) each."""

    trial: Trial
    base: np.ndarray
    pull: np.ndarray
    bother: np.ndarray
    margin: np.ndarray
    uses: np.ndarray
    shape: str
    jumps: tuple[float, ...]

    def strength(self, face: float) -> float:
        if self.shape == "log":
            return float(np.log1p(face / 1000))
        if self.shape == "linear":
            return face / 2500
        return float(sum(face >= jump for jump in self.jumps)) / 2

    def chance(self, face: float) -> np.ndarray:
        return 1 / (1 + np.exp(-(self.base + self.pull * self.strength(face) - self.bother * (face > 0))))

    def truth(self, face: float) -> dict[str, np.ndarray]:
        redeem = self.chance(face) * self.uses
        return {
            "value": (self.chance(face) - self.chance(0)) * self.margin,
            "cost": redeem * face,
            "redeem": redeem,
        }


def simulated_ladder(
    n: int, seed: int, shape: str = "log", faces: tuple[int, ...] = FACES, jumps: tuple[float, ...] = ()
) -> SimulatedLadder:
    """Draw n customers; everybody buys at least as often with a richer coupon, and some less often with any.

    ``shape`` of the response to the face: ``jump`` is flat but for two jumps, drawn unless given.
    """
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 3))
    seen = hidden + 0.3 * rng.normal(size=hidden.shape)
    X = pd.DataFrame({"often": seen[:, 0], "price": seen[:, 1], "basket": seen[:, 2], "noise": rng.normal(size=n)})
    drawn_jumps = np.sort(rng.uniform(faces[0] + 1, faces[-1], 2))
    drawn = SimulatedLadder(
        trial=None,  # type: ignore[arg-type]
        base=-1.5 + 0.8 * hidden[:, 0],
        pull=0.9 / (1 + np.exp(-1.5 * hidden[:, 1])),
        bother=0.25 * (hidden[:, 0] > 0.5),
        margin=3000 * np.exp(0.4 * hidden[:, 2]),
        uses=0.3 + 0.5 / (1 + np.exp(-hidden[:, 1])),
        shape=shape,
        jumps=jumps or tuple(drawn_jumps.tolist()),
    )
    every = (0, *faces)
    chances = np.array([0.3, *np.linspace(1.4, 0.6, len(faces)) * 0.7 / len(faces)])
    treatment = rng.choice(len(every), n, p=chances)
    bought = rng.random(n) < np.stack([drawn.chance(face) for face in every], axis=1)[np.arange(n), treatment]
    redeemed = bought & (treatment > 0) & (rng.random(n) < drawn.uses)
    trial = Trial(
        X=X,
        treatment=treatment.astype(np.int64),
        arms=("none", *(f"off_{face}" for face in faces)),
        propensity=np.tile(chances, (n, 1)),
        value=bought * drawn.margin * rng.lognormal(-0.18, 0.6, n),
        cost=redeemed * np.array(every, dtype=float)[treatment],
        outcomes={"redeemed": redeemed.astype(float)},
    )
    return SimulatedLadder(**{**drawn.__dict__, "trial": trial})

"""How good the desk is: what the detectors miss, how often they are right, and how far reviewers agree.

Recall without bias: of redemptions that nothing flagged a random slice is judged blind (``audit_slice``), so the
abusive share of that slice stands for all that was not flagged. Intervals are 95 %: those of shares after Jeffreys
(Brown, Cai and DasGupta 2001), that of the recall from 20,000 draws of the two shares behind it, that of kappa from
2,000 resamples of the pairs (seed fixed).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

DRAWS, RESAMPLES, SEED = 20_000, 2_000, 20260501


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``n`` with an interval; ``value`` is None where nothing was judged."""

    hits: int
    n: int
    value: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Recall:
    """Of the abusive redemptions, the share that was flagged; ``missed`` of them were not, by the audit."""

    value: float
    low: float
    high: float
    missed: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of ``n`` cases judged twice: the share of equal verdicts, and Cohen's (1960) kappa, which takes out chance.

    ``kappa`` is None where both gave one and the same verdict throughout: chance alone would agree as well.
    """

    n: int
    equal: Share
    kappa: float | None
    low: float
    high: float


def share_of(hits: int, n: int) -> Share:
    """A share with its Jeffreys interval.

    >>> share = share_of(2, 50)
    >>> round(share.low, 3), share.value, round(share.high, 3)
    (0.008, 0.04, 0.122)
    """
    if n == 0:
        return Share(0, 0, None, 0.0, 1.0)
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits + 0.5, n - hits + 0.5))
    high = 1.0 if hits == n else float(beta.ppf(0.975, hits + 0.5, n - hits + 0.5))
    return Share(hits, n, hits / n, low, high)


def recall_of(flagged: int, right: Share, unflagged: int, missed: Share) -> Recall | None:
    """The recall of the detectors over redemptions.

    Args:
        flagged: redemptions of users that a case had named by the end of their round.
        right: of those that were judged, how many were abusive.
        unflagged: all the others.
        missed: of the slice of them that was judged blind, how many were abusive.

    None while one of the two shares is not known, or nothing abusive is expected at all.
    """
    if right.value is None or missed.value is None:
        return None
    caught, lost = flagged * right.value, unflagged * missed.value
    if caught + lost == 0:
        return None
    rng = np.random.default_rng(SEED)
    found = flagged * rng.beta(right.hits + 0.5, right.n - right.hits + 0.5, DRAWS)
    gone = unflagged * rng.beta(missed.hits + 0.5, missed.n - missed.hits + 0.5, DRAWS)
    total = found + gone
    drawn = np.divide(found, total, out=np.zeros(DRAWS), where=total > 0)
    low, high = np.quantile(drawn, [0.025, 0.975])
    value = caught / (caught + lost)
    return Recall(value, min(float(low), value), max(float(high), value), lost)


def agreement_of(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Agreement of first and second verdicts, one pair per case that was judged twice."""
    n = len(pairs)
    equal = share_of(sum(first == second for first, second in pairs), n)
    if n == 0:
        return Agreement(0, equal, None, -1.0, 1.0)
    names = {name: place for place, name in enumerate(sorted({name for pair in pairs for name in pair}))}
    coded = np.array([[names[first], names[second]] for first, second in pairs])
    kappa = _kappa(coded, len(names))
    rng = np.random.default_rng(SEED)
    drawn = [_kappa(coded[rng.integers(0, n, n)], len(names)) for _ in range(RESAMPLES)]
    known = np.array([value for value in drawn if value is not None])
    if kappa is None or not len(known):
        return Agreement(n, equal, kappa, -1.0, 1.0)
    low, high = np.quantile(known, [0.025, 0.975])
    return Agreement(n, equal, kappa, float(low), float(high))


def _kappa(coded: np.ndarray[tuple[int, int], np.dtype[np.int64]], kinds: int) -> float | None:
    counts = np.zeros((kinds, kinds))
    np.add.at(counts, (coded[:, 0], coded[:, 1]), 1)
    shares = counts / counts.sum()
    by_chance = float(shares.sum(axis=1) @ shares.sum(axis=0))
    if by_chance >= 1 - 1e-12:
        return None
    return (float(np.trace(shares)) - by_chance) / (1 - by_chance)

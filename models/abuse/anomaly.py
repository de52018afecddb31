"""A tabular anomaly detector without labels, for the days before the first verdict: fit on the past, score new rows.

In: rows of numbers (n, d), high and low alike being no fault. Out: one score per row, higher being stranger, and
what each column adds to it. Two views that fail on different anomalies are averaged on one scale:

* the margins, as in ECOD (Li et al. 2022): how far out in its column each value lies, summed as if independent;
* the company, as in LeSiNN (Pang et al. 2015): the distance to the nearest of a few rows drawn at random, averaged over
  many draws, on columns turned to normal scores so that neither units nor skew weigh.

Both sizes of the draws are those of the papers. Neither view sees a value in the gap between two heaps of its column.
A missing value counts as an ordinary one of its column. Cost: one sort of at most ``SAMPLE`` values per column, then
linear in rows times columns; memory does not grow with the rows scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from features.errors import InputError

Floats = NDArray[np.float64]
SAMPLE = 100_000  # past rows behind the margins; a tail of one in 100,000 is far enough out
DRAWS, DRAWN = 50, 8
_SCALED = 20_000  # past rows behind the two scales
_CHUNK = 32_768
_ORDINARY = 1.0 + np.log(2.0)  # the mean of -log of the nearer tail of a continuous column


@dataclass(frozen=True)
class _Scale:
    """A view's mean and deviation over past rows; no deviation means that the view says nothing."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Floats) -> _Scale:
        return cls(float(values.mean()), float(values.std()))

    @property
    def factor(self) -> float:
        return 0.5 / self.deviation if self.deviation > 1e-9 else 0.0


class AnomalyDetector:
    """Scores rows by their margins and their company; deterministic by ``seed``.

    Fitted: ``columns_`` (d). Raises InputError for what is no table of numbers, and for rows of another width.
    """

    def __init__(self, seed: int = 0, draws: int = DRAWS, drawn: int = DRAWN) -> None:
        self.seed = seed
        self.draws = draws
        self.drawn = drawn

    def fit(self, X: ArrayLike) -> AnomalyDetector:
        """Learn what is ordinary from past rows X (n, d), n >= 2; some of them may be anomalies."""
        rows = _table(X)
        if len(rows) < 2:
            raise InputError("X", f"{len(rows)} rows", "at least 2 past rows")
        rng = np.random.default_rng(self.seed)
        past = rows if len(rows) <= SAMPLE else rows[np.sort(rng.choice(len(rows), SAMPLE, replace=False))]
        self.columns_ = rows.shape[1]
        self._sorted = [np.sort(column[~np.isnan(column)]) for column in past.T]
        scores = self._margins(past)[1]
        size = min(self.drawn, len(past))
        self._company = [scores[rng.choice(len(past), size, replace=False)] for _ in range(self.draws)]
        some = past if len(past) <= _SCALED else past[rng.choice(len(past), _SCALED, replace=False)]
        tails, scores = self._margins(some)
        self._scales = _Scale.of(tails.sum(axis=1)), _Scale.of(self._distances(scores))
        return self

    def score(self, X: ArrayLike) -> Floats:
        """The strangeness (n,) of rows X (n, d): the mean of both views, each in its standard deviations."""
        rows = self._asked(X)
        found = np.empty(len(rows))
        for start in range(0, len(rows), _CHUNK):
            tails, scores = self._margins(rows[start : start + _CHUNK])
            found[start : start + _CHUNK] = self._together(tails.sum(axis=1), self._distances(scores))
        return found

    def contributions(self, X: ArrayLike) -> Floats:
        """What each column adds (n, d): rows sum to ``score(X)`` up to one constant, the same for all rows."""
        rows = self._asked(X)
        found = np.empty(rows.shape)
        for start in range(0, len(rows), _CHUNK):
            tails, scores = self._margins(rows[start : start + _CHUNK])
            near = np.zeros_like(scores)
            for company in self._company:
                squares = (scores - company[_nearest(scores, company)[0]]) ** 2
                distance = np.sqrt(squares.sum(axis=1, keepdims=True))
                near += np.divide(squares, distance, out=np.zeros_like(squares), where=distance > 0)
            margin, nearness = self._scales
            found[start : start + _CHUNK] = tails * margin.factor + near / self.draws * nearness.factor
        return found

    def _asked(self, X: ArrayLike) -> Floats:
        rows = _table(X)
        if rows.shape[1] != self.columns_:
            raise InputError("X", f"{rows.shape[1]} columns", f"the {self.columns_} columns of the past rows")
        return rows

    def _together(self, tails: Floats, distances: Floats) -> Floats:
        margin, nearness = self._scales
        return (tails - margin.mean) * margin.factor + (distances - nearness.mean) * nearness.factor

    def _margins(self, rows: Floats) -> tuple[Floats, Floats]:
        """-log of the nearer tail and the normal score of every value (n, d), by the past rows and the value itself."""
        tails, scores = np.full(rows.shape, _ORDINARY), np.zeros(rows.shape)
        for j, past in enumerate(self._sorted):
            known = ~np.isnan(rows[:, j])
            values, n = rows[known, j], len(past) + 1
            upto = np.searchsorted(past, values, "right") + 1
            below = np.searchsorted(past, values, "left")
            tails[known, j] = -np.log(np.minimum(upto, n - below) / n)
            scores[known, j] = ndtri((upto + below) / (2 * n))
        return tails, scores

    def _distances(self, scores: Floats) -> Floats:
        total = np.zeros(len(scores))
        for company in self._company:
            total += np.sqrt(_nearest(scores, company)[1])
        return total / self.draws


def _nearest(scores: Floats, company: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The position of the nearest of a few rows, and the squared distance to it."""
    # Left without the row's own square until the end: it moves no minimum, and that saves a pass.
    squares = (company**2).sum(axis=1) - 2.0 * (scores @ company.T)
    at = squares.argmin(axis=1)
    own = np.einsum("ij,ij->i", scores, scores)
    return at, np.maximum(squares[np.arange(len(at)), at] + own, 0.0)


def _table(X: ArrayLike) -> Floats:
    try:
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("X", "values that are no numbers", "a table of numbers") from error
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InputError("X", rows.shape, "a table of rows and columns")
    return rows

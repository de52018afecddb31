"""Value against spend: what each policy would earn at every budget, measured on units it has not learnt from.

Every policy is a path of choices over budgets (:mod:`models.policy.path`). Both axes are measured, not predicted:
doubly robust scores of value and of cost say what the choices earn and spend per unit above giving offer 0 to
everybody, so a policy that misjudges its costs reaches a budget earlier than it thinks. At a budget the policy stands
where its measured spend meets it; beyond the end of its path it spends no more and its curve is flat.

The interval is the delta method's at each budget b: a unit moves the value by its own gain less the marginal value of
a cent times its own spend, gain_i - V(b) - V'(b) (spend_i - b). Covariances over all policies and budgets are kept, so
that differences, areas and the way to the end of a curve have paired intervals.

Source: Sverdrup, Wu, Athey & Wager, "Qini curves for multi-armed treatment rules", JCGS (2025; grf-labs/maq), where
costs are known; here they are estimated too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.curves import BudgetCurves as BudgetCurves
from models.policy.curves import Line as Line
from models.policy.intervals import codes
from models.policy.path import Path
from models.policy.price import Floats, Ints, matrix

Small = NDArray[np.int16]

POINTS = 25
_SLOPE_REACH = 0.05  # share of a path's spend on either side over which its marginal value is measured
_CHUNK = 20_000


@dataclass(frozen=True)
class Scored:
    """Held-out units: doubly robust scores of value and cost, both (n, K), and cluster names (n,) or None."""

    value: Floats
    cost: Floats
    cluster: NDArray[np.intp] | None = None

    @classmethod
    def of(cls, value: ArrayLike, cost: ArrayLike, cluster: ArrayLike | None = None) -> Scored:
        """Check the scores and measure both against offer 0."""
        values, costs = matrix("scores.value", value), matrix("scores.cost", cost)
        if values.shape != costs.shape:
            raise InputError("scores.cost", costs.shape, f"the shape of scores.value, {values.shape}")
        if len(values) < 2:
            raise InputError("scores.value", values.shape, "scores of at least two units")
        return cls(values - values[:, :1], costs - costs[:, :1], codes(cluster, len(values)))


def budget_curve(
    scored: Scored,
    policies: Mapping[str, tuple[ArrayLike, ArrayLike]],
    budgets: ArrayLike | None = None,
    level: float = 0.95,
) -> BudgetCurves:
    """Curves of policies on held-out units.

    Args:
        scored: measured value and cost of every offer for each unit.
        policies: by name, predicted value and cost (n, K) of the offers, from models that saw other units; effects or
            levels. Rows are constant for a policy that tells nobody apart.
        budgets: (m,) spends per unit, ascending; by default from 0 to the most that any policy spends.
    """
    if not policies:
        raise InputError("policies", "none", "at least one policy")
    paths = []
    for name, (value, cost) in policies.items():
        if np.shape(value) != scored.value.shape or np.shape(cost) != scored.value.shape:
            raise InputError(f"policies.{name}", (np.shape(value), np.shape(cost)), f"two tables {scored.value.shape}")
        paths.append(_Measured.of(Path.of(value, cost), scored))
    grid = _grid(budgets, paths)
    stands = [[path.stand(float(budget)) for budget in grid] for path in paths]
    covariance, independent = _covariance(scored, stands)
    return BudgetCurves(
        names=tuple(policies),
        budgets=grid,
        value=np.array([[stand.value for stand in row] for row in stands]),
        covariance=covariance,
        spends=np.array([path.spend[-1] for path in paths]),
        independent=independent,
        level=level,
    )


@dataclass(frozen=True)
class _Stand:
    """Where a policy stands at a budget: ``share`` of the way between the choices ``low`` and ``high`` (n,).

    There is one for every policy and budget, so choices are kept in two bytes.
    """

    low: Small
    high: Small
    share: float
    value: float
    spend: float
    marginal: float


@dataclass(frozen=True)
class _Measured:
    """A path with the measured gain and spend per unit (b + 1,) after each block; ``highest`` spend so far."""

    path: Path
    gain: Floats
    spend: Floats
    highest: Floats

    @classmethod
    def of(cls, path: Path, scored: Scored) -> _Measured:
        n = len(scored.value)
        spend = path.along(scored.cost) / n
        return cls(path, path.along(scored.value) / n, spend, np.maximum.accumulate(spend))

    def stand(self, budget: float) -> _Stand:
        last = len(self.spend) - 1
        if budget < self.spend[0]:
            offer = self.path.start.astype(np.int16)
            return _Stand(offer, offer, 0.0, math.nan, math.nan, math.nan)
        if budget >= self.highest[-1]:
            offer = self.path.held(last).astype(np.int16)
            return _Stand(offer, offer, 0.0, float(self.gain[-1]), float(self.spend[-1]), 0.0)
        block, share = self._position(budget)
        value = float(self.gain[block] + share * (self.gain[block + 1] - self.gain[block]))
        low, high = (self.path.held(at).astype(np.int16) for at in (block, block + 1))
        return _Stand(low, high, share, value, budget, self._marginal(budget))

    def _position(self, budget: float) -> tuple[int, float]:
        """Blocks bought whole, and the share of the next, where the measured spend first reaches the budget."""
        block = int(np.searchsorted(self.highest, budget)) - 1
        if block < 0:
            return 0, 0.0
        below, above = float(self.spend[block]), float(self.spend[block + 1])
        return block, min(max((budget - below) / (above - below), 0.0), 1.0)

    def _marginal(self, budget: float) -> float:
        """Gain per spend around the budget."""
        reach = _SLOPE_REACH * float(self.highest[-1] - self.spend[0])
        low, high = max(budget - reach, float(self.spend[0])), min(budget + reach, float(self.highest[-1]))
        gains = []
        for at in (low, high):
            if at >= self.highest[-1]:
                gains.append(float(self.gain[int(self.highest.argmax())]))
                continue
            block, share = self._position(at)
            gains.append(float(self.gain[block] + share * (self.gain[block + 1] - self.gain[block])))
        return (gains[1] - gains[0]) / (high - low) if high > low else 0.0


def _grid(budgets: ArrayLike | None, paths: Sequence[_Measured]) -> Floats:
    if budgets is None:
        most = max(float(path.highest[-1]) for path in paths)
        return np.linspace(0.0, max(most, 0.0), POINTS) if most > 0 else np.zeros(1)
    grid = np.asarray(budgets, dtype=np.float64)
    if grid.ndim != 1 or not len(grid) or not np.isfinite(grid).all():
        raise InputError("budgets", grid.shape, "finite spends per unit, shape (m,)")
    if (np.diff(grid) <= 0).any() or grid[0] < 0:
        raise InputError("budgets", grid.tolist()[:5], "spends >= 0 in ascending order")
    return grid


def _covariance(scored: Scored, stands: Sequence[Sequence[_Stand]]) -> tuple[Floats, int]:
    """Covariance (P, m, P, m) of the values, summed over chunks of whole clusters."""
    flat = [stand for row in stands for stand in row]
    square = np.zeros((len(flat), len(flat)))
    independent = 0
    for rows, groups in _chunks(scored):
        influence = np.stack([_influence(scored, stand, rows) for stand in flat], axis=1)
        if groups is not None:
            influence = np.add.reduceat(influence, groups, axis=0)
        square += influence.T @ influence
        independent += len(influence)
    n = len(scored.value)
    if independent < 2:
        raise InputError("cluster", independent, "at least two clusters of units")
    shape = (len(stands), len(stands[0]))
    return (square * (independent / (independent - 1) / n**2)).reshape(shape * 2), independent


def _influence(scored: Scored, stand: _Stand, rows: Ints) -> Floats:
    """How far each of the rows moves the value at this stand, times n."""
    if math.isnan(stand.value):
        return np.full(len(rows), math.nan)
    low, high = stand.low[rows], stand.high[rows]
    result: Floats = _priced(scored, stand, rows, low)
    if stand.share:
        moves = np.flatnonzero(low != high)
        later = _priced(scored, stand, rows[moves], high[moves])
        result[moves] += stand.share * (later - result[moves])
    return result


def _priced(scored: Scored, stand: _Stand, rows: Ints, offer: Small) -> Floats:
    gain: Floats = scored.value[rows, offer] - stand.value
    if stand.marginal:
        gain -= stand.marginal * (scored.cost[rows, offer] - stand.spend)
    return gain


def _chunks(scored: Scored) -> Iterator[tuple[Ints, Ints | None]]:
    """Rows in pieces, and where each cluster starts within the piece."""
    n = len(scored.value)
    if scored.cluster is None:
        for start in range(0, n, _CHUNK):
            yield np.arange(start, min(start + _CHUNK, n)), None
        return
    order = np.argsort(scored.cluster, kind="stable")
    starts = np.flatnonzero(np.diff(scored.cluster[order], prepend=-1))
    begin = 0
    while begin < len(starts):
        end = max(int(np.searchsorted(starts, starts[begin] + _CHUNK)), begin + 1)
        stop = starts[end] if end < len(starts) else n
        yield order[starts[begin] : stop], starts[begin:end] - starts[begin]
        begin = end

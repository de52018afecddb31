"""Were the arms drawn as the propensities say? Features must be alike in all arms, and no unit's chance near zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.policy.intervals import codes
from models.report import Words
from models.uplift.checks.check import SURE, Check, mean_is_zero
from models.uplift.encoding import Encoding
from models.uplift.trial import Trial

Matrix = NDArray[np.float64]

_RAREST = 0.01
_LEVELS = 20
_ROWS = 50_000  # for the joint test and the estimated chances: enough to see what matters
_CELLS = 20_000_000
_FEWEST = 500  # units below which estimated chances are noise
_UNLIKE = 0.1  # an estimated chance below this share of the given one contradicts it
_FEW_UNITS = 0.02


@dataclass(frozen=True)
class Design:
    """Features as numbers: ``matrix`` (n, c), a level or a missing value as 0 or 1, and the columns' ``names``."""

    matrix: Matrix
    names: tuple[str, ...]
    cluster: NDArray[np.intp] | None

    @classmethod
    def of(cls, trial: Trial) -> Design:
        """Numbers with the mean where they are missing; of categories the first levels."""
        encoding = Encoding.learn(trial.X)
        X = encoding.matrix(trial.X)
        columns, names = [], []
        for i, name in enumerate(encoding.features):
            missing = ~np.isfinite(X[:, i])
            if name in encoding.levels:
                levels = encoding.levels[name][:_LEVELS]
                columns += [(X[:, i] == code).astype(float) for code in range(len(levels))]
                names += [f"{name} = {level}" for level in levels]
            else:
                known = X[~missing, i]
                columns.append(np.where(missing, known.mean() if len(known) else 0.0, X[:, i]))
                names.append(name)
            if missing.any():
                columns.append(missing.astype(float))
                names.append(f"{name} is missing")
        cluster = None if trial.cluster is None else codes(trial.cluster.astype(str), len(trial))
        matrix = np.column_stack(columns)
        # A column of one value shows nothing, and its rounding errors would look like differences.
        varies = np.ptp(matrix, axis=0) > 1e-9 * np.abs(matrix).max(axis=0)
        return cls(matrix[:, varies], tuple(name for name, kept in zip(names, varies, strict=True) if kept), cluster)


def balance(trial: Trial, design: Design) -> Check:
    """No feature's propensity-weighted mean may differ between an arm and the control, and all together neither.

    The worst single feature (after Bonferroni) catches one broken column, the joint test many small differences;
    the smaller p of the two counts twice.
    """
    from scipy.stats import norm

    if not design.names:
        return Check("balance", True, float("nan"), Words(
            "Balance: not testable, no feature varies.", "平衡性：没有变化的特征，无法检验。"))  # fmt: skip
    z = np.abs(_differences(trial, design))
    arm, column = np.unravel_index(int(z.argmax()), z.shape)
    worst, tests = float(z[arm, column]), z.size
    worst_name = f"{design.names[column]} ({trial.arms[arm + 1]})"
    single = float(min(1.0, 2 * norm.sf(worst) * tests))
    together = _joint(trial, design)
    both = [p for p in (single, together) if np.isfinite(p)]
    p = min(1.0, len(both) * min(both))
    joint = (
        ("", "")
        if np.isnan(together)
        else (f"; all features together: p = {together:.3g}", f"；联合检验 p = {together:.3g}")
    )
    passed = p > SURE
    opening = (
        ("Balance: the", "平衡性：")
        if passed
        else ("The arms are not alike before the treatment: the", "处理前各组已不相同：")
    )
    closing = ("", "") if passed else (
        " Assignment did not follow the given chances, or units left the arms in different ways; effects below mix"
        " what the arms did with whom they held.",
        "分组未按给定概率进行，或各组流失不同；以下效果混入了人群差异。")  # fmt: skip
    words = Words(
        f"{opening[0]} largest difference to the control is in {worst_name}: {worst:.1f} standard errors"
        f" (p = {single:.3g} after {tests} comparisons{joint[0]}).{closing[0]}",
        f"{opening[1]}与对照组差异最大的是 {worst_name}，{worst:.1f} 个标准误（{tests} 次比较，"
        f"校正后 p = {single:.3g}{joint[1]}）。{closing[1]}",
    )
    return Check("balance", passed, p, words)


def overlap(trial: Trial, design: Design) -> Check:
    """A unit whose arm had a chance of 1 in 500 counts 500 times; chances estimated from features must not vanish."""
    least = float(trial.taken.min())
    if least < _RAREST:
        return Check("overlap", False, least, Words(
            f"Overlap: the smallest probability of an arm that was taken is {least:.3g}, so single units count"
            f" {1 / least:,.0f} times and decide the figures below.",
            f"重叠性：已分配组的最小概率为 {least:.3g}，个别单位的权重达 {1 / least:,.0f} 倍。"))  # fmt: skip
    unlike, arm = _contradicted(trial, design)
    if unlike > _FEW_UNITS:
        return Check("overlap", False, least, Words(
            f"Overlap: judged by their features, {unlike:.1%} of the units could hardly have got {trial.arms[arm]}"
            " (less than a tenth of the given chance). The given propensities are not those that were used.",
            f"重叠性：从特征看，{unlike:.1%} 的单位几乎不可能分到 {trial.arms[arm]}（不足所给概率的十分之一）；"
            "所给概率不是实际使用的概率。"))  # fmt: skip
    return Check("overlap", True, least, Words(
        f"Overlap: the smallest probability of an arm that was taken is {least:.3g}.",
        f"重叠性：已分配组的最小概率为 {least:.3g}。"))  # fmt: skip


def _differences(trial: Trial, design: Design) -> Matrix:
    """(K - 1, c) differences of each arm's weighted means to the control's, in standard errors by cluster."""
    weight, X = 1 / trial.taken, design.matrix
    means, sums = [], []
    for arm in range(len(trial.arms)):
        rows = np.flatnonzero(trial.treatment == arm)
        share = weight[rows] / weight[rows].sum()
        means.append(share @ X[rows])
        off = share[:, None] * (X[rows] - means[-1])
        # Clusters may lie in several arms, rows do not: their variances simply add.
        sums.append(_by_cluster(off, design.cluster, rows) if design.cluster is not None else (off**2).sum(axis=0))
    gap = np.stack(means[1:]) - means[0]
    if design.cluster is None:
        variance = (np.stack(sums[1:]) + sums[0]) * (len(trial) / (len(trial) - 1))
    else:
        parts = len(sums[0])
        variance = np.stack([((one - sums[0]) ** 2).sum(axis=0) for one in sums[1:]]) * (parts / max(parts - 1, 1))
    certain = np.where(np.abs(gap) < 1e-12, 0.0, np.inf)
    result: Matrix = np.divide(gap, np.sqrt(variance), out=certain, where=variance > 0)
    return result


def _by_cluster(off: Matrix, cluster: NDArray[np.intp], rows: NDArray[np.intp]) -> Matrix:
    """(G, c) sums over the rows of every cluster, also of those without any."""
    groups = int(cluster.max()) + 1
    return np.stack([np.bincount(cluster[rows], column, groups) for column in off.T], axis=1)


def _joint(trial: Trial, design: Design) -> float:
    """Hotelling's test on all features and arms at once; NaN when they are too many for the units."""
    arms = len(trial.arms)
    moments = len(design.names) * (arms - 1)
    most = min(_ROWS, _CELLS // moments)
    if moments * 10 > min(most, len(trial)):
        return float("nan")
    rows = _some(len(trial), most, design.cluster)
    weight, arm = 1 / trial.taken[rows], trial.treatment[rows]
    X = design.matrix[rows] - np.average(design.matrix[rows], axis=0, weights=weight)
    inverse = np.eye(arms)[arm] * weight[:, None]
    contrast = inverse[:, 1:] - inverse[:, :1]
    table = (contrast[:, :, None] * X[:, None, :]).reshape(len(rows), -1)
    return mean_is_zero(table, None if design.cluster is None else codes(design.cluster[rows], len(rows)))


def _contradicted(trial: Trial, design: Design) -> tuple[float, int]:
    """Largest share of units whose estimated chance of an arm is far below the given one, and that arm."""
    from sklearn.linear_model import LogisticRegression

    if len(trial) < _FEWEST or not design.names or not np.isfinite(trial.propensity).all():
        return 0.0, 0
    rows = _some(len(trial), _ROWS // 2, None)
    X = design.matrix[rows]
    scale = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    worst, worst_arm, half = 0.0, 0, np.arange(len(rows)) % 2 == 0
    for arm in range(len(trial.arms)):
        taken = trial.treatment[rows] == arm
        if min(taken[half].sum(), taken[~half].sum()) < 2 * _LEVELS:
            continue
        chance = np.empty(len(rows))
        for train, held_out in ((half, ~half), (~half, half)):
            model = LogisticRegression(solver="newton-cholesky").fit(X[train], taken[train])
            chance[held_out] = model.predict_proba(X[held_out])[:, 1]
        unlike = float(np.mean(chance < _UNLIKE * trial.propensity[rows, arm]))
        if unlike > worst:
            worst, worst_arm = unlike, arm
    return worst, worst_arm


def _some(n: int, most: int, cluster: NDArray[np.intp] | None) -> NDArray[np.intp]:
    """At most about ``most`` of n rows drawn at random, whole clusters where there are any."""
    if n <= most:
        return np.arange(n)
    rng = np.random.default_rng(0)
    if cluster is None:
        return np.sort(rng.permutation(n)[:most])
    kept = rng.random(int(cluster.max()) + 1) < most / n
    return np.flatnonzero(kept[cluster])

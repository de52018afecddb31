"""Is the experiment sound? A trial that fails here is judged all the same, under a first line that says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.report import Words
from models.uplift.encoding import Encoding
from models.uplift.trial import Trial

SURE = 0.001  # checks run on every trial, so one in a thousand may fail by chance
_RAREST = 0.01
_FEWEST = 100


@dataclass(frozen=True)
class Check:
    """One check: ``name`` is flat and permanent, ``figure`` what was measured, ``words`` what it means."""

    name: str
    passed: bool
    figure: float
    words: Words


def check_trial(trial: Trial) -> tuple[Check, ...]:
    """All checks, in the order in which they matter."""
    return (_ratio(trial), _balance(trial), _overlap(trial), _size(trial))


def _ratio(trial: Trial) -> Check:
    """Sample ratio: do the arms have the sizes that the propensities promise? Pearson's chi-squared."""
    from scipy.stats import chi2

    known = np.isfinite(trial.propensity).all()
    if trial.empirical or not known:
        return Check("sample_ratio", True, float("nan"), Words(
            "Sample ratio: not testable, no design propensities were given for all arms.",
            "样本比例：未给出全部组的设计概率，无法检验。"))  # fmt: skip
    expected = trial.propensity.sum(axis=0)
    counts = np.bincount(trial.treatment, minlength=len(trial.arms))
    p = float(chi2.sf(((counts - expected) ** 2 / expected).sum(), len(counts) - 1))
    found, planned = (", ".join(f"{size:.0f}" for size in sizes) for sizes in (counts, expected))
    words = Words(
        f"Sample ratio: arms have {found} units, {planned} were planned (p = {p:.3g}).",
        f"样本比例：各组实际 {found}，计划 {planned}（p = {p:.3g}）。",
    )
    return Check("sample_ratio", p > SURE, p, words)


def _balance(trial: Trial) -> Check:
    """Balance: no feature's propensity-weighted mean may differ between an arm and the control beyond chance."""
    from scipy.stats import norm

    X = Encoding.learn(trial.X)
    columns, names = _columns(X.matrix(trial.X), X)
    worst, worst_name, tests = 0.0, "-", 0
    weight = 1 / trial.taken
    for arm in range(1, len(trial.arms)):
        for column, name in zip(columns, names, strict=True):
            z = abs(_z(column, weight, trial.treatment == arm, trial.treatment == 0))
            tests += 1
            if z > worst:
                worst, worst_name = z, f"{name} ({trial.arms[arm]})"
    p = float(min(1.0, 2 * norm.sf(worst) * tests))
    words = Words(
        f"Balance: the largest difference to the control is in {worst_name}: {worst:.1f} standard errors"
        f" (p = {p:.3g} after {tests} comparisons).",
        f"平衡性：与对照组差异最大的是 {worst_name}，{worst:.1f} 个标准误（{tests} 次比较，校正后 p = {p:.3g}）。",
    )
    return Check("balance", p > SURE, p, words)


def _overlap(trial: Trial) -> Check:
    """Overlap: a unit whose arm had a chance of 1 in 500 counts 500 times."""
    least = float(trial.taken.min())
    return Check("overlap", least >= _RAREST, least, Words(
        f"Overlap: the smallest probability of an arm that was taken is {least:.3g}.",
        f"重叠性：已分配组的最小概率为 {least:.3g}。"))  # fmt: skip


def _size(trial: Trial) -> Check:
    """Size: fewer units in an arm than this and nearly every interval holds zero."""
    counts = np.bincount(trial.treatment, minlength=len(trial.arms))
    least, arm, rows = int(counts.min()), trial.arms[int(counts.argmin())], len(trial)
    if least >= _FEWEST:
        words = Words(
            f"Size: {rows:,} rows; the smallest arm is {arm} with {least:,} units.",
            f"规模：共 {rows:,} 行；最小的组是 {arm}，共 {least:,} 个单位。",
        )
    else:
        words = Words(
            f"Size: the trial has only {rows:,} rows, {least} of them in its smallest arm ({arm}); below {_FEWEST} in"
            " an arm hardly anything can be told apart.",
            f"规模：试验仅 {rows:,} 行，最小的组（{arm}）只有 {least} 个单位；一组少于 {_FEWEST} 个时几乎无法区分。",
        )
    return Check("arm_size", least >= _FEWEST, float(least), words)


def _columns(X: np.ndarray, encoding: Encoding) -> tuple[list[np.ndarray], list[str]]:
    """Numbers as they are, a level or a missing value as 0 or 1."""
    columns, names = [], []
    for i, name in enumerate(encoding.features):
        missing = ~np.isfinite(X[:, i])
        if name in encoding.levels:
            levels = encoding.levels[name][:20]
            columns += [(X[:, i] == code).astype(float) for code in range(len(levels))]
            names += [f"{name} = {level}" for level in levels]
        else:
            known = X[~missing, i]
            columns.append(np.where(missing, known.mean() if len(known) else 0.0, X[:, i]))
            names.append(name)
        if missing.any():
            columns.append(missing.astype(float))
            names.append(f"{name} is missing")
    return columns, names


def _z(column: np.ndarray, weight: np.ndarray, treated: np.ndarray, control: np.ndarray) -> float:
    mean, error = 0.0, 0.0
    for sign, rows in ((1.0, treated), (-1.0, control)):
        w, x = weight[rows], column[rows]
        centre = float(np.average(x, weights=w))
        mean += sign * centre
        error += float(np.sum((w * (x - centre)) ** 2) / w.sum() ** 2)
    return mean / np.sqrt(error) if error > 0 else 0.0

"""Did the arms get the units that the design promised them, overall and at all times?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.policy.intervals import codes
from models.report import Words
from models.uplift.checks.check import SURE, Check, chi_squared, mean_is_zero
from models.uplift.trial import Trial

Matrix = NDArray[np.float64]

_PERIODS = 20
_FEWEST_A_PERIOD = 30  # units per arm and period, below which chi-squared is no good
_ONE_LOOK = Words(
    "The p-value is for one look: a ratio that is watched daily crosses such limits more often by chance.",
    "p 值仅适用于一次检验；若每天查看比例，偶然越界会更常见。",
)


def sample_ratio(trial: Trial) -> Check:
    """Do the arms have the sizes that the propensities promise? Pearson's chi-squared; clusters count as one."""
    if trial.empirical or not np.isfinite(trial.propensity).all():
        return Check("sample_ratio", True, float("nan"), Words(
            "Sample ratio: not testable, no design propensities were given for all arms.",
            "样本比例：未给出全部组的设计概率，无法检验。"))  # fmt: skip
    taken = np.eye(len(trial.arms))[trial.treatment]
    counts, expected = taken.sum(axis=0), trial.propensity.sum(axis=0)
    if trial.missing is not None and (trial.propensity == trial.propensity[0]).all():
        # Units without an outcome were assigned all the same; their loss is what attrition is about.
        counts, expected = counts + trial.missing, expected + trial.propensity[0] * trial.missing.sum()
    if trial.cluster is None:
        p = chi_squared(counts, expected, len(counts) - 1)
    else:
        p = mean_is_zero((taken - trial.propensity)[:, 1:], codes(trial.cluster.astype(str), len(trial)))
    found, planned = (", ".join(f"{size:.0f}" for size in sizes) for sizes in (counts, expected))
    if p <= SURE:
        words = Words(
            f"Sample ratio mismatch: the arms have {found} units where {planned} were planned (p = {p:.3g}). Units were"
            " lost, added or sent to other arms on the way, so the arms may not be comparable; find out why first.",
            f"样本比例不符：各组实际 {found}，计划 {planned}（p = {p:.3g}）。"
            "途中有单位丢失、增加或换组，各组可能不可比；请先查明原因。",
        )
    else:
        words = Words(
            f"Sample ratio: arms have {found} units, {planned} were planned (p = {p:.3g}).",
            f"样本比例：各组实际 {found}，计划 {planned}（p = {p:.3g}）。",
        )
    return Check("sample_ratio", not p <= SURE, p, words)


def sample_ratio_over_time(trial: Trial) -> Check:
    """Is the ratio as promised in every period (or, with no promise, the same in every period)?"""
    name = "sample_ratio_over_time"
    periods = _periods(trial)
    if periods is None:
        return Check(name, True, float("nan"), Words(
            "Sample ratio over time: not testable without a time column and a few hundred units per arm.",
            "分时段样本比例：没有时间列或各组单位过少，无法检验。"))  # fmt: skip
    given = not trial.empirical and bool(np.isfinite(trial.propensity).all())
    arms = len(trial.arms)
    taken = np.eye(arms)[trial.treatment]
    chance = trial.propensity if given else np.tile(taken.mean(axis=0), (len(trial), 1))
    counts, expected = _by_period(taken, periods), _by_period(chance, periods)
    if trial.cluster is None:
        p = chi_squared(counts, expected, (len(counts) - (not given)) * (arms - 1))
    else:
        inside = np.eye(len(counts))[periods][:, 1 if not given else 0 :]
        moments = (inside[:, :, None] * (taken - chance)[:, None, 1:]).reshape(len(trial), -1)
        p = mean_is_zero(moments, codes(trial.cluster.astype(str), len(trial)))
    gap = (counts - expected) / np.sqrt(np.maximum(expected, 1e-12))
    period, arm = np.unravel_index(np.abs(gap).argmax(), gap.shape)
    share, promised = (table[period, arm] / table[period].sum() for table in (counts, expected))
    assert trial.time is not None
    start = np.datetime_as_string(trial.time[periods == period].min(), unit="D")
    if p <= SURE:
        words = Words(
            f"The split changed over time (p = {p:.3g}): from {start} on, {trial.arms[arm]} got {share:.1%} of the"
            f" units instead of {promised:.1%}. Give the chances of each period as propensities, or leave the period"
            " out; otherwise seasons are read as effects.",
            f"分流比例随时间变化（p = {p:.3g}）：自 {start} 起 {trial.arms[arm]} 占 {share:.1%}，而非 {promised:.1%}。"
            "请按时段给出概率或剔除该时段，否则会把季节差异当成效果。",
        )
    else:
        words = Words(
            f"Sample ratio over time: steady over {len(counts)} periods (p = {p:.3g}). {_ONE_LOOK.en}",
            f"分时段样本比例：{len(counts)} 个时段内稳定（p = {p:.3g}）。{_ONE_LOOK.zh}",
        )
    return Check(name, not p <= SURE, p, words)


def _periods(trial: Trial) -> NDArray[np.intp] | None:
    """(n,) number of each unit's period, periods holding about the same number of units."""
    if trial.time is None:
        return None
    rarest = int(np.bincount(trial.treatment, minlength=len(trial.arms)).min())
    wanted = min(_PERIODS, rarest // _FEWEST_A_PERIOD)
    if wanted < 2:
        return None
    stamps = trial.time.astype("datetime64[us]").astype(np.int64)
    borders = np.unique(np.quantile(stamps, np.linspace(0, 1, wanted + 1)[1:-1], method="lower"))
    found = np.unique(np.searchsorted(borders, stamps, side="left"), return_inverse=True)[1]
    return found if found.max() > 0 else None


def _by_period(table: Matrix, periods: NDArray[np.intp]) -> Matrix:
    return np.stack([np.bincount(periods, column) for column in table.T], axis=1)

"""Are the rows whole and one per unit: who is missing, who is there twice, and who may have met another's arm?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.report import Words
from models.uplift.checks.check import SURE, Check, chi_squared
from models.uplift.trial import Trial

_FEWEST = 100


def attrition(trial: Trial) -> Check:
    """Outcomes may be missing, but not more often in one arm than in another."""
    if trial.missing is None:
        return Check("attrition", True, float("nan"), Words(
            "Attrition: not testable, the table says nothing about units without an outcome.",
            "流失：数据未说明缺少结果的单位，无法检验。"))  # fmt: skip
    lost = np.asarray(trial.missing, dtype=float)
    if not lost.any():
        return Check("attrition", True, 1.0, Words(
            "Attrition: every unit has an outcome.", "流失：每个单位都有结果。"))  # fmt: skip
    table = np.stack([lost, np.bincount(trial.treatment, minlength=len(trial.arms))], axis=1)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    p = chi_squared(table, expected, len(lost) - 1)
    each = ", ".join(f"{arm} {share:.1%}" for arm, share in zip(trial.arms, lost / table.sum(axis=1), strict=True))
    if p <= SURE:
        words = Words(
            f"Attrition differs by arm: without an outcome are {each} (p = {p:.3g}). Who stayed is no longer a random"
            " half of who was drawn, so differences between arms may come from who left.",
            f"各组流失不同：缺少结果的比例为 {each}（p = {p:.3g}）。留下的单位不再随机，组间差异可能来自流失。",
        )
    else:
        words = Words(
            f"Attrition: {lost.sum():,.0f} units have no outcome and are left out, {each} (p = {p:.3g}).",
            f"流失：{lost.sum():,.0f} 个单位缺少结果而被剔除，{each}（p = {p:.3g}）。",
        )
    return Check("attrition", p > SURE, p, words)


def repeated_units(trial: Trial) -> Check:
    """A unit in several rows needs a cluster that keeps them together, and should have met one arm only."""
    name = "repeated_units"
    if trial.unit is None:
        return Check(name, True, float("nan"), Words(
            "Repeated units: not testable, no column names the unit.",
            "重复单位：没有指明单位的列，无法检验。"))  # fmt: skip
    codes = np.unique(trial.unit.astype(str), return_inverse=True)[1]
    rows_of = np.bincount(codes)
    repeated = int((rows_of > 1).sum())
    if not repeated:
        return Check(name, True, 0.0, Words("Repeated units: none.", "重复单位：无。"))
    switched = int((_distinct(codes, trial.treatment) > 1).sum())
    apart = trial.cluster is None or bool((_distinct(codes, _codes(trial.cluster)) > 1).any())
    found = Words(
        f"{repeated:,} of {len(rows_of):,} units occur in several rows, {switched:,} of them in different arms",
        f"{len(rows_of):,} 个单位中有 {repeated:,} 个出现多行，其中 {switched:,} 个出现在不同组",
    )
    if apart:
        return Check(name, False, float(repeated), Words(
            f"Repeated units: {found.en}. Rows are counted as if they were different people, so intervals are too"
            " narrow: name the unit as cluster, or keep one row per unit.",
            f"重复单位：{found.zh}。各行被当作不同的人，区间过窄；请把单位设为 cluster。"))  # fmt: skip
    carried = Words(
        "; what an earlier arm did may still act in a later row", "；较早的处理可能在后来的行中仍有影响"
    ) if switched else Words("", "")  # fmt: skip
    return Check(name, True, float(repeated), Words(
        f"Repeated units: {found.en}; their rows are kept together and count as one draw{carried.en}.",
        f"重复单位：{found.zh}；其各行归为一组，按一次抽样计算{carried.zh}。"))  # fmt: skip


def interference(trial: Trial) -> Check:
    """A note, never a failure: who lives together and got different arms may have shared an offer."""
    name = "interference"
    if trial.cluster is None:
        return Check(name, True, float("nan"), Words(
            "Interference: this table cannot show whether one unit's offer reached another (a shared household, device"
            " or code); the figures assume that it did not.",
            "相互影响：此表无法显示优惠是否影响了其他单位（同户、同设备或转发）；结果假设没有。"))  # fmt: skip
    codes = _codes(trial.cluster)
    several = np.bincount(codes) > 1
    mixed = int((_distinct(codes, trial.treatment) > 1).sum())
    if not several.any():
        return Check(name, True, 0.0, Words(
            "Interference: every cluster is a single row, so the table cannot show any.",
            "相互影响：每个 cluster 只有一行，无法从此表看出。"))  # fmt: skip
    share = mixed / int(several.sum())
    if not mixed:
        return Check(name, True, 0.0, Words(
            "Interference: units of one cluster always got the same arm; influence within clusters does no harm.",
            "相互影响：同一 cluster 的单位总在同一组，内部影响无碍。"))  # fmt: skip
    return Check(name, True, share, Words(
        f"Interference: in {mixed:,} of {int(several.sum()):,} clusters with several rows ({share:.1%}) units got"
        " different arms. If they share offers, effects are understated; compare clusters of one arm only.",
        f"相互影响：{int(several.sum()):,} 个多行 cluster 中有 {mixed:,} 个（{share:.1%}）内部分到不同组。"
        "若他们共享优惠，效果会被低估；可只比较组别一致的 cluster。"))  # fmt: skip


def arm_size(trial: Trial) -> Check:
    """Fewer units in an arm than this and nearly every interval holds zero."""
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


def _codes(cluster: NDArray[np.object_]) -> NDArray[np.intp]:
    return np.unique(cluster.astype(str), return_inverse=True)[1]


def _distinct(groups: NDArray[np.intp], values: NDArray[np.int64] | NDArray[np.intp]) -> NDArray[np.intp]:
    """(G,) number of different values in each group."""
    pairs = np.unique(np.stack([groups, values]), axis=1)
    return np.bincount(pairs[0])

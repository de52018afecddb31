"""Has a column moved between two periods? Population stability, Kolmogorov–Smirnov, and bins to look at.

PSI is the sum over bins of (now - before) * ln(now / before), over the reference's tenths and a bin for missing values
(Siddiqi, "Credit Risk Scorecards", 2006, with the usual thresholds .1 and .2); empty bins count as half a row. KS is
the largest distance of the two distributions, with its asymptotic p-value (Smirnov 1948).

PSI of two samples of one distribution is not 0: divided by (1/n + 1/m) it is about chi-squared with (bins - 1) degrees
of freedom (Yurdakul and Naranjo 2020). So the thresholds stand on top of that mean, and what chance alone would bring
more often than once in a hundred is never called a drift, however few the rows.

Counting is Ibis, on every engine: one ladder of distinct values with the rows of either side up to each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import selectors
from numpy.typing import NDArray
from scipy.special import kolmogorov
from scipy.stats import chi2

from features.errors import InputError

WARN, FAIL = 0.1, 0.2
CHANCE = 0.01
BINS = 10
FEWEST = 50
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """One column: ``before`` and ``now`` are shares by bin, ``state`` is pass, warn, fail or few (too few rows).

    ``excess`` is what is left of ``psi`` without that which chance brings on average, ``chance`` how likely two samples
    of one distribution differ as much. The last bin of numbers is the missing ones; words have a bin each, ``labels``.
    """

    name: str
    psi: float
    excess: float
    chance: float
    ks: float | None
    p_value: float | None
    missing_before: float
    missing_now: float
    rows_before: int
    rows_now: int
    before: tuple[float, ...]
    now: tuple[float, ...]
    labels: tuple[str, ...]
    state: str


def drifts(before: Any, now: Any, names: Sequence[str]) -> list[Drift]:
    """Compare numeric columns of two Ibis tables, in the order of ``names``; raises InputError for infinite values.

    Null and NaN are missing. The tables are read three times: keep what is expensive to compute.
    """
    if not names:
        return []
    rows = _long(before, now, names)
    totals = _totals(rows)
    table = totals.execute().set_index("name").reindex(names, fill_value=0)
    if table["infinite"].any():
        raise InputError(str(table.index[table["infinite"] > 0][0]), "inf", "finite numbers, null for missing ones")
    rungs = _ladder(rows).join(totals.select("name", "known_old", "known_new"), "name")
    gap = (rungs.old / rungs.known_old.nullif(0) - rungs.new / rungs.known_new.nullif(0)).abs()
    gaps = rungs.group_by("name").aggregate(gap=gap.max()).execute().set_index("name")["gap"].to_dict()
    steps = {str(name): part for name, part in _steps(rungs).execute().groupby("name")}
    return [_numeric(name, table.loc[name], steps.get(name), gaps.get(name)) for name in names]


def drift_of_words(before: Any, now: Any, name: str) -> Drift:
    """Compare a column of words of two Ibis tables: a bin for each word of either side, the most frequent first."""
    sides = _both(before, now, {name: "string"})
    counts = sides.group_by(word=sides[name].fill_null("")).aggregate(
        old=(1 - sides.now).sum(), new=sides.now.sum(), both=sides.count()
    )
    found = counts.order_by([ibis.desc("both"), "word"]).execute()
    old, new = (found[side].to_numpy(np.float64) for side in ("old", "new"))
    missing = found["word"].eq("").to_numpy()
    return _judged(name, old, new, (old[missing].sum(), new[missing].sum()), (None, None), tuple(found["word"]))


def psi(before: Floats, now: Floats) -> float:
    """Population stability index of counts by bin; 0 where a side has no rows."""
    if not before.sum() or not now.sum():
        return 0.0
    old, new = (np.maximum(counts, 0.5) / np.maximum(counts, 0.5).sum() for counts in (before, now))
    return float(((new - old) * np.log(new / old))[(before > 0) | (now > 0)].sum())


def judge(before: Floats, now: Floats) -> tuple[float, float, float, str]:
    """PSI of counts by bin, its excess over what chance brings, the chance of as much, and the state."""
    score = psi(before, now)
    n, m = float(before.sum()), float(now.sum())
    if min(n, m) < FEWEST:
        return score, math.nan, math.nan, "few"
    free = max(int(((before > 0) | (now > 0)).sum()) - 1, 0)
    scale = 1 / n + 1 / m
    excess = score - free * scale
    chance = float(chi2.sf(score / scale, free)) if free else 1.0
    clear = chance < CHANCE
    return score, excess, chance, "fail" if clear and excess >= FAIL else "warn" if clear and excess >= WARN else "pass"


def _both(before: Any, now: Any, types: Mapping[str, str]) -> Any:
    """The rows of both sides; ``now`` is 1 for those of the second."""
    sides = [
        side.select(**{name: side[name].cast(kind) for name, kind in types.items()}, now=ibis.literal(flag, "int64"))
        for flag, side in ((0, before), (1, now))
    ]
    return sides[0].union(sides[1], distinct=False)


def _long(before: Any, now: Any, names: Sequence[str]) -> Any:
    """(name, now, value): one row per row and column; NaN becomes null."""
    wide = _both(before, now, dict.fromkeys(names, "float64"))
    rows = wide.pivot_longer(selectors.cols(*names), names_to="name", values_to="value")
    return rows.mutate(value=ibis.ifelse(rows["value"].isnan(), ibis.null("float64"), rows["value"]))


def _totals(rows: Any) -> Any:
    """By name: rows and known values of either side, and how many are infinite."""
    known = rows["value"].notnull().cast("int64")
    return rows.group_by("name").aggregate(
        rows_old=(1 - rows.now).sum(),
        rows_new=rows.now.sum(),
        known_old=((1 - rows.now) * known).sum(),
        known_new=(rows.now * known).sum(),
        infinite=rows["value"].isinf().fill_null(False).cast("int64").sum(),
    )


def _ladder(rows: Any) -> Any:
    """By name and distinct value: how many of either side are not above it."""
    known = rows.filter(rows["value"].notnull())
    rungs = known.group_by("name", "value").aggregate(old=(1 - known.now).sum(), new=known.now.sum())
    up_to = ibis.cumulative_window(group_by="name", order_by="value")
    return rungs.mutate(old=rungs.old.sum().over(up_to), new=rungs.new.sum().over(up_to))


def _steps(rungs: Any) -> Any:
    """By name and distinct edge of the reference's tenths: how many of either side are not above it."""
    tenths = ibis.memtable({"tenth": list(range(1, BINS))})
    pairs = rungs.filter(rungs.known_old > 0).cross_join(tenths)
    pairs = pairs.filter(pairs.old * BINS >= pairs.tenth * pairs.known_old)
    edges = pairs.group_by("name", "tenth").aggregate(
        edge=pairs["value"].min(), old=pairs.old.min(), new=pairs.new.min()
    )
    return edges.select("name", "edge", "old", "new").distinct().order_by(["name", "edge"])


def _numeric(name: str, total: Any, steps: pd.DataFrame | None, gap: float | None) -> Drift:
    known = (int(total["known_old"]), int(total["known_new"]))
    missing = (int(total["rows_old"]) - known[0], int(total["rows_new"]) - known[1])
    counts = []
    for side, column in enumerate(("old", "new")):
        below = [] if steps is None else steps[column].tolist()
        counts.append(np.append(np.diff([0, *below, known[side]]), missing[side]).astype(np.float64))
    if gap is None or not math.isfinite(gap):
        return _judged(name, counts[0], counts[1], missing, (0.0, 1.0), ())
    size = known[0] * known[1] / (known[0] + known[1])
    return _judged(name, counts[0], counts[1], missing, (float(gap), float(kolmogorov(math.sqrt(size) * gap))), ())


def _judged(
    name: str, old: Floats, new: Floats, missing: tuple[float, float], ks: tuple[float | None, float | None],
    labels: tuple[str, ...],
) -> Drift:  # fmt: skip
    score, excess, chance, state = judge(old, new)
    n, m = int(old.sum()), int(new.sum())
    shares = [tuple((counts / max(counts.sum(), 1)).tolist()) for counts in (old, new)]
    gone = [float(part) / max(total, 1) for part, total in zip(missing, (n, m), strict=True)]
    return Drift(name, score, excess, chance, *ks, gone[0], gone[1], n, m, shares[0], shares[1], labels, state)

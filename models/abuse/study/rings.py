"""What a detector's alarms mean for rings, attack families and look-alikes, at one threshold.

In: rows of a study in time order with what was flagged. Out: at which account of a ring the first alarm fell and what
had been paid out before; shares of accounts flagged by family and by look-alike, with intervals. A ring is what the
spec's ``ring`` column says; without one, the bad accounts that share a device. Single accounts are no ring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.abuse.metrics import curve
from models.abuse.study.log import Study

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
NTH = (1, 2, 3)
_REPEATS, _Z = 400, 1.959963984540054


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval and how many cases it is of."""

    value: float
    low: float
    high: float
    cases: int


@dataclass(frozen=True)
class RingOutcome:
    """``by_account[n]``: share of rings first flagged at or before their n-th account; ``lost``: of the money.

    ``first_account`` is the median position of the first alarm among flagged rings (NaN: none was flagged). Money is in
    the unit of the amount column; NaN where the log has no amounts.
    """

    rings: int
    by_account: dict[int, Share]
    never: Share
    first_account: float
    money: float
    lost: Share


def threshold(y: Floats, score: Floats, fpr: float) -> float:
    """The lowest score whose false-positive rate is at most ``fpr``; infinite when there is none."""
    _, fp = curve(y, score)
    allowed = fp / fp[-1] <= fpr
    values = np.unique(score)[::-1]
    return float(values[allowed][-1]) if allowed.any() else float("inf")


def ring_outcome(study: Study, rows: NDArray[np.int64], flagged: Flags, seed: int = 1) -> RingOutcome | None:
    """Rings among the bad rows of ``rows`` (positions in time order), flagged (len(rows),); None without rings."""
    cases = _ring_cases(study, rows, flagged)
    if cases.empty:
        return None
    nth, lost, money = (cases[name].to_numpy(np.float64) for name in ("nth", "lost", "money"))
    draws = np.random.default_rng(seed).integers(len(cases), size=(_REPEATS, len(cases)))
    total = float(money.sum())
    return RingOutcome(
        rings=len(cases),
        by_account={n: _resampled(nth <= n, draws) for n in NTH},
        never=_resampled(np.isinf(nth), draws),
        first_account=float(np.median(nth[np.isfinite(nth)])) if np.isfinite(nth).any() else float("nan"),
        money=total,
        lost=_ratio(lost, money, draws),
    )


def by_kind(study: Study, kind: str, rows: NDArray[np.int64], flagged: Flags) -> dict[str, Share]:
    """Share of accounts with a flagged row, for each value of the log's ``kind``: family or look_alike.

    Families count bad rows, and their intervals count rings, where they are known: accounts of one ring are found
    together. Look-alikes count honest rows; ``none`` are the honest rows that look like nobody.
    """
    log = study.log.iloc[rows]
    bad = kind == "family"
    names = log[kind] if bad else log[kind].fillna("none")
    part = pd.DataFrame({"name": names, "user": log["user_id"], "flagged": flagged, "ring": _rings(log)})
    part = part[((log["label"] > 0) == bad).to_numpy() & part["name"].notna().to_numpy()]
    accounts = part.groupby(["name", "user"]).agg(flagged=("flagged", "any"), ring=("ring", "first"))
    found = {}
    for name, group in accounts.groupby("name"):
        independent = group["ring"].fillna("").nunique() if bad else len(group)
        found[str(name)] = wilson(float(group["flagged"].mean()), independent, len(group))
    return found


def wilson(share: float, trials: int, cases: int) -> Share:
    """Wilson's 95 % interval of a share of independent trials."""
    middle = (share + _Z**2 / (2 * trials)) / (1 + _Z**2 / trials)
    half = _Z / (1 + _Z**2 / trials) * np.sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2))
    return Share(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)), cases)


def _ring_cases(study: Study, rows: NDArray[np.int64], flagged: Flags) -> pd.DataFrame:
    """One line per ring of two or more accounts: nth (infinite: never flagged), lost, money."""
    log = study.log.iloc[rows]
    part = pd.DataFrame(
        {"ring": _rings(log), "user": log["user_id"], "amount": log["amount"], "flagged": flagged},
    )[(log["label"] > 0).to_numpy()]
    part = part[part["ring"].notna()]
    part["new"] = ~part.duplicated(["ring", "user"])
    part["account"] = part.groupby("ring")["new"].cumsum()
    alarm = part[part["flagged"]].groupby("ring")["account"].first()
    part["before"] = part.groupby("ring")["flagged"].cummax().eq(False)
    found = part.groupby("ring").agg(accounts=("account", "max"), money=("amount", "sum"))
    found["lost"] = part["amount"].where(part["before"], 0.0).groupby(part["ring"]).sum()
    found["nth"] = alarm.reindex(found.index).astype(np.float64).fillna(np.inf)
    return found[found["accounts"] >= 2]


def _rings(log: pd.DataFrame) -> pd.Series:
    return log["ring"] if "ring" in log else log["device"]


def _resampled(hits: Flags, draws: NDArray[np.int64]) -> Share:
    low, high = np.quantile(hits[draws].mean(axis=1), [0.025, 0.975])
    return Share(float(hits.mean()), float(low), float(high), len(hits))


def _ratio(part: Floats, whole: Floats, draws: NDArray[np.int64]) -> Share:
    if not whole.sum() > 0:
        return Share(float("nan"), float("nan"), float("nan"), len(part))
    sums = whole[draws].sum(axis=1)
    low, high = np.quantile(part[draws].sum(axis=1)[sums > 0] / sums[sums > 0], [0.025, 0.975])
    return Share(float(part.sum() / whole.sum()), float(low), float(high), len(part))

"""Names, numbers and sentences that the sections of a trial's report share."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from models.report import Estimate, Words
from models.uplift.report.held_out import BOOSTED, CONSTANT, DR, LINEAR, RESPONSE

LEARNERS = {
    DR: Words("DR-learner", "双稳健学习器"),
    LINEAR: Words("T-learner, linear", "线性 T 学习器"),
    BOOSTED: Words("T-learner, library defaults", "T 学习器，库默认参数"),
    RESPONSE: Words("response ranking", "响应率排序"),
    CONSTANT: Words("constant effect", "常数效应"),
    "s_learner": Words("S-learner", "S 学习器"),
    "t_learner": Words("T-learner, small trees", "T 学习器，小树"),
    "x_learner": Words("X-learner", "X 学习器"),
    "r_learner": Words("R-learner", "R 学习器"),
    "chosen": Words("chosen on the other folds", "由其他折选出"),
}
OUTCOMES = {"value": Words("value", "价值"), "cost": Words("cost", "成本")}  # further ones have the names of the spec
ARM, OUTCOME, UNITS = Words("arm", "组"), Words("outcome", "结果"), Words("units", "单位数")
SHARE = Words("share of units", "单位占比")


class Spread(Protocol):
    """Anything with an interval."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def flat_names(arms: Sequence[str]) -> dict[str, str]:
    """Names for ``report.json``: ``Womens E-Mail`` becomes ``womens_e_mail``; other scripts stay.

    Arms that would get the same name, or none, are numbered instead.

    >>> flat_names(["No E-Mail", "满减"])
    {'No E-Mail': 'no_e_mail', '满减': '满减'}
    >>> flat_names(["-10%", "+10%"])
    {'-10%': 'arm_0', '+10%': 'arm_1'}
    """
    names = {arm: re.sub(r"\W+", "_", arm.lower()).strip("_") for arm in arms}
    if len(set(names.values())) < len(arms) or not all(names.values()):
        return {arm: f"arm_{i}" for i, arm in enumerate(arms)}
    return names


def digits(spreads: Iterable[Spread]) -> int:
    """Decimals that show two digits of the typical half width: more would be noise.

    >>> from models.policy.intervals import Interval
    >>> digits([Interval(0.0456, 0.0396, 0.0516, 0.003)]), digits([Interval(1794.0, -206.0, 3794.0, 1000.0)])
    (4, 0)
    """
    halves = [(spread.high - spread.low) / 2 for spread in spreads]
    known = [half for half in halves if math.isfinite(half) and half > 0]
    if not known:
        return 4
    return min(8, max(0, 1 - math.floor(math.log10(float(np.median(known))))))


def shown(value: float, spread: Spread) -> str:
    """``0.0656 [0.0523, 0.0790]`` with the digits that its interval allows.

    >>> from models.policy.intervals import Interval
    >>> shown(-12.345, Interval(-12.345, -20.0, -4.69, 3.9))
    '−12.3 [−20.0, −4.7]'
    """
    places = digits([spread])
    one, two, three = (plain(part, places) for part in (value, spread.low, spread.high))
    return one if not math.isfinite(spread.low) else f"{one} [{two}, {three}]"


def plain(value: float, places: int) -> str:
    """A number with a true minus, and none before zero."""
    text = f"{value:,.{places}f}"
    return text.replace("-", "−" if text.strip("-0,.") else "")


def percent(share: float) -> str:
    """``12 %``, ``0.4 %``."""
    size = 100 * share
    return f"{size:.0f} %" if size >= 10 or size == 0 else f"{size:.1f} %" if size >= 0.1 else "< 0.1 %"


def cell(value: float, spread: Spread, places: int) -> Estimate:
    """A table cell."""
    return Estimate(value, spread.low, spread.high, places)


def flat(name: str, value: float, spread: Spread) -> dict[str, float]:
    """The three figures of one estimate for ``report.json``."""
    return {f"{name}_mean": value, f"{name}_low": spread.low, f"{name}_high": spread.high}

"""The response to coupon value as a section of a report: average effects against face value, tried and in between."""

from __future__ import annotations

import numpy as np

from models.plots import Line, lines
from models.policy.intervals import normal_quantile
from models.registry.ladder import COST, REDEEM, VALUE, Ladder
from models.registry.response import Response, average_response
from models.report import Cell, Estimate, Report, Words
from models.uplift.ladders.fit import fit_ladders
from models.uplift.ladders.measure import Measurement, measure
from models.uplift.trial import Trial

POINTS = 25

_NAMES = {
    VALUE: Words("Effect on value", "对价值的效应"),
    COST: Words("Cost of the coupon", "优惠券成本"),
    REDEEM: Words("Probability of redemption", "核销概率"),
}
_PROFIT = Words("Value less cost", "价值减成本")
_HEADING = Words("Response to coupon value", "对面值的响应")
_FACE = Words("Face value, cents", "面值（分）")
_WIDE = Words(
    "Average per user against no coupon, with 95 % intervals. At a tried face value the interval is sampling error. "
    "Between two tried ones nothing was measured: the interval allows for every response that does not fall, however "
    "it jumps, and the line is only the smoothest guess. Beyond the tried face values nothing is claimed.",
    "相对不发券的人均值，附 95 % 区间。试过的面值处，区间只含抽样误差；两个试过的面值之间没有测量，"
    "区间容许任何不下降的响应（无论在哪里跳升），曲线只是最平滑的猜测。试过的面值范围之外不作任何推断。",
)


def ladder_section(report: Report, ladder: Ladder, trial: Trial, seed: int = 0) -> Report:
    """Measure a declared ladder on a trial and add its section: a table, and a curve per outcome that rises.

    Figures: ``ladder_<name>_<outcome>_<face>`` with ``_low`` and ``_high`` for every tried face (``profit``, value less
    cost, among the outcomes), and ``ladder_<name>_rises``, the outcomes that do not fall by more than chance.
    """
    found = measure(trial, seed)
    [fitted] = fit_ladders((ladder,), found)
    recorded = [outcome for outcome in found.outcomes if np.ptp(found.outcomes[outcome].effect) > 0]
    report.add_section(_HEADING)
    report.add_figures({f"ladder_{ladder.name}_rises": list(fitted.constrained)})
    for outcome in recorded:
        if outcome not in fitted.outcomes:
            report.add_verdict(_fell(outcome), "bad")
    shown = [outcome for outcome in recorded if outcome in fitted.outcomes]
    if not shown:
        return report
    report.add_text(_WIDE)
    curves = {outcome: average_response(fitted, outcome) for outcome in shown}
    _table(report, fitted, curves, found)
    for outcome in shown:
        _curve(report, fitted, outcome)
    return report


def _table(report: Report, ladder: Ladder, curves: dict[str, tuple[Response, ...]], found: Measurement) -> None:
    net, error = found.profit_at(ladder)
    reach = normal_quantile(0.95) * error
    rows: list[list[Cell]] = []
    for i, (arm, face) in enumerate(zip(ladder.arms, ladder.faces, strict=True)):
        measured = {outcome: (at[i].value, at[i].low, at[i].high) for outcome, at in curves.items()}
        measured["profit"] = (float(net[i]), float(net[i] - reach[i]), float(net[i] + reach[i]))
        for outcome, (value, low, high) in measured.items():
            name = f"ladder_{ladder.name}_{outcome}_{face}"
            report.add_figures({name: value, f"{name}_low": low, f"{name}_high": high})
        rows.append([arm, face, *(_estimate(*figures) for figures in measured.values())])
    columns = [Words("Offer", "券"), _FACE, *(_NAMES[outcome] for outcome in curves), _PROFIT]
    report.add_table(Words("Tried face values", "试过的面值"), columns, rows, strong=[int(np.argmax(net))])


def _estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, low, high, 4 if max(abs(low), abs(high)) < 10 else 1)


def _curve(report: Report, ladder: Ladder, outcome: str) -> None:
    grid = sorted({*np.linspace(ladder.faces[0], ladder.faces[-1], POINTS).astype(int).tolist(), *ladder.faces})
    # The interval jumps at a tried face: a point on either side keeps the band from sloping into it.
    first, last = ladder.faces[0], ladder.faces[-1]
    beside = {face + step for face in ladder.faces for step in (-1, 1) if first < face + step < last}
    responses = average_response(ladder, outcome, sorted({*grid, *beside}))
    line = Line(
        _NAMES[outcome],
        [at.face_cents for at in responses],
        [at.value for at in responses],
        [at.low for at in responses],
        [at.high for at in responses],
    )
    report.add_figure(_NAMES[outcome], lines([line], _FACE, _NAMES[outcome]))


def _fell(outcome: str) -> Words:
    name = _NAMES[outcome]
    return Words(
        f"{name.en} falls with the face value by more than chance explains: these offers differ in more than their "
        "face, or the richer ones sell at a loss. The rule is not applied and no face value in between is scored.",
        f"{name.zh}随面值下降，超出偶然可以解释的程度：这些券的差别不止面值，或较高面值在亏本销售。"
        "因此不施加单调约束，也不对中间面值打分。",
    )

"""Sections of a trial's report on predicted effects: do they mean what they say, and what do they depend on."""

from __future__ import annotations

import math

from models.plots import Interval as Row
from models.plots import Line, Panel, calibration, lines, panels
from models.report import Cell, Number, Report, Text, Words
from models.uplift.report.dependence import Dependence
from models.uplift.report.findings import ArmFindings
from models.uplift.report.held_out import DR, RESPONSE
from models.uplift.report.judged import Judged
from models.uplift.report.segments import short
from models.uplift.report.words import ARM, LEARNERS, cell, digits, flat, flat_names

FEATURES = 10
FEWEST_SHARE = 0.05  # of the few ranked first the interval is so wide that it would flatten the rest of the drawing


def calibrated(report: Report, judged: Judged) -> None:
    """Predicted against observed effects, and how much better the units ranked first are."""
    report.add_section(Words("Do the predicted effects mean what they say?", "预测效应可信吗？"))
    report.add_text(
        Words(
            "Every unit is predicted once, by a model that has not seen it. A slope of 1 means that predicted"
            " differences are as large in truth; 0 means that they are noise. TOC is how much larger the effect is"
            " among the share ranked first than among everybody; AUTOC is its mean over all shares.",
            "每个单位恰好由未见过它的模型预测一次。斜率为 1 表示预测的差异与实际一致；为 0 表示只是噪声。"
            "TOC 是排在前面的一部分单位的效应比全体高出多少；AUTOC 是其在所有比例上的平均。",
        )
    )
    rows: list[list[Cell]] = []
    names = flat_names(judged.trial.arms)
    for found in judged.findings:
        report.add_pair([_gates(found), _toc(found)])
        rows.append(_calibration_row(found))
        _calibration_figures(report, found, names[found.name])
    head: list[Text] = [ARM, Words("slope", "斜率"), Words("rising", "递增")]
    head += [Words("top minus bottom group", "最高组减最低组"), "AUTOC"]
    head += [Words("AUTOC, response", "AUTOC，响应率")]
    report.add_table(
        Words("DR-learner on held-out units, 95 % intervals", "双稳健学习器，留出数据，95 % 区间"), head, rows
    )


def _gates(found: ArmFindings) -> tuple[Text, str]:
    points = [
        (predicted, Row("", group.value, group.low, group.high))
        for predicted, group in zip(found.gates.predicted, found.gates.groups, strict=True)
    ]
    caption = Words(
        f"{found.name}: predicted and observed effect of {len(points)} groups of equal size",
        f"{found.name}：{len(points)} 个等分组的预测与实测效应",
    )
    return caption, calibration(points, Words("predicted effect", "预测效应"), Words("observed effect", "实测效应"))


def _toc(found: ArmFindings) -> tuple[Text, str]:
    curves = []
    for name in (DR, RESPONSE):
        toc = found.tocs[name]
        kept = toc.share >= FEWEST_SHARE
        band = (toc.low[kept], toc.high[kept]) if name == DR else (None, None)
        curves.append(Line(LEARNERS[name], toc.share[kept], toc.value[kept], *band))
    curves.append(Line(Words("random order", "随机顺序"), [0, 1], [0, 0], quiet=True))
    drawn = lines(
        curves,
        Words("share of units, best first", "单位比例（由优到劣）"),
        Words("effect above the average", "高于平均的效应"),
        percent_x=True,
        half=True,
    )
    caption = Words(
        f"{found.name}: how much larger the effect is among those ranked first (TOC)",
        f"{found.name}：排在前面者的效应高出多少（TOC）",
    )
    return caption, drawn


def _calibration_row(found: ArmFindings) -> list[Cell]:
    blp, autoc, response = found.blp, found.autoc[DR], found.autoc[RESPONSE]
    gap = found.gates.top_minus_bottom
    slope: Cell = cell(blp.slope.value, blp.slope, 2) if math.isfinite(blp.slope.value) else None
    return [
        found.name,
        slope,
        Words("yes", "是") if found.gates.monotone else Words("no", "否"),
        cell(gap.value, gap, digits([gap])),
        cell(autoc.value, autoc, digits([autoc])),
        cell(response.value, response, digits([response])),
    ]


def _calibration_figures(report: Report, found: ArmFindings, arm: str) -> None:
    report.add_figures(flat(f"blp_average_effect_{arm}", found.blp.mean.value, found.blp.mean))
    report.add_figures(flat(f"blp_slope_{arm}", found.blp.slope.value, found.blp.slope))
    gap = found.gates.top_minus_bottom
    report.add_figures(flat(f"gates_top_minus_bottom_{arm}", gap.value, gap))
    report.add_figures({f"gates_monotone_{arm}": found.gates.monotone})
    for kind, groups in (("gates", found.gates), ("decile", found.deciles)):
        for figure in ("value", "low", "high"):
            ascending = [getattr(group, figure) for group in groups.groups]
            report.add_figures({f"{kind}_observed_{arm}_{'mean' if figure == 'value' else figure}": ascending})
        report.add_figures({f"{kind}_predicted_{arm}": list(groups.predicted)})
    for learner, autoc in found.autoc.items():
        report.add_figures(flat(f"autoc_{arm}_{learner}", autoc.value, autoc))


def dependences(report: Report, judged: Judged) -> None:
    """How far each feature moves the effects, and along which curves."""
    report.add_section(Words("What the effects depend on", "效应取决于什么"))
    report.add_text(
        Words(
            "All on units that the models have not seen. A feature moves the prediction by as much as it changes when"
            " the feature is shuffled; only where the error then grows (interval above zero) does it carry something"
            " real. Points are observed effects by range of the feature, lines what the model makes of it alone.",
            "均基于模型未见过的单位。“移动”指打乱该特征后预测改变的幅度；只有误差随之增大（区间高于零）时，"
            "该特征才带来真实信息。点为按特征取值分组的实测效应，线为模型对该特征的单独反应。",
        )
    )
    names = flat_names(judged.trial.arms)
    for found in judged.findings:
        moving = [one for one in found.importances if one.moved > 0]
        report.add_heading(found.name)
        report.add_figures(
            {
                f"feature_names_{names[found.name]}": [one.feature for one in found.importances],
                f"feature_moves_effect_{names[found.name]}": [one.moved for one in found.importances],
            }
        )
        if not moving:
            report.add_text(
                Words(
                    "The model predicts the same effect for everybody: no feature moves it.",
                    "模型对所有人预测相同的效应：没有特征能改变它。",
                )
            )
            continue
        if found.curves:
            report.add_figure(
                Words(
                    f"{found.name}: effect along the features that move it most",
                    f"{found.name}：效应随最重要特征的变化",
                ),
                panels([_panel(curve) for curve in found.curves], Words("effect per unit", "每单位效应")),
            )
        scale = max(one.moved for one in moving)
        places = min(8, max(0, 2 - math.floor(math.log10(scale))))
        rows: list[list[Cell]] = [
            [one.feature, Number(one.moved, places), _growth(one.worse.low, one.worse.high)]
            for one in moving[:FEATURES]
        ]
        with report.folded(Words(f"{found.name}: features by how far they move it", f"{found.name}：特征重要性")):
            report.add_table(
                Words("Root mean square change of the predicted effect", "预测效应变化的均方根"),
                [
                    Words("feature", "特征"),
                    Words("moves the effect by", "移动幅度"),
                    Words("is it real?", "是否真实？"),
                ],
                rows,
            )


def _growth(low: float, high: float) -> Words:
    if low > 0:
        return Words("yes: without it the error grows", "是：去掉后误差增大")
    if high < 0:
        return Words("no: without it the error shrinks", "否：去掉后误差减小")
    return Words("not told apart from noise", "与噪声无显著差异")


def _panel(curve: Dependence) -> Panel:
    points = [Row("", one.value, one.low, one.high) for one in curve.observed]
    ticks: list[Text] = []
    if curve.ticks:
        ticks = [Words(_value(words.en), _value(words.zh)) for words in curve.ticks]
    return Panel(short(curve.part.feature), curve.x, curve.y, curve.at, points, ticks)


def _value(words: str) -> str:
    """``zip_code = Rural`` under the title ``zip_code`` is ``Rural``."""
    text = words.split(" = ", 1)[-1]
    return text if len(text) <= 14 else f"{text[:13]}…"

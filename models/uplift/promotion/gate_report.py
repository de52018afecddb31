"""The page about one training: was the model promoted and why, what a budget buys with it, and for whom it is wrong."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np

from models.plots import Interval, Line, calibration, intervals, lines
from models.policy.references import BEST_SINGLE, MODEL, RESPONSE
from models.report import Cell, Estimate, Percent, Report, Words
from models.uplift.bundle import Bundle
from models.uplift.promotion.gate import CANDIDATE, CHALLENGER, Verdict
from models.uplift.promotion.gate_findings import ArmFinding, Findings
from models.uplift.promotion.policy_names import NAMES
from models.uplift.report.segments import Segment

TAIL = 6  # segments shown at either end
CENTS = Words("cents per decision", "分 / 次决策")
SPENDERS = {
    MODEL: Words("new model", "新模型"),
    RESPONSE: Words("response ranking, best single offer", "响应率排序，最佳单券"),
    BEST_SINGLE: Words("best single offer, random order", "最佳单券，随机顺序"),
}


def gate_report(verdict: Verdict, found: Findings, bundle: Bundle, trained_until: datetime) -> Report:
    """Build the page and its flat figures."""
    moment = f"{trained_until:%Y-%m-%d %H:%M}"
    report = Report(
        Words("Uplift model: training and gate", "增量模型：训练与准入"),
        subtitle=Words(
            f"Learnt from decisions before {moment} UTC, judged on {verdict.decisions:,} later ones",
            f"使用 {moment} UTC 之前的决策训练，在其后 {verdict.decisions:,} 条决策上评判",
        ),
    )
    _verdict(report, verdict)
    _standings(report, verdict)
    _spending(report, found)
    _calibrated(report, found)
    _people(report, found)
    _learnt(report, bundle)
    report.add_figures({**verdict.figures(), "promoted": verdict.passes, "winner": verdict.winner})
    report.add_figures({"reason": verdict.reason})
    return report


def _verdict(report: Report, verdict: Verdict) -> None:
    if verdict.winner == CHALLENGER:
        state, tone = Words("The challenger was promoted", "挑战者已晋升"), "good"
    elif verdict.passes:
        state, tone = Words("Promoted", "已晋升"), "good"
    else:
        state, tone = Words("Not promoted", "未晋升"), "bad"
    report.add_verdict(Words(f"{state.en}: {verdict.why.en}.", f"{state.zh}：{verdict.why.zh}。"), tone)
    ahead = verdict.ahead()
    if ahead:
        en, zh = ", ".join(NAMES[name].en for name in ahead), "、".join(NAMES[name].zh for name in ahead)
        report.add_verdict(Words(f"Ahead of it by estimate: {en}.", f"估计值高于新模型：{zh}。"), "bad")


def _standings(report: Report, verdict: Verdict) -> None:
    report.add_section(Words("Policies on the same later decisions", "同一批后续决策上的策略比较"))
    report.add_table(
        Words(
            f"Cents per decision, doubly robust, 95 % intervals clustered by user; budget"
            f" {verdict.budget_per_decision:.1f} cents per decision by the same cost model for all; best single offer"
            f" {verdict.best_arm}",
            f"每次决策（分），双稳健估计，按用户聚类的 95 % 区间；预算每次决策 {verdict.budget_per_decision:.1f} 分，"
            f"各策略按同一成本模型计；最佳单券 {verdict.best_arm}",
        ),
        [Words("policy", "策略"), Words("profit", "利润"), Words("coupon cost", "券成本"),
         Words("new model's lead", "新模型领先"), Words("share with an offer", "发券比例")],
        [
            [
                NAMES[one.name],
                _cell(one.profit),
                _cell(one.cost),
                None if one.name == CANDIDATE else _cell(one.behind),
                Percent(one.offer_share),
            ]
            for one in verdict.standings
        ],
        strong=[0],
    )  # fmt: skip
    rows = [
        Interval(NAMES[one.name], one.behind.value, one.behind.low, one.behind.high)
        for one in verdict.standings
        if one.name != CANDIDATE
    ]
    report.add_figure(
        Words("The new model's lead over each policy", "新模型相对各策略的领先幅度"), intervals(rows, CENTS)
    )


def _spending(report: Report, found: Findings) -> None:
    curves = found.curves
    report.add_section(Words("What a budget buys", "预算能换来什么"))
    if len(curves.budgets) < 2:
        report.add_text(Words("The model would not spend anything.", "模型不会花费任何预算。"))
        return
    drawn = []
    for name in curves.names:
        line = curves.curve(name)
        known = np.isfinite(line.value)
        low, high = (line.low[known], line.high[known]) if name == MODEL else (None, None)
        x, y = curves.budgets[known], line.value[known]
        drawn.append(Line(SPENDERS[name], x, y, low, high, quiet=name == BEST_SINGLE))
    report.add_figure(
        Words(
            "Extra profit against measured spend, per decision; the band is the new model's 95 % interval",
            "每次决策的增量利润与实测支出；色带为新模型的 95 % 区间",
        ),
        lines(drawn, Words("spend, cents per decision", "支出（分 / 次决策）"), CENTS),
    )
    for name in curves.names:
        if name == MODEL:
            continue
        between = curves.area_between(MODEL, name)
        report.add_figures(
            {
                f"budget_curve_ahead_of_{name}_cents": between.value,
                f"budget_curve_ahead_of_{name}_cents_low": between.low,
                f"budget_curve_ahead_of_{name}_cents_high": between.high,
            }
        )
        told = f"{between.value:.1f} [{between.low:.1f}, {between.high:.1f}]"
        report.add_text(
            Words(
                f"Mean over all budgets, ahead of {SPENDERS[name].en} by {told} cents per decision"
                f"{'' if between.low > 0 else ': not shown to be ahead'}.",
                f"对全部预算取平均，领先{SPENDERS[name].zh} {told} 分 / 次决策"
                f"{'' if between.low > 0 else '：未能证明领先'}。",
            )
        )


def _calibrated(report: Report, found: Findings) -> None:
    report.add_section(Words("Do the predicted effects mean what they say?", "预测效应可信吗？"))
    report.add_text(
        Words(
            "A slope of 1 means that predicted differences between users are as large in truth; 0 means that they are"
            " noise; none is given where the model expects the same of everybody.",
            "斜率为 1 表示预测的用户差异与实际一致；为 0 表示只是噪声；模型对所有人预测相同时无斜率。",
        )
    )
    drawable = [one for one in found.arms if math.isfinite(one.value.slope.value)]
    if drawable:
        report.add_pair([_drawing(one) for one in drawable])
    report.add_table(
        Words("On held-out decisions, 95 % intervals clustered by user", "留出决策，按用户聚类的 95 % 区间"),
        [
            Words("offer", "券"),
            Words("its decisions", "其决策数"),
            Words("average effect on margin, cents", "对毛利的平均效应（分）"),
            Words("slope, margin", "斜率，毛利"),
            Words("slope, cost", "斜率，成本"),
        ],
        [
            [one.arm, one.decisions, _cell(one.value.mean), _cell(one.value.slope, 2), _cell(one.cost.slope, 2)]
            for one in found.arms
        ],
    )
    for one in found.arms:
        for what, slope in (("value", one.value.slope), ("cost", one.cost.slope)):
            name = f"calibration_slope_{what}_{one.arm}"
            report.add_figures({name: slope.value, f"{name}_low": slope.low, f"{name}_high": slope.high})


def _drawing(one: ArmFinding) -> tuple[Words, str]:
    points = [
        (predicted, Interval("", group.value, group.low, group.high))
        for predicted, group in zip(one.groups.predicted, one.groups.groups, strict=True)
    ]
    caption = Words(
        f"{one.arm}: {len(points)} groups by predicted effect", f"{one.arm}：按预测效应分为 {len(points)} 组"
    )
    axis = Words("predicted effect on margin, cents", "预测的毛利效应（分）")
    return caption, calibration(points, axis, Words("observed, cents", "实测（分）"))


def _people(report: Report, found: Findings) -> None:
    report.add_section(Words("Who gains and who loses", "谁受益，谁受损"))
    report.add_table(
        Words(
            "What the policy gives, and the extra profit against giving nothing, cents per decision; for those left"
            " alone, what their best offer would have brought",
            "策略所发之券与相对不发券的增量利润（分 / 次决策）；未发券者为其最佳券本应带来的增量",
        ),
        [Words("gets", "所得"), Words("decisions", "决策数"), Words("predicted", "预测"), Words("observed", "实测")],
        [
            [
                Words("nothing", "不发券") if one.arm == "none" else one.arm,
                one.decisions,
                round(one.predicted, 1),
                _cell(one.observed),
            ]
            for one in found.given
        ],
        digits=1,
    )
    if found.asleep is not None:
        seen = found.asleep.observed
        told = f"{seen.value:.1f} [{seen.low:.1f}, {seen.high:.1f}]"
        real = seen.high < 0
        report.add_text(
            Words(
                f"Sleeping dogs: at {found.asleep.decisions:,} decisions every offer is predicted to lower the margin;"
                f" observed on average {told} cents"
                f"{': prodding them loses money' if real else ', not shown to be a loss'}.",
                f"“睡着的狗”：{found.asleep.decisions:,} 条决策中，任何券都被预测会降低毛利；实测平均 {told} 分"
                f"{'：打扰他们会亏损' if real else '，尚不能证明是亏损'}。",
            )
        )
    found_segments = list(found.segments)
    shown = found_segments[:TAIL] + found_segments[max(TAIL, len(found_segments) - TAIL) :]
    if shown:
        report.add_table(
            Words(
                f"Extra profit of the policy by segment, the ends of {len(found_segments)} that were looked at;"
                " intervals hold for all of them at once",
                f"按人群的策略增量利润，共查看 {len(found_segments)} 个人群，列出两端；区间对全部人群同时成立",
            ),
            [Words("segment", "人群"), Words("decisions", "决策数"), Words("cents per decision", "分 / 次决策"), ""],
            [_segment(one) for one in shown],
            digits=1,
        )
    losing = sum(one.loses for one in found_segments)
    if shown and not losing:
        report.add_text(Words("No segment is shown to lose by the policy.", "没有人群被证明因该策略受损。"))
    report.add_figures({"segments_looked_at": len(found_segments), "segments_shown_to_lose": losing})


def _segment(one: Segment) -> list[Cell]:
    mark = Words("loses", "受损") if one.loses else Words("gains", "受益") if one.gains else Words("unclear", "不明")
    return [one.words, one.units, _cell(one.effect), mark]


def _learnt(report: Report, bundle: Bundle) -> None:
    report.add_section(Words("What was learnt", "学到了什么"))
    choices = bundle.choices()
    alike = sum(choice.trees.leaves < 2 for choice in choices.values())
    report.add_text(
        Words(
            f"{len(choices)} models, {alike} of which are the average effect because nothing clearer was found out of"
            " fold.",
            f"共 {len(choices)} 个模型，其中 {alike} 个为平均效应，因为折外未发现更清晰的差异。",
        )
    )
    with report.folded(Words("Size of each final model", "各最终模型的规模")):
        report.add_table(
            Words("Chosen out of fold; one leaf is the average effect", "折外选择；1 片叶子即平均效应"),
            [Words("model", "模型"), Words("leaves", "叶子数"), Words("rounds", "轮数"), Words("shrinkage", "收缩"),
             Words("evidence (t)", "证据（t 值）")],
            [
                [name, choice.trees.leaves, choice.trees.rounds, choice.shrinkage, (0.0, *choice.evidence)[-1]]
                for name, choice in choices.items()
            ],
            digits=2,
        )  # fmt: skip


def _cell(found: object, digits: int = 1) -> Cell:
    value, low, high = (float(getattr(found, name)) for name in ("value", "low", "high"))
    return Estimate(value, low, high, digits=digits) if math.isfinite(value) else None

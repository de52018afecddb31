"""The page about one training: was the model promoted, why, and where its policy stands beside the others."""

from __future__ import annotations

from datetime import datetime

from models.plots import Interval, intervals
from models.report import Estimate, Report, Text, Words
from models.uplift.bundle import Bundle
from models.uplift.gate import CANDIDATE, CHAMPION, NO_ONE, RANDOM, RESPONSE, SHARE, SINGLE, Verdict

NAMES: dict[str, Text] = {
    CANDIDATE: Words("new model, within budget", "新模型（预算内）"),
    CHAMPION: Words("champion, within budget", "现任模型（预算内）"),
    NO_ONE: Words("no one", "不发券"),
    RESPONSE: Words("response ranking, within budget", "响应率排序（预算内）"),
    SHARE: Words("best single offer to a random share, within budget", "最佳单券随机发放（预算内）"),
    SINGLE: Words("best single offer to everyone", "最佳单券发给所有人"),
    RANDOM: Words("random offers", "随机发券"),
}


def gate_report(verdict: Verdict, bundle: Bundle, trained_until: datetime) -> Report:
    """Build the page and its flat figures."""
    moment = f"{trained_until:%Y-%m-%d %H:%M}"
    report = Report(
        Words("Uplift model: training and gate", "增量模型：训练与准入"),
        subtitle=Words(
            f"Learnt from decisions before {moment} UTC, judged on {verdict.decisions:,} later ones",
            f"使用 {moment} UTC 之前的决策训练，在其后 {verdict.decisions:,} 条决策上评判",
        ),
    )
    state = Words("Promoted", "已晋升") if verdict.passes else Words("Not promoted", "未晋升")
    report.add_verdict(
        Words(f"{state.en}: {verdict.reason}.", f"{state.zh}：{verdict.reason}。"), "good" if verdict.passes else "bad"
    )
    report.add_section(Words("Policies on the same later decisions", "同一批后续决策上的策略比较"))
    report.add_table(
        Words(
            f"Cents per decision, doubly robust, 95 % intervals clustered by user; budget"
            f" {verdict.budget_per_decision:.1f} cents per decision; best single offer {verdict.best_arm}",
            f"每次决策（分），双稳健估计，按用户聚类的 95 % 区间；预算每次决策 {verdict.budget_per_decision:.1f} 分；"
            f"最佳单券 {verdict.best_arm}",
        ),
        [Words("policy", "策略"), Words("profit", "利润"), Words("coupon cost", "券成本"),
         Words("new model's lead", "新模型领先"), Words("share with an offer", "发券比例")],
        [
            [NAMES[one.name], _cell(one.profit), _cell(one.cost), _cell(one.behind), round(one.offer_share, 3)]
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
        Words("The new model's lead over each policy", "新模型相对各策略的领先幅度"),
        intervals(rows, Words("cents per decision", "分 / 次决策")),
    )
    report.add_section(Words("What was learnt", "学到了什么"))
    report.add_table(
        Words(
            "Size of each final model, chosen out of fold; one leaf is the average effect",
            "各最终模型的规模（折外选择）；1 片叶子即平均效应",
        ),
        [Words("model", "模型"), Words("leaves", "叶子数"), Words("shrinkage", "收缩"),
         Words("evidence (t)", "证据（t 值）")],
        [
            [name, choice.trees.leaves, choice.shrinkage, max(choice.evidence, default=0.0)]
            for name, choice in bundle.choices().items()
        ],
        digits=2,
    )  # fmt: skip
    report.add_figures({**verdict.figures(), "promoted": verdict.passes, "reason": verdict.reason})
    return report


def _cell(found: object) -> Estimate:
    value, low, high = (float(getattr(found, name)) for name in ("value", "low", "high"))
    return Estimate(value, low, high, digits=1)

"""The demo's report: what the coupons earned by the estimates, what they truly earned, and what else must hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

from models.plots import Interval, Line, intervals, lines
from models.report import Estimate, Report, Words
from pipelines.demo.agreement import Agreement, flat
from pipelines.demo.day import Outcome
from pipelines.demo.result import Demo
from pipelines.demo.truth import Profit, percentile
from pipelines.policy_words import policy_words


def write_page(demo: Demo, language: str, out: Path) -> Path:
    """Write ``report.json`` and ``report.html`` into ``out``; returns the page."""
    report = Report(
        Words("A day at the simulated shop", "模拟店铺的一天"),
        language=language,
        subtitle=Words(
            f"{demo.users:,} users, {demo.days} days of history, seed {demo.seed}",
            f"{demo.users:,} 名用户，{demo.days} 天历史，随机种子 {demo.seed}",
        ),
    )
    _verdicts(report, demo)
    _model(report, demo)
    _earned(report, demo)
    _spent(report, demo)
    _abuse(report, demo)
    _service(report, demo)
    report.add_figures(demo.figures())
    report.add_figures(flat(demo.agreements))
    return report.write(out)


def _verdicts(report: Report, demo: Demo) -> None:
    policy = demo.policy_profit
    if policy.low > 0:
        report.add_verdict(
            Words("The coupons pay: the interval lies above zero.", "发券有利可图：区间高于零。"), "good"
        )
    else:
        report.add_verdict(
            Words("Not shown to pay: the interval holds zero.", "尚不能证明有利可图：区间包含零。"), "neutral"
        )
    covered = Words(
        f"The truth is {'inside' if policy.covered else 'outside'} the estimate's interval.",
        f"真值{'在' if policy.covered else '不在'}估计区间内。",
    )
    report.add_verdict(covered, "good" if policy.covered else "bad")
    exact = demo.agreements.exact
    report.add_verdict(
        Words("Everything that must agree exactly does.", "所有必须完全一致之处均一致。")
        if exact
        else Words("Something that must agree exactly does not: see below.", "有必须一致之处不一致：见下文。"),
        "good" if exact else "bad",
    )
    report.add_tiles(
        [
            (Words("earned on held-out decisions", "留出决策上的增量利润"), f"¥{policy.estimate / 100:,.0f}"),
            (Words("truly earned on them", "其真实增量利润"), f"¥{policy.truth / 100:,.0f}"),
            (Words("spent on the day", "当日花费"), f"¥{demo.spent_cents / 100:,.0f}"),
            (Words("of a budget of", "预算"), f"¥{demo.budget_cents / 100:,.0f}"),
            (Words("abuse caught at 0.1 % false alarms", "误报率 0.1% 时的召回"), f"{demo.caught.recall_at_01:.0%}"),
            (Words("abuse caught at 1 % false alarms", "误报率 1% 时的召回"), f"{demo.caught.recall_at_1:.0%}"),
        ]
    )


def _model(report: Report, demo: Demo) -> None:
    """What stands behind the coupons: the model, its gate, and whom it did not learn from."""
    model, rows = demo.history.uplift, demo.history.uplift.rows
    kept_out = sum(rows.abusive_train.values()) + sum(rows.abusive_later.values())
    why = model.verdict.why
    report.add_text(
        Words(
            f"The uplift model {why.en}. {kept_out:,} of {rows.read:,} decisions were those of known abusers and"
            " neither trained nor judged it.",
            f"增量模型{why.zh}。{rows.read:,} 条决策中有 {kept_out:,} 条属于已知作弊用户，既不用于训练也不用于评判。",
        )
    )
    report.add_figures({"uplift_decisions_read": rows.read, "uplift_decisions_of_known_abusers": kept_out})


def _earned(report: Report, demo: Demo) -> None:
    report.add_section(Words("What did the coupons earn?", "发券带来了多少收益？"))
    report.add_table(
        Words("Incremental profit against no coupons, ¥", "相对不发券的增量利润（元）"),
        [
            Words("where", "范围"),
            Words("decisions", "决策数"),
            Words("estimate (95 %)", "估计（95%）"),
            Words("truth", "真值"),
            Words("covered", "覆盖"),
        ],
        [
            [Words(name, zh), profit.decisions, _yuan(profit), profit.truth / 100, profit.covered]
            for name, zh, profit in (
                ("held-out decisions, doubly robust", "留出决策（双重稳健）", demo.policy_profit),
                ("the day, by logged propensities", "当日（按记录的倾向概率）", demo.day_profit),
            )
        ],
        digits=0,
        strong=(0,),
    )
    found = demo.history.evaluation.comparison
    bars = [Interval(policy_words(one.name), one.lift.value, one.lift.low, one.lift.high) for one in found.standings]
    truth = demo.policy_profit.truth / demo.policy_profit.decisions
    bars.insert(1, Interval(Words("policy, truth", "策略真值"), truth, truth, truth))
    report.add_figure(
        Words("The policy, the truth and the baselines on held-out decisions", "留出决策上的策略、真值与基线"),
        intervals(bars, Words("cents per decision over no coupons", "每次决策较不发券（分）"), reference=0.0),
    )
    rivals = [one.name for one in found.standings[1:] if one.behind_policy.value < 0]
    if rivals:
        report.add_text(
            Words(
                f"Ahead of the policy by estimate: {', '.join(rivals)}.", f"估计高于策略的基线：{'、'.join(rivals)}。"
            )
        )


def _spent(report: Report, demo: Demo) -> None:
    report.add_section(Words("What was spent?", "花了多少？"))
    hours, spent = _spend_by_hour(demo.outcomes, demo.timezone)
    report.add_figure(
        Words("Discount of the day's kept orders, ¥", "当日有效订单的优惠（元）"),
        lines([Line(Words("spent", "花费"), hours, spent)], Words("shop's hour", "店铺时间"), "¥", steps=True),
    )
    report.add_table(
        Words("The day in numbers", "当日数字"),
        [Words("what", "项目"), Words("how many", "数量")],
        [[Words(en, zh), count] for en, zh, count in demo.counts()],
    )


def _abuse(report: Report, demo: Demo) -> None:
    caught = demo.caught
    report.add_section(Words("Who abused them?", "谁在薅羊毛？"))
    report.add_table(
        Words("Flags against the simulated truth", "标记与模拟真值对照"),
        [Words("figure", "指标"), Words("value", "数值")],
        [
            [Words("users, of whom abusers", "用户数 / 其中作弊"), f"{caught.users:,} / {caught.abusers:,}"],
            [Words("flagged for a person or automatically", "标记（人工或自动）"), caught.flagged],
            [Words("average precision", "平均精度"), caught.average_precision],
            [Words("recall at 0.1 % false positives", "误报率 0.1% 的召回"), caught.recall_at_01],
            [Words("recall at 1 % false positives", "误报率 1% 的召回"), caught.recall_at_1],
            [Words("honest group that suffers most", "受误伤最多的正常群体"), caught.worst_look_alike],
            [
                Words("automatic action on honest groups, at most", "正常群体被自动处置率上限"),
                caught.worst_automatic,
            ],
            [Words("review of honest groups, at most", "正常群体被送审率上限"), caught.worst_review],
            [Words("ring accounts of the day that were refused", "当日被拒的团伙账号"), demo.ring_accounts_refused],
            [Words("honest newcomers of the day that were refused", "当日被拒的正常新客"), demo.newcomers_refused],
        ],
        digits=3,
    )


def _service(report: Report, demo: Demo) -> None:
    report.add_section(Words("Was the service fast, and exact?", "服务是否快速且准确？"))
    report.add_table(
        Words("Request latency seen by the shop, ms", "店铺侧请求延迟（毫秒）"),
        [Words("route", "接口"), Words("requests", "请求数"), "p50", "p99"],
        [
            [route, len(seconds), percentile(seconds, 0.5), percentile(seconds, 0.99)]
            for route, seconds in sorted(demo.seconds.items())
        ],
        digits=1,
    )
    parts = demo.agreements
    report.add_table(
        Words("What must agree exactly", "必须完全一致之处"),
        [Words("what", "项目"), Words("compared", "比较数"), Words("differences", "差异")],
        [
            [Words("batch and online decisions", "批量与在线决策"), *_pair(parts.decisions)],
            [Words("offline and online feature values", "离线与在线特征值"), *_pair(parts.features)],
            [Words("ledger rows rebuilt from events", "由事件重建的账本行"), *_pair(parts.ledger)],
            [Words("events in the sealed chain", "审计链中的事件"), *_pair(parts.audit)],
        ],
        digits=0,
    )


def _pair(part: Agreement) -> tuple[int, int]:
    return part.compared, part.differences


def _yuan(profit: Profit) -> Estimate:
    return Estimate(profit.estimate / 100, profit.low / 100, profit.high / 100, digits=0)


def _spend_by_hour(outcomes: Sequence[Outcome], timezone: str) -> tuple[list[float], list[float]]:
    """Shop-local hours of the day and the discount given until then."""
    zone = ZoneInfo(timezone)
    paid = sorted((o.order.placed_at, o.cost_cents) for o in outcomes if o.order and o.cost_cents)
    hours, spent = [0.0], [0.0]
    for at, cents in paid:
        local = at.replace(tzinfo=UTC).astimezone(zone)
        hours.append(local.hour + local.minute / 60 + local.second / 3600)
        spent.append(spent[-1] + cents / 100)
    return hours, spent

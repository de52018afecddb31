"""The page of a backtest: what stands beside what the caps and the review budget ask for, and how figures move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from models.abuse.decision.actions import ACTIONS
from models.abuse.decision.backtest import Backtest, Past
from models.abuse.decision.budgets import Caps, Solved
from models.abuse.decision.sweep import sweep
from models.plots import Line, lines
from models.report import Money, Number, Percent, Report, Words

ACTION_WORDS = {
    "allow": Words("allow", "放行"),
    "cap": Words("cap", "限量"),
    "hold": Words("hold for review", "暂扣待审"),
    "withhold": Words("withhold", "停发"),
}
_SHOWN = 50  # accounts listed on the page; the file has all


def backtest_report(
    past: Past,
    current: Backtest,
    solved: Backtest,
    how: Solved,
    caps: Caps,
    per_day: int,
    moved: pd.DataFrame,
    language: str,
) -> Report:
    """Both rules over the same days; figures of the standing one are ``current_…``, of the other ``solved_…``."""
    title = Words(f"Abuse rules over the last {past.days} days", f"滥用规则回测：最近 {past.days} 天")
    report = Report(title, language=language)
    tried = sweep(past, current.decider, per_day)
    _verdicts(report, past, how, caps, per_day, moved)
    _tiles(report, current)
    report.add_section(Words("What stands and what was solved", "现行规则与求解规则"))
    _comparison(report, current, solved)
    _actions(report, current, solved)
    report.add_section(Words("Day by day", "逐日"))
    _daily(report, current, per_day)
    report.add_section(Words("If the review threshold moved", "调整审核阈值的影响"))
    _sweep(report, tried)
    report.add_section(Words("Accounts that would be treated otherwise", "处理方式会改变的账号"))
    _moved(report, moved)
    for name, result in (("current", current), ("solved", solved)):
        bounds = result.decider.thresholds
        report.add_figures({f"{name}_{key}": value for key, value in result.figures.items()})
        report.add_figures({f"{name}_review": bounds.review, f"{name}_automatic": bounds.automatic,
                            f"{name}_review_price_cents": result.decider.review_price_cents})  # fmt: skip
    report.add_figures({"reviews_per_day": per_day, "cap_automatic": caps.automatic, "cap_review": caps.review,
                        "promised_automatic": how.promised["automatic"], "promised_review": how.promised["review"],
                        "look_alikes": how.look_alikes, "accounts_changed": len(moved)})  # fmt: skip
    return report


def _verdicts(report: Report, past: Past, how: Solved, caps: Caps, per_day: int, moved: pd.DataFrame) -> None:
    bounds, price = how.decider.thresholds, how.decider.review_price_cents
    report.add_verdict(
        Words(
            f"Solved for {per_day} reviews a day: review from {bounds.review:.3g}, act without a person from "
            f"{bounds.automatic:.3g}, a review costs ¥{price / 100:,.2f} beyond its work. "
            f"{len(moved):,} accounts would be treated otherwise.",
            f"按每天 {per_day} 次审核求解：{bounds.review:.3g} 起审核，{bounds.automatic:.3g} 起自动处理，"
            f"每次审核的影子价格 ¥{price / 100:,.2f}。{len(moved):,} 个账号的处理方式会改变。",
        )
    )
    kept = [name for name, held in how.promised.items() if not held]
    if kept:
        need = int(np.ceil(1 / min(getattr(caps, name) for name in kept))) - 1
        report.add_verdict(
            Words(
                f"Only {how.look_alikes:,} innocent look-alikes are known; {need:,} are needed to promise "
                f"{' and '.join(kept)} at its cap. The threshold that stands is kept there.",
                f"仅知 {how.look_alikes:,} 个无辜的相似账号；要保证上限至少需要 {need:,} 个，相应阈值维持不变。",
            ),
            "bad",
        )
    said = int(np.sum(~np.isnan(past.abusive)))
    report.add_verdict(
        Words(
            f"“Right” and “met” count the {said:,} accounts that people have judged, chosen mostly for their "
            "scores: recall of what nobody looked at is not in them.",
            f"精确率与召回率仅统计人工判定过的 {said:,} 个账号，多因得分较高而被审核；未被查看的滥用不在其中。",
        )
    )


def _tiles(report: Report, current: Backtest) -> None:
    of = current.figures
    report.add_tiles(
        [
            (Words("Cases a day", "每日案件"), Number(of["cases_per_day"], 1)),
            (Words("Right among judged", "判定中的命中率"), Percent(of["precision_of_judged"])),
            (Words("Abusers' coupons stopped", "拦下的滥用优惠"), Money(of["abusive_cents_stopped"])),
            (Words("Look-alikes met", "误伤相似账号"), Percent(of["look_alike_review_rate"])),
        ]
    )


def _comparison(report: Report, current: Backtest, solved: Backtest) -> None:
    def row(words: Words, key: str, show: Any) -> list[Any]:
        return [words, show(current.figures[key]), show(solved.figures[key])]

    def whole(value: float) -> int:
        return int(value)

    rows = [
        row(Words("cases", "案件"), "cases", whole),
        row(Words("still waiting at the end", "期末待审"), "waiting_at_the_end", whole),
        row(Words("median days to a review", "审核等待天数中位数"), "median_days_to_review", lambda v: Number(v, 1)),
        row(Words("abusive among judged accounts that were met", "被处理且经判定账号中的滥用占比"),
            "precision_of_judged", Percent),
        row(Words("met among judged abusers", "经判定滥用账号中被处理占比"), "recall_of_judged", Percent),
        row(Words("innocent look-alikes met", "无辜相似账号被处理"), "look_alike_review_rate", Percent),
        row(Words("… without a person", "……其中自动处理"), "look_alike_automatic_rate", Percent),
        row(Words("discounts that judged abusers took", "判定滥用者获得的优惠"), "abusive_cents_taken", Money),
        row(Words("… of which stopped", "……其中拦下"), "abusive_cents_stopped", Money),
        row(Words("discounts of judged honest users stopped", "判定正常用户被拦下的优惠"),
            "honest_cents_stopped", Money),
    ]  # fmt: skip
    report.add_table(
        Words("Both rules over the same days", "两种规则，同一时段"),
        ["", Words("stands", "现行"), Words("solved", "求解")],
        rows,
    )


def _actions(report: Report, current: Backtest, solved: Backtest) -> None:
    rows: list[list[Any]] = [
        [ACTION_WORDS[a], int(current.figures[f"accounts_{a}"]), int(solved.figures[f"accounts_{a}"])] for a in ACTIONS
    ]
    report.add_table(
        Words("Accounts by the last action", "按最终处理统计的账号"),
        [Words("action", "处理"), Words("stands", "现行"), Words("solved", "求解")],
        rows,
    )


def _daily(report: Report, current: Backtest, per_day: int) -> None:
    daily = current.daily
    day = daily["day"].to_numpy(np.float64) + 1
    report.add_figure(
        Words(
            f"Cases opened, reviewed and waiting, {per_day} reviews a day at most",
            f"每日新开、已审与待审案件（每天最多审核 {per_day} 件）",
        ),
        lines(
            [
                Line(Words("opened", "新开"), day, daily["opened"], quiet=True),
                Line(Words("reviewed", "已审"), day, daily["reviewed"]),
                Line(Words("waiting", "待审"), day, daily["waiting"]),
            ],
            Words("day", "天"),
            Words("cases", "案件"),
            steps=True,
        ),
    )


def _sweep(report: Report, tried: pd.DataFrame) -> None:
    x = tried["review"].to_numpy(np.float64)
    threshold = Words("review threshold", "审核阈值")
    shares = [
        Line(Words("right among judged", "判定中的命中率"), x, tried["precision_of_judged"]),
        Line(Words("judged abusers met", "滥用账号被处理"), x, tried["recall_of_judged"]),
        Line(Words("look-alikes met", "相似账号被处理"), x, tried["look_alike_review_rate"], quiet=True),
    ]
    stopped = [
        Line(Words("abusers' discounts", "滥用优惠"), x, tried["abusive_cents_stopped"] / 100),
        Line(Words("honest users' discounts", "正常用户优惠"), x, tried["honest_cents_stopped"] / 100, quiet=True),
    ]
    report.add_pair(
        [
            (Words("Who is met", "处理到谁"), lines(shares, threshold, Words("share", "比例"), half=True)),
            (Words("What is stopped", "拦下多少"), lines(stopped, threshold, Words("yuan", "元"), half=True)),
        ]
    )
    rows: list[list[Any]] = [
        [Number(line.review, 2), int(line.cases), int(line.waiting_at_the_end), Percent(line.precision_of_judged),
         Percent(line.recall_of_judged), Percent(line.look_alike_review_rate), Money(line.abusive_cents_stopped)]
        for line in tried.itertuples(index=False)
    ]  # fmt: skip
    report.add_table(
        Words("The same by number", "对应数字"),
        [threshold, Words("cases", "案件"), Words("waiting at the end", "期末待审"),
         Words("right among judged", "判定中的命中率"), Words("judged abusers met", "滥用账号被处理"),
         Words("look-alikes met", "相似账号被处理"), Words("abusers' discounts stopped", "拦下的滥用优惠")],
        rows,
    )  # fmt: skip


def _moved(report: Report, moved: pd.DataFrame) -> None:
    if moved.empty:
        report.add_text(Words("Nobody: both rules decide alike.", "无：两种规则的决定一致。"))
        return
    rows: list[list[Any]] = [
        [line.user_id, ACTION_WORDS[str(line.before)], ACTION_WORDS[str(line.after)], Number(line.p, 2),
         Money(line.stake_cents)]
        for line in moved.head(_SHOWN).itertuples(index=False)
    ]  # fmt: skip
    report.add_table(
        Words(
            f"The {min(_SHOWN, len(moved))} with most at stake of {len(moved):,}; all are in changes.parquet",
            f"共 {len(moved):,} 个，列出涉及金额最大的 {min(_SHOWN, len(moved))} 个；全部见 changes.parquet",
        ),
        [Words("user", "用户"), Words("stands", "现行"), Words("solved", "求解"), Words("probability", "概率"),
         Words("at stake", "涉及金额")],
        rows,
    )  # fmt: skip

"""The page of an abuse study: what to believe first, then the figures, the baselines and the plots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from models.abuse.metrics import curve
from models.abuse.study import NEGATIVE_AMOUNT, WITHOUT_USER, Study
from models.abuse.study_judge import OURS, Judged, Judgement, Lead, Unlinked
from models.plots import Interval, Line, bars, intervals, lines
from models.report import Estimate, Report, Words

LEFT_OUT: dict[str, Words] = {
    WITHOUT_USER: Words("without a user", "无用户"),
    NEGATIVE_AMOUNT: Words("with a negative amount", "金额为负"),
}
NAMES: dict[str, Words] = {
    "shared_ip_ever": Words("Any shared IP, ever", "曾共用任一 IP"),
    "device_accounts_ever_2": Words("Two or more accounts per device, ever", "同一设备累计不少于两个账号"),
    "device_7_days": Words("Another account on the device in 7 days", "7 天内同一设备有其他账号"),
    "address_30_days": Words("Another account at the address in 30 days", "30 天内同一地址有其他账号"),
    "isolation_forest": Words("Isolation Forest on the row's own columns", "孤立森林（仅自身字段）"),
    "ecod": Words("ECOD on the row's own columns", "ECOD（仅自身字段）"),
    "lightgbm_without_links": Words("LightGBM without links", "LightGBM（无关联特征）"),
    "label_free_links": Words("Links, label-free", "关联特征，无需标签"),
    "lightgbm_links": Words("LightGBM with links", "LightGBM（关联特征）"),
    "lightgbm_links_past_labels": Words("LightGBM with links and past labels", "LightGBM（关联特征与历史标签）"),
    "links_combined": Words("Links: both detectors by rank", "关联特征：两种检测器按名次合并"),
}


def study_report(study: Study, found: Judgement, language: str) -> Report:
    """The report of a judged study; figures for `report.json` have flat names."""
    report = Report(Words(f"Abuse study: {study.spec.name}", f"滥用研究：{study.spec.name}"), language=language)
    report.add_figures(_sizes(study, found))
    if found.lead is None or found.unlinked is None:
        report.add_verdict(
            Words(
                "No usable labels (both kinds, in the earlier and in the later rows): nothing is judged. Scores without"
                " labels are in scores.parquet, and the table says how many rows each rule would flag.",
                "没有可用标签（前后两段均须同时含两类）：不作评判。无需标签的分数见 scores.parquet，"
                "下表为各规则将标记的行。",
            )
        )
        _left_out(report, study)
        _rule_shares(report, found)
        return report
    report.add_verdict(*_lead_verdict(found.lead))
    report.add_verdict(_unlinked_verdict(found, found.unlinked))
    _left_out(report, study)
    _tiles(report, study, found.lead.own)
    report.add_figures(_lead_figures(found.lead) | _unlinked_figures(found.unlinked))
    _tables(report, found)
    _plots(report, study, found, found.lead.own)
    for split, judged in (("time", found.by_time), ("random", found.at_random)):
        for j in judged:
            report.add_figures(_figures(split, j))
    for rule in found.rules:
        report.add_figures(
            {
                f"stream_{rule.name}_precision": rule.precision,
                f"stream_{rule.name}_recall": rule.recall,
                f"stream_{rule.name}_fpr": rule.fpr,
                f"stream_{rule.name}_flagged": rule.flagged,
            }
        )
    return report


def _sizes(study: Study, found: Judgement) -> dict[str, object]:
    y = study.label
    figures: dict[str, object] = {
        "rows": len(study.log),
        "rows_train": study.cut,
        "rows_judged": len(study.log) - study.cut,
        "rows_left_out": sum(study.left_out.values()),
        **{f"rows_left_out_{reason}": study.left_out.get(reason, 0) for reason in LEFT_OUT},
        "linked_share": found.linked_share,
        "linked_share_judged": found.linked_share_judged,
        "linked_share_of_positives": found.linked_positives,
        "capacity": study.spec.capacity,
    }
    if y is not None:
        figures |= {"positive_share": float(y.mean()), "positive_share_judged": float(y[study.cut :].mean())}
    return figures


def _figures(split: str, j: Judged) -> dict[str, object]:
    return {
        f"{split}_{j.name}_ap": j.average_precision,
        f"{split}_{j.name}_ap_low": j.low,
        f"{split}_{j.name}_ap_high": j.high,
        f"{split}_{j.name}_recall_at_0_1_fpr": j.recall_01,
        f"{split}_{j.name}_recall_at_0_5_fpr": j.recall_05,
        f"{split}_{j.name}_recall_at_1_fpr": j.recall_1,
        f"{split}_{j.name}_recall_mix": j.mix,
        f"{split}_{j.name}_precision_at_k": j.precision_k,
        f"{split}_{j.name}_auroc": j.auroc,
    }


def _lead_figures(lead: Lead) -> dict[str, object]:
    return {
        "best_with_links": lead.own.name,
        "best_baseline": lead.base.name,
        "best_with_links_minus_best_baseline_ap": lead.difference,
        "best_with_links_minus_best_baseline_ap_low": lead.low,
        "best_with_links_minus_best_baseline_ap_high": lead.high,
    }


def _unlinked_figures(unlinked: Unlinked) -> dict[str, object]:
    best = unlinked.best
    return {
        "unlinked_rows": unlinked.rows,
        "unlinked_positives": unlinked.positives,
        "unlinked_base_rate": unlinked.base_rate,
        "unlinked_best": best.name if best else None,
        "unlinked_best_ap": best.average_precision if best else None,
        "unlinked_best_ap_low": best.low if best else None,
        "unlinked_best_ap_high": best.high if best else None,
    }


def _lead_verdict(lead: Lead) -> tuple[Words, str]:
    """Who wins by the paired interval; a tie where it holds zero."""
    own, base = NAMES[lead.own.name], NAMES[lead.base.name]
    precision, beaten = lead.own.average_precision, lead.base.average_precision
    paired = f"{lead.difference:+.3f} [{lead.low:+.3f}, {lead.high:+.3f}]".replace("-", "−")
    figures = Words(
        f"average precision {precision:.3f} ({own.en}) against {beaten:.3f} for the best baseline ({base.en}), "
        f"paired difference {paired}.",
        f"平均精度 {precision:.3f}（{own.zh}），最佳基线 {beaten:.3f}（{base.zh}），配对之差 {paired}。",
    )
    if lead.low > 0:
        return Words(f"Links win: {figures.en}", f"关联特征胜出：{figures.zh}"), "good"
    if lead.high < 0:
        return Words(f"A baseline wins: {figures.en}", f"基线胜出：{figures.zh}"), "bad"
    return Words(f"A tie, links and the best baseline are not told apart: {figures.en}",
                 f"平局，关联特征与最佳基线无显著差异：{figures.zh}"), "neutral"  # fmt: skip


def _unlinked_verdict(found: Judgement, unlinked: Unlinked) -> Words:
    """How far links reach, and what was measured on the rows that they do not reach."""
    reach = Words(
        f"{found.linked_share_judged:.1%} of the judged rows share a value with an earlier account, and they hold "
        f"{found.linked_positives:.1%} of the positives.",
        f"评判行中 {found.linked_share_judged:.1%} 与更早账号共用某一标识，"
        f"其中包含 {found.linked_positives:.1%} 的正例。",
    )
    best = unlinked.best
    if best is None:
        alone = Words(
            f"Of the other {unlinked.rows:,} rows {unlinked.positives:,} are positives, so detectors cannot be compared"
            " there.",
            f"其余 {unlinked.rows:,} 行中正例 {unlinked.positives:,} 个，无法比较检测器。",
        )
        return Words(f"{reach.en} {alone.en}", reach.zh + alone.zh)
    claim = Words("better than the base rate", "高于基准命中率")
    if best.low <= unlinked.base_rate <= best.high:
        claim = Words("no better than the base rate", "不优于基准命中率")
    elif best.high < unlinked.base_rate:
        claim = Words("worse than the base rate", "低于基准命中率")
    shown = f"{best.average_precision:.3f} [{best.low:.3f}, {best.high:.3f}]"
    return Words(
        f"{reach.en} On the other {unlinked.rows:,} rows the best of all detectors, {NAMES[best.name].en}, has average "
        f"precision {shown}: {claim.en} of {unlinked.base_rate:.1%}.",
        f"{reach.zh}在其余 {unlinked.rows:,} 行上，最佳检测器（{NAMES[best.name].zh}）的平均精度为 {shown}，"
        f"{claim.zh} {unlinked.base_rate:.1%}。",
    )


def _left_out(report: Report, study: Study) -> None:
    """Say how many rows of the file are not judged, and why."""
    if not study.left_out:
        return
    total = sum(study.left_out.values())
    why = [(count, LEFT_OUT[reason]) for reason, count in study.left_out.items()]
    english, chinese = ", ".join(f"{n:,} {w.en}" for n, w in why), "、".join(f"{w.zh} {n:,} 行" for n, w in why)
    of = total + len(study.log)
    report.add_verdict(
        Words(
            f"{total:,} of the {of:,} rows of the file are left out: {english}.",
            f"文件共 {of:,} 行，其中 {total:,} 行未纳入：{chinese}。",
        ),
        "bad" if total > of / 100 else "neutral",
    )


def _tiles(report: Report, study: Study, own: Judged) -> None:
    capacity = study.spec.capacity
    report.add_tiles(
        [
            (
                Words("Average precision, by time", "平均精度（按时间划分）"),
                Estimate(own.average_precision, own.low, own.high),
            ),
            (Words("Recall at 0.1 % false positives", "误报率 0.1 % 时的召回率"), own.recall_01),
            (Words("Recall at 1 % false positives", "误报率 1 % 时的召回率"), own.recall_1),
            (Words(f"Precision of the first {capacity}", f"前 {capacity} 个的精确率"), own.precision_k),
        ]
    )


def _tables(report: Report, found: Judgement) -> None:
    head: list[Words | str] = [
        Words("detector", "检测器"), Words("average precision", "平均精度"),
        Words("recall @0.1 % FPR", "召回率 @0.1 % 误报"),
        Words("recall @1 % FPR", "召回率 @1 % 误报"), Words("0.4/0.3/0.3 mix", "0.4/0.3/0.3 加权"),
        Words("precision@k", "精确率@k"), "AUROC",
    ]  # fmt: skip

    def rows(judged: tuple[Judged, ...]) -> list[list[Any]]:
        return [
            [
                NAMES[j.name],
                Estimate(j.average_precision, j.low, j.high),
                j.recall_01,
                j.recall_1,
                j.mix,
                j.precision_k,
                j.auroc,
            ]
            for j in judged
        ]

    report.add_section(
        Words(
            "Split by time: learn from the earlier rows, judge the later ones",
            "按时间划分：用较早的行学习，评判较晚的行",
        )
    )
    strong = tuple(i for i, j in enumerate(found.by_time) if j.name in OURS)
    report.add_table(Words("What each detector finds", "各检测器的效果"), head, rows(found.by_time), strong=strong)
    report.add_section(Words("The same rows split at random: better than it will ever be", "随机划分：结果虚高"))
    report.add_text(
        Words(
            "A random split lets a model learn from the later rows of the same farms. These figures are printed only "
            "to show how much it flatters.",
            "随机划分会让模型从同一批作弊账号之后的行中学习；列出这些数字只为说明其虚高程度。",
        )
    )
    report.add_table(Words("The same detectors, random split", "同样的检测器，随机划分"), head, rows(found.at_random))
    if found.rules:
        report.add_section(Words("Rules over the whole stream, in the order of events", "规则在整个事件流上的表现"))
        report.add_table(
            Words("Each row is judged by what came before it", "每一行仅依据其之前的记录判断"),
            [Words("rule", "规则"), Words("precision", "精确率"), Words("recall", "召回率"),
             Words("false-positive rate", "误报率"),
             Words("rows flagged", "命中行数")],
            [[NAMES[r.name], r.precision, r.recall, r.fpr, r.flagged] for r in found.rules],
        )  # fmt: skip


def _plots(report: Report, study: Study, found: Judgement, own: Judged) -> None:
    y = study.label
    if y is None:
        return
    judged_y = y[study.cut :]
    shown = [j for j in found.by_time if j.name in OURS or j.name in ("device_7_days", "lightgbm_without_links")]
    precision, recalls = [], []
    for j in shown:
        tp, fp = curve(judged_y, j.scores)
        quiet = j.name == "device_7_days"  # quiet lines share one style, so only one may be quiet
        precision.append(Line(NAMES[j.name], tp / tp[-1], tp / (tp + fp), quiet=quiet))
        inside = fp / fp[-1] <= 0.02
        recalls.append(Line(NAMES[j.name], fp[inside] / fp[-1], tp[inside] / tp[-1], quiet=quiet))
    report.add_section(Words("Curves", "曲线"))
    recall_words = Words("recall", "召回率")
    report.add_figure(
        Words("Precision by recall, split by time", "精确率—召回率（按时间划分）"),
        lines(precision, recall_words, Words("precision", "精确率"), percent_x=True),
    )
    report.add_figure(
        Words("Recall at small false-positive rates", "低误报率下的召回率"),
        lines(recalls, Words("false-positive rate", "误报率"), recall_words, percent_x=True, steps=True),
    )
    report.add_figure(
        Words("Average precision with 95 % intervals", "平均精度及 95 % 区间"),
        intervals(
            [Interval(NAMES[j.name], j.average_precision, j.low, j.high) for j in found.by_time],
            Words("average precision", "平均精度"),
            reference=float(judged_y.mean()),
        ),
    )
    days = pd.to_datetime(study.log["us"].to_numpy()[study.cut :], unit="us")
    top = own.scores >= np.quantile(own.scores, 0.98)
    weekly = pd.Series(top.astype(float), index=days).resample("7D").mean()
    report.add_figure(
        Words("Share of rows in the top 2 % of scores, by week", "每周得分位于前 2 % 的行所占比例"),
        bars([f"{day:%m-%d}" for day in weekly.index], weekly.fillna(0.0).to_list(), Words("share", "比例")),
    )


def _rule_shares(report: Report, found: Judgement) -> None:
    report.add_table(
        Words("Rows that each rule would flag", "各规则将标记的行"),
        [Words("rule", "规则"), Words("share of rows", "行占比")],
        [[NAMES[name], share] for name, share in found.flagged_share.items()],
    )
    report.add_figures({f"stream_{name}_share": share for name, share in found.flagged_share.items()})

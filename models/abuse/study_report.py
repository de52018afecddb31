"""The page of an abuse study: what to believe first, then the figures, the baselines and the plots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from models.abuse.metrics import curve
from models.abuse.study import Study
from models.abuse.study_judge import Judged, Judgement
from models.plots import Interval, Line, bars, intervals, lines
from models.report import Estimate, Report, Words

OURS = ("label_free_links", "lightgbm_links", "lightgbm_links_past_labels", "links_combined")
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
    if not found.by_time:
        report.add_verdict(
            Words(
                "No usable labels: scores and rules only, nothing is judged.",
                "没有可用标签：仅给出分数与规则，不作评判。",
            )
        )
        _rule_shares(report, found)
        return report
    best_base = max((j for j in found.by_time if j.name not in OURS), key=lambda j: j.average_precision)
    best_own = max((j for j in found.by_time if j.name in OURS), key=lambda j: j.average_precision)
    _verdict(report, study, found, best_base, best_own)
    _tables(report, found)
    _plots(report, study, found, best_own)
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
        "linked_share": found.linked_share,
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


def _verdict(report: Report, study: Study, found: Judgement, base: Judged, own: Judged) -> None:
    wins = own.average_precision > base.average_precision
    clear = own.low > base.high
    how, how_zh = ("clearly", "明显") if clear else ("by less than its interval", "差距小于置信区间")
    if wins:
        text = Words(
            f"Links win {how}: average precision {own.average_precision:.3f} against {base.average_precision:.3f} "
            f"for the best baseline ({NAMES[base.name].en}).",
            f"关联特征胜出（{how_zh}）：平均精度 {own.average_precision:.3f}，最佳基线 {base.average_precision:.3f}"
            f"（{NAMES[base.name].zh}）。",
        )
    else:
        text = Words(
            f"A baseline wins: {NAMES[base.name].en} has average precision {base.average_precision:.3f}, links "
            f"{own.average_precision:.3f}.",
            f"基线胜出：{NAMES[base.name].zh} 平均精度 {base.average_precision:.3f}，"
            f"关联特征 {own.average_precision:.3f}。",
        )
    report.add_verdict(text, tone="good" if wins else "bad")
    y = study.label
    share = 0.0 if y is None else float(y[study.cut :].mean())
    report.add_verdict(
        Words(
            f"The ceiling is low where nothing links: only {found.linked_share:.1%} of the judged rows share a value "
            f"with an earlier account, and they hold {found.linked_positives:.1%} of the positives. The rest can be "
            f"found at no better than the base rate of {share:.1%} from these columns.",
            f"无关联处上限很低：评判行中仅 {found.linked_share:.1%} 与更早账号共用某一标识，"
            f"其中包含 {found.linked_positives:.1%} 的正例；其余正例仅凭这些字段只能达到 {share:.1%} 的基准命中率。",
        )
    )
    report.add_tiles(
        [
            (
                Words("Average precision, by time", "平均精度（按时间划分）"),
                Estimate(own.average_precision, own.low, own.high),
            ),
            (Words("Recall at 0.1 % false positives", "误报率 0.1 % 时的召回率"), own.recall_01),
            (Words("Recall at 1 % false positives", "误报率 1 % 时的召回率"), own.recall_1),
            (
                Words(f"Precision of the first {study.spec.capacity}", f"前 {study.spec.capacity} 个的精确率"),
                own.precision_k,
            ),
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
        quiet = j.name not in OURS
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

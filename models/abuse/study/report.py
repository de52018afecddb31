"""The page of an abuse study: what to believe first, then the figures, the baselines and the plots."""

from __future__ import annotations

from models.abuse.study.judge import HEADLINE, ITS_OWN, Alarms, Judged, Judgement, Lead, Unlinked
from models.abuse.study.log import Study
from models.abuse.study.metrics import FIGURES, Figures
from models.abuse.study.plots import add_plots
from models.abuse.study.rings import NTH, RingOutcome, Share
from models.abuse.study.tables import add_tables, estimate
from models.abuse.study.words import LEFT_OUT, NAMES
from models.report import Report, Words


def study_report(study: Study, found: Judgement, language: str) -> Report:
    """The report of a judged study; figures for `report.json` have flat names."""
    report = Report(
        Words(f"Abuse study: {study.spec.name}", f"滥用研究：{study.spec.name}"), language=language, contents=True
    )
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
    _contradicted(report, study)
    _left_out(report, study)
    _tiles(report, study, found.lead.own)
    report.add_figures(_lead_figures(found.lead) | _unlinked_figures(found.unlinked))
    add_tables(report, study, found)
    add_plots(report, study, found, found.lead)
    _flat(report, found)
    return report


def _sizes(study: Study, found: Judgement) -> dict[str, object]:
    y = study.label
    figures: dict[str, object] = {
        "rows": len(study.log),
        "rows_train": study.cut,
        "rows_judged": len(study.log) - study.cut,
        "rows_left_out": sum(study.left_out.values()),
        **{f"rows_left_out_{reason}": study.left_out.get(reason, 0) for reason in LEFT_OUT},
        "accounts_with_both_labels": study.contradicted,
        "linked_share": found.linked_share,
        "linked_share_judged": found.linked_share_judged,
        "linked_share_of_positives": found.linked_positives,
        "capacity": study.spec.capacity,
        "daily_capacity": study.spec.daily_capacity,
    }
    if y is not None:
        figures |= {"positive_share": float(y.mean()), "positive_share_judged": float(y[study.cut :].mean())}
    return figures


def _flat(report: Report, found: Judgement) -> None:
    for split, judged in (("time", found.by_time), ("random", found.at_random)):
        for j in judged:
            report.add_figures(_with_ends(f"{split}_{j.name}", j.figures))
            report.add_figures(_share(f"{split}_{j.name}_daily_precision", j.daily))
    for rule in found.rules:
        report.add_figures(
            {
                f"stream_{rule.name}_precision": rule.precision,
                f"stream_{rule.name}_recall": rule.recall,
                f"stream_{rule.name}_fpr": rule.fpr,
                f"stream_{rule.name}_flagged": rule.flagged,
                f"stream_label_free_recall_at_fpr_of_{rule.name}": rule.label_free_recall,
            }
        )
    for name, c in (found.calibrations or {}).items():
        for figure, (value, low, high) in (("ece", c.error), ("brier", c.brier)):
            report.add_figures({f"calibration_{name}_{figure}": value, f"calibration_{name}_{figure}_low": low,
                                f"calibration_{name}_{figure}_high": high})  # fmt: skip
        report.add_figures({f"calibration_{name}_brier_skill": c.skill, f"calibration_{name}_mean": c.said})
    for name, outcome in (found.stream_rings or {}).items():
        report.add_figures(_ring_figures(f"stream_rings_{name}", outcome))
    for alarms in found.alarms:
        report.add_figures(_alarm_figures(alarms))


def _alarm_figures(alarms: Alarms) -> dict[str, object]:
    at = alarms.name if alarms.rate == ITS_OWN else f"{alarms.name}_at_{alarms.rate}_fpr"
    figures = _ring_figures(f"rings_{at}", alarms.rings) if alarms.rings else {}
    for name, share in alarms.families.items():
        figures |= _share(f"family_{name}_{at}_recall", share)
    for name, share in alarms.look_alikes.items():
        figures |= _share(f"look_alike_{name}_{at}_flagged", share)
    return figures


def _ring_figures(name: str, outcome: RingOutcome) -> dict[str, object]:
    figures: dict[str, object] = {
        name: outcome.rings,
        f"{name}_median_account_of_first_alarm": outcome.first_account,
        f"{name}_money": outcome.money,
    }
    for n in NTH:
        figures |= _share(f"{name}_by_account_{n}", outcome.by_account[n])
    return figures | _share(f"{name}_never", outcome.never) | _share(f"{name}_money_lost_before", outcome.lost)


def _share(name: str, share: Share) -> dict[str, object]:
    return {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}


def _with_ends(name: str, figures: Figures) -> dict[str, object]:
    found: dict[str, object] = {}
    for figure in FIGURES:
        found[f"{name}_{figure}"] = figures.value[figure]
        found[f"{name}_{figure}_low"] = figures.low[figure]
        found[f"{name}_{figure}_high"] = figures.high[figure]
    return found


def _lead_figures(lead: Lead) -> dict[str, object]:
    return {
        "headline": HEADLINE,
        "best_baseline": lead.base.name,
        **_with_ends("headline", lead.own.figures),
        **_with_ends("headline_minus_best_baseline", lead.difference),
    }


def _unlinked_figures(unlinked: Unlinked) -> dict[str, object]:
    own = unlinked.own
    return {
        "unlinked_rows": unlinked.rows,
        "unlinked_positives": unlinked.positives,
        "unlinked_base_rate": unlinked.base_rate,
        "unlinked_oracle_recall_at_1_fpr": unlinked.oracle_recall_1,
        "unlinked_oracle_auroc": unlinked.oracle_auroc,
        **{
            f"unlinked_headline_{figure}{end}": part[figure] if part else None
            for figure in ("ap", "auroc")
            for end, part in zip(
                ("", "_low", "_high"),
                (own.value, own.low, own.high) if own else (None, None, None),
                strict=True,
            )
        },
    }


def _lead_verdict(lead: Lead) -> tuple[Words, str]:
    """Who wins by the paired interval; a tie where it holds zero."""
    own, base = NAMES[lead.own.name], NAMES[lead.base.name]
    precision, beaten = lead.own.average_precision, lead.base.average_precision
    value, low, high = (part["ap"] for part in (lead.difference.value, lead.difference.low, lead.difference.high))
    paired = f"{value:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−")
    figures = Words(
        f"average precision {precision:.3f} ({own.en}) against {beaten:.3f} for the best baseline ({base.en}), "
        f"paired difference {paired}.",
        f"平均精度 {precision:.3f}（{own.zh}），最佳基线 {beaten:.3f}（{base.zh}），配对之差 {paired}。",
    )
    if low > 0:
        return Words(f"Ours wins: {figures.en}", f"本项目胜出：{figures.zh}"), "good"
    if high < 0:
        return Words(f"A baseline wins: {figures.en}", f"基线胜出：{figures.zh}"), "bad"
    return Words(f"A tie, ours and the best baseline are not told apart: {figures.en}",
                 f"平局，本项目与最佳基线无显著差异：{figures.zh}"), "neutral"  # fmt: skip


def _unlinked_verdict(found: Judgement, unlinked: Unlinked) -> Words:
    """How far links reach, and what was measured on the rows that they do not reach."""
    reach = Words(
        f"{found.linked_share_judged:.1%} of the judged rows share a value with an earlier account, and they hold "
        f"{found.linked_positives:.1%} of the positives. Even a perfect reading of the links, with lots drawn among the"
        f" rest, would have a recall of {unlinked.oracle_recall_1:.1%} at 1 % false positives and an AUROC of "
        f"{unlinked.oracle_auroc:.3f}.",
        f"评判行中 {found.linked_share_judged:.1%} 与更早账号共用某一标识，"
        f"其中包含 {found.linked_positives:.1%} 的正例。即使关联被完美解读、其余随机排序，"
        f"1 % 误报率下的召回率也只有 {unlinked.oracle_recall_1:.1%}，AUROC 为 {unlinked.oracle_auroc:.3f}。",
    )
    own = unlinked.own
    if own is None:
        alone = Words(
            f"Of the other {unlinked.rows:,} rows {unlinked.positives:,} are positives, so nothing can be measured"
            " there.",
            f"其余 {unlinked.rows:,} 行中正例 {unlinked.positives:,} 个，无法评判。",
        )
        return Words(f"{reach.en} {alone.en}", reach.zh + alone.zh)
    low, high = own.low["auroc"], own.high["auroc"]
    claim = Words("better than chance", "优于随机")
    if low <= 0.5 <= high:
        claim = Words("no better than chance", "与随机无异")
    elif high < 0.5:
        claim = Words("worse than chance", "差于随机")
    shown = f"{own.value['auroc']:.3f} [{low:.3f}, {high:.3f}]"
    return Words(
        f"{reach.en} On the other {unlinked.rows:,} rows, of which {unlinked.base_rate:.1%} are positives, our detector"
        f" has an AUROC of {shown}: {claim.en}.",
        f"{reach.zh}在其余 {unlinked.rows:,} 行（正例占 {unlinked.base_rate:.1%}）上，本项目的 AUROC 为 {shown}："
        f"{claim.zh}。",
    )


def _contradicted(report: Report, study: Study) -> None:
    count = study.contradicted
    if count:
        report.add_verdict(
            Words(
                f"{count:,} accounts carry both labels. Every row is judged by its own.",
                f"{count:,} 个账号同时带有两类标签；每一行按其自身标签评判。",
            )
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
    capacity, daily = study.spec.capacity, study.spec.daily_capacity
    report.add_tiles(
        [
            (Words("Average precision, by time", "平均精度（按时间划分）"), estimate(own.figures, "ap")),
            (
                Words("Recall at 0.1 % false positives", "误报率 0.1 % 时的召回率"),
                estimate(own.figures, "recall_at_0_1_fpr"),
            ),
            (
                Words("Recall at 1 % false positives", "误报率 1 % 时的召回率"),
                estimate(own.figures, "recall_at_1_fpr"),
            ),
            (
                Words(f"Precision of the first {capacity}", f"前 {capacity} 个的精确率"),
                estimate(own.figures, "precision_at_k"),
            ),
            (Words(f"Precision of {daily} a day", f"每日前 {daily} 个的精确率"), estimate(own.daily)),
        ]
    )


def _rule_shares(report: Report, found: Judgement) -> None:
    report.add_table(
        Words("Rows that each rule would flag", "各规则将标记的行"),
        [Words("rule", "规则"), Words("share of rows", "行占比")],
        [[NAMES[name], share] for name, share in found.flagged_share.items()],
    )
    report.add_figures({f"stream_{name}_share": share for name, share in found.flagged_share.items()})

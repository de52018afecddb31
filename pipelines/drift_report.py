"""What moved as a page and as flat figures for the console: names worst first, and one list per figure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from features.drift import CHANCE, FAIL, WARN, Drift
from models.report import Cell, Number, Report, Words

if TYPE_CHECKING:
    from pipelines.monitor_drift import Found

STATES = {
    "fail": Words("moved", "漂移"),
    "warn": Words("watch", "关注"),
    "pass": Words("stable", "稳定"),
    "few": Words("too few rows", "样本过少"),
}
LISTS = ("psi", "excess", "chance", "ks", "p_value", "missing_before", "missing_now", "rows_before", "rows_now")


def report_of(found: Found) -> Report:
    """The report of one comparison."""
    report = Report(Words("Drift", "漂移"))
    count = Counter(one.state for one in found.moved)
    tone = "bad" if count["fail"] else "neutral" if count["warn"] else "good"
    report.add_verdict(
        Words(
            f"{count['fail']} moved clearly, {count['warn']} a little, {count['pass']} not; {count['few']} with too few"
            " rows.",
            f"{count['fail']} 项明显漂移，{count['warn']} 项轻微，{count['pass']} 项稳定，{count['few']} 项样本过少。",
        ),
        tone,
    )
    _windows(report, found)
    _apart(report, found)
    _table(report, found.moved)
    return report.add_figures(_figures(found, count))


def _windows(report: Report, found: Found) -> None:
    w = found.windows
    spans = [
        f"{start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M} UTC" for start, end in ((w.start, w.until), (w.since, w.end))
    ]
    if w.champion:
        reference = Words(f"training window of champion {w.champion}", f"冠军模型 {w.champion} 的训练窗口")
    else:
        reference = Words(
            "the 28 days before the last week, since there is no champion", "最近一周之前的 28 天（尚无冠军模型）"
        )
    report.add_text(Words(f"Reference: {spans[0]}, {reference.en}.", f"参照期：{spans[0]}，{reference.zh}。"))
    report.add_text(Words(f"Now: {spans[1]}, the last 7 days.", f"当前期：{spans[1]}，最近 7 天。"))
    report.add_text(
        Words(
            f"A column moved when its PSI exceeds what chance brings by {FAIL} ({WARN}: watch) and chance alone would"
            f" bring as much less than once in {1 / CHANCE:.0f} times. One decision per user and period is compared.",
            f"PSI 超出随机波动均值 {FAIL}（{WARN}：关注），且纯随机出现的概率低于 {CHANCE:.0%} 时判为漂移。"
            "每位用户每期只取一次决策。",
        )
    )
    if not found.abuse:
        report.add_text(
            Words("Abuse scores: not available, no champion abuse model.", "作弊分：不可用，尚无冠军作弊模型。")
        )


def _apart(report: Report, found: Found) -> None:
    if found.apart is None:
        report.add_text(Words("Too few rows to tell the periods apart.", "样本过少，无法判断两期能否区分。"))
        return
    one = found.apart
    names = ", ".join(f"{name} ({share:.0%})" for name, share in one.features)
    span = f"{one.auc:.3f} [{one.low:.3f}, {one.high:.3f}]"
    report.add_text(
        Words(
            f"Told apart by a classifier: AUC {span}, .5 means not at all. Most telling: {names}.",
            f"分类器区分两期的 AUC：{span}（0.5 表示无法区分）。最有区分力：{names}。",
        )
    )


def _table(report: Report, moved: list[Drift]) -> None:
    head: list[Words | str] = [
        *(Words("column", "列"), Words("state", "状态"), "PSI", Words("above chance", "超出随机"), "KS"),
        *(Words("missing before", "此前缺失"), Words("missing now", "当前缺失")),
    ]
    rows: list[list[Cell]] = [
        [
            *(one.name, STATES[one.state], Number(one.psi, 3), "–" if one.state == "few" else Number(one.excess, 3)),
            *("–" if one.ks is None else Number(one.ks, 3),),
            *(Number(one.missing_before, 3), Number(one.missing_now, 3)),
        ]
        for one in moved
    ]
    report.add_table(Words("Worst first", "按严重程度排序"), head, rows)


def _figures(found: Found, count: Counter[str]) -> dict[str, object]:
    """Figures that do not exist (KS of words, a judgement of too few rows) are null."""
    w, apart = found.windows, found.apart
    figures: dict[str, object] = {f"n_{state}": count[state] for state in STATES}
    figures |= {"champion": w.champion, "abuse": found.abuse}
    figures |= {name: getattr(w, name).isoformat() for name in ("start", "until", "since", "end")}
    if apart is not None:
        figures |= {"auc": apart.auc, "auc_low": apart.low, "auc_high": apart.high, "auc_state": apart.state}
        figures |= {"auc_features": [name for name, _ in apart.features]}
        figures |= {"auc_shares": [share for _, share in apart.features]}
    figures |= {"features": [one.name for one in found.moved], "state": [one.state for one in found.moved]}
    for name in LISTS:
        figures[name] = [getattr(one, name) for one in found.moved]
    for one in found.moved:
        figures |= {f"before_{one.name}": list(one.before), f"now_{one.name}": list(one.now)}
        if one.labels:
            figures[f"labels_{one.name}"] = list(one.labels)
    return figures

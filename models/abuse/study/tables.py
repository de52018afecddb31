"""The tables of a study's page: detectors in both splits, rules on the stream, rings, families and look-alikes."""

from __future__ import annotations

from models.abuse.study.judge import ITS_OWN, OURS, Alarms, Judged, Judgement
from models.abuse.study.log import Study
from models.abuse.study.metrics import Figures
from models.abuse.study.rings import NTH, RingOutcome, Share
from models.abuse.study.words import AVERAGE_PRECISION, FALSE_POSITIVES, NAMES, RATES
from models.report import Cell, Estimate, Number, Report, Text, Words

_LEAST_RINGS = 5  # fewer say nothing about shares of rings
_DETECTOR = Words("detector", "检测器")


def estimate(found: Figures | Share, figure: str = "") -> Estimate:
    """A figure of a detector, or a share, as a table cell."""
    if isinstance(found, Share):
        return Estimate(found.value, found.low, found.high, 3)
    return Estimate(found.value[figure], found.low[figure], found.high[figure], 3)


def add_tables(report: Report, study: Study, found: Judgement) -> None:
    """Every table, in reading order."""
    report.add_section(
        Words(
            "Split by time: learn from the earlier rows, judge the later ones",
            "按时间划分：用较早的行学习，评判较晚的行",
        )
    )
    _detectors(report, study, found.by_time)
    _rules(report, found)
    _rings(report, found)
    _kinds(report, found)
    report.add_section(Words("The same rows split at random: better than it will ever be", "随机划分：结果虚高"))
    report.add_text(
        Words(
            "A random split lets a model learn from the later rows of the same farms. These figures are printed only "
            "to show how much it flatters.",
            "随机划分会让模型从同一批作弊账号之后的行中学习；列出这些数字只为说明其虚高程度。",
        )
    )
    with report.folded(Words("Figures of the random split", "随机划分的数字")):
        _detectors(report, study, found.at_random)


def _detectors(report: Report, study: Study, judged: tuple[Judged, ...]) -> None:
    strong = tuple(i for i, j in enumerate(judged) if j.name in OURS)
    report.add_table(
        Words("What each detector finds", "各检测器的效果"),
        [
            _DETECTOR,
            AVERAGE_PRECISION,
            Words("recall @0.1 % FPR", "召回率 @0.1 % 误报"),
            Words("recall @0.5 % FPR", "召回率 @0.5 % 误报"),
            Words("recall @1 % FPR", "召回率 @1 % 误报"),
        ],
        [
            [NAMES[j.name], *(estimate(j.figures, f) for f in ("ap", *(f"recall_at_{at}_fpr" for at in _FPRS)))]
            for j in judged
        ],
        strong=strong,
    )
    k, daily = study.spec.capacity, study.spec.daily_capacity
    report.add_table(
        Words("What a reviewer gets", "审核者所得"),
        [
            _DETECTOR,
            Words("0.4/0.3/0.3 mix", "0.4/0.3/0.3 加权"),
            Words(f"precision of the first {k}", f"前 {k} 个的精确率"),
            Words(f"precision of {daily} a day", f"每日前 {daily} 个的精确率"),
            "AUROC",
        ],
        [
            [
                NAMES[j.name],
                estimate(j.figures, "recall_mix"),
                estimate(j.figures, "precision_at_k"),
                estimate(j.daily),
                estimate(j.figures, "auroc"),
            ]
            for j in judged
        ],
        strong=strong,
    )


_FPRS = ("0_1", "0_5", "1")


def _rules(report: Report, found: Judgement) -> None:
    if not found.rules:
        return
    report.add_section(Words("Rules over the whole stream, in the order of events", "规则在整个事件流上的表现"))
    report.add_text(
        Words(
            "The last column is the recall of our score without labels at the false-positive rate of the rule.",
            "末列为本项目的无标签得分在与规则相同误报率下的召回率。",
        )
    )
    report.add_table(
        Words("Each row is judged by what came before it", "每一行仅依据其之前的记录判断"),
        [
            Words("rule", "规则"),
            Words("rows flagged", "命中行数"),
            Words("precision", "精确率"),
            FALSE_POSITIVES,
            Words("its recall", "规则召回率"),
            Words("our recall", "本项目召回率"),
        ],
        [[NAMES[r.name], r.flagged, r.precision, r.fpr, r.recall, r.label_free_recall] for r in found.rules],
    )


def _rings(report: Report, found: Judgement) -> None:
    stream = list((found.stream_rings or {}).items())
    judged = [(a, a.rings) for a in found.alarms if a.rings is not None and a.rings.rings >= _LEAST_RINGS]
    if not stream and not judged:
        return
    report.add_section(Words("Rings: at which account the first alarm falls", "团伙：第几个账号触发首次告警"))
    head: list[Text] = [
        _DETECTOR,
        Words("rings", "团伙数"),
        *(Words(f"by account {n}", f"不晚于第 {n} 个账号") for n in NTH),
        Words("never", "从未"),
        Words("money out before", "告警前已付出"),
    ]
    report.add_text(
        Words(
            "A ring is two or more bad accounts that belong together (by the log's ring column, or by their device)."
            " The last column is the share of a ring's money that had gone out before the first alarm; intervals"
            " resample rings.",
            "团伙指相互关联的两个及以上作弊账号（依据日志的团伙列，或同一设备）。末列为首次告警之前已付出的金额占比；"
            "区间按团伙重抽样。",
        )
    )
    if stream:
        report.add_table(
            Words("Whole stream; ours at 0.1 % false positives", "整个事件流；本项目取误报率 0.1 %"),
            head,
            [_ring_row(NAMES[name], outcome) for name, outcome in stream],
        )
    if judged:
        rows = [_ring_row(_at(alarms), outcome) for alarms, outcome in judged]
        report.add_table(Words("Judged rows only", "仅评判行"), head, rows)


def _at(alarms: Alarms) -> Words:
    """A detector with the false-positive rate of its alarms; a rule has but one."""
    name, rate = NAMES[alarms.name], RATES[alarms.rate]
    if alarms.rate == ITS_OWN:
        return name
    return Words(f"{name.en}, {rate.en}", f"{name.zh}，{rate.zh}")


def _ring_row(name: Words, outcome: RingOutcome) -> list[Cell]:
    shares: list[Cell] = [_short(outcome.by_account[n]) for n in NTH]
    return [name, outcome.rings, *shares, _short(outcome.never), _short(outcome.lost)]


def _kinds(report: Report, found: Judgement) -> None:
    rules = ("device_7_days", "address_30_days")
    shown = [a for a in found.alarms if a.rate != ITS_OWN or a.name in rules]
    for heading, note, tables in (
        (
            Words("Attack families", "攻击类型"),
            Words("Share of a family's accounts that were found", "各类型中被发现的账号占比"),
            [(a, a.families) for a in shown if a.families],
        ),
        (
            Words("Look-alikes", "相似人群"),
            Words("Share of honest accounts that were flagged", "被误报的诚实账号占比"),
            [(a, a.look_alikes) for a in shown if a.look_alikes],
        ),
    ):
        if tables:
            report.add_section(heading)
            for part in (tables[: len(tables) // 2], tables[len(tables) // 2 :]):
                if part:
                    report.add_table(note, *_by_name(part))


def _by_name(tables: list[tuple[Alarms, dict[str, Share]]]) -> tuple[list[Text], list[list[Cell]]]:
    """One row per family or look-alike, one column per detector."""
    names = sorted(tables[0][1])
    head: list[Text] = [Words("group", "组"), Words("accounts", "账号数"), *(_at(a) for a, _ in tables)]
    rows: list[list[Cell]] = [
        [name, tables[0][1][name].cases, *(_short(shares[name]) for _, shares in tables)] for name in names
    ]
    return head, rows


def _short(share: Share) -> Cell:
    """Two decimals: rings and families are few. None where there is nothing to share out."""
    return Estimate(share.value, share.low, share.high, 2) if share.value == share.value else Number(share.value, 2)

"""The drawings of a study's page: precision by recall, recall at small false-positive rates, calibration, intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.abuse.metrics import curve
from models.abuse.study.judge import Judgement, Lead
from models.abuse.study.log import Study
from models.abuse.study.review import Calibration
from models.abuse.study.words import AVERAGE_PRECISION, FALSE_POSITIVES, NAMES, RECALL
from models.plots import Interval, Line, bars, calibration, intervals, lines
from models.report import Estimate, Report, Words

_MOST_FPR = 0.02
_BLOCKS, _POINTS = 12, 200


def add_plots(report: Report, study: Study, found: Judgement, lead: Lead) -> None:
    """Curves of the split by time, then how far probabilities can be believed."""
    y = study.label
    if y is None:
        return
    judged_y = y[study.cut :]
    _curves(report, found, lead, judged_y)
    report.add_figure(
        Words("Average precision with 95 % intervals", "平均精度及 95 % 区间"),
        intervals(
            [
                Interval(NAMES[j.name], j.figures.value["ap"], j.figures.low["ap"], j.figures.high["ap"])
                for j in found.by_time
            ],
            AVERAGE_PRECISION,
            reference=float(judged_y.mean()),
        ),
    )
    _blocks(report, study, lead)
    _calibration(report, lead, found.calibrations or {})


def _curves(report: Report, found: Judgement, lead: Lead, y: np.ndarray) -> None:
    names = (lead.own.name, lead.base.name, "label_free_links", "lightgbm_without_links", "device_7_days")
    precision, recalls = [], []
    for j in (j for name in dict.fromkeys(names) for j in found.by_time if j.name == name):
        tp, fp = curve(y, j.scores)
        quiet = j.name == "device_7_days" and j is not lead.base  # quiet lines share one style: only one may be
        taken = np.union1d(tp + fp, np.linspace(1, len(y), _POINTS))
        found_by = np.interp(taken, np.append(0.0, tp + fp), np.append(0.0, tp))  # ties in the order of lots
        precision.append(Line(NAMES[j.name], found_by / tp[-1], found_by / taken, quiet=quiet))
        inside = fp / fp[-1] <= _MOST_FPR
        fall, recall = np.append(0.0, fp[inside] / fp[-1]), np.append(0.0, tp[inside] / tp[-1])
        recalls.append(Line(NAMES[j.name], fall, recall, quiet=quiet))
    report.add_section(Words("Curves", "曲线"))
    report.add_figure(
        Words("Precision by recall, split by time", "精确率—召回率（按时间划分）"),
        lines(precision, RECALL, Words("precision", "精确率"), percent_x=True),
    )
    report.add_figure(
        Words("Recall at small false-positive rates (ROC)", "低误报率下的召回率（ROC）"),
        lines(recalls, FALSE_POSITIVES, RECALL, percent_x=True, steps=True),
    )


def _blocks(report: Report, study: Study, lead: Lead) -> None:
    """Where in time the alarms fall, in blocks of equally many rows: a stray date makes no empty weeks."""
    days = pd.to_datetime(study.log["us"].to_numpy()[study.cut :], unit="us")
    top = lead.own.scores >= np.quantile(lead.own.scores, 0.98)
    blocks = np.array_split(np.arange(len(top)), min(_BLOCKS, len(top)))
    report.add_figure(
        Words(
            "Share of rows in the top 2 % of our scores, in blocks of equally many rows by their first day",
            "得分位于前 2 % 的行所占比例（按行数等分，以首日标注）",
        ),
        bars([f"{days[b[0]]:%m-%d}" for b in blocks], [float(top[b].mean()) for b in blocks], Words("share", "比例")),
    )


def _calibration(report: Report, lead: Lead, found: dict[str, Calibration]) -> None:
    own = found.get(lead.own.name)
    if own is None:
        return
    report.add_section(Words("How far probabilities can be believed", "概率的可信度"))
    report.add_figure(
        Words("Our probabilities in ten bins of the judged rows", "本项目的概率（评判行分十组）"),
        calibration(
            [(b.said, Interval("", b.came.value, b.came.low, b.came.high)) for b in own.bins],
            Words("predicted", "预测"),
            Words("observed", "实测"),
        ),
    )
    report.add_table(
        Words("Calibration with 95 % intervals", "校准及 95 % 区间"),
        [
            Words("detector", "检测器"),
            Words("mean prediction", "预测均值"),
            Words("observed", "实测"),
            Words("expected calibration error", "期望校准误差"),
            Words("Brier score", "Brier 分数"),
            Words("Brier skill", "Brier 技巧"),
        ],
        [[NAMES[name], c.said, c.came, Estimate(*c.error), Estimate(*c.brier), c.skill] for name, c in found.items()],
    )

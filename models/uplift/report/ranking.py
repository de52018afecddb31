"""Sections of a trial's report on averages and rankings: what the arms do, whom they move, which learner knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.plots import Interval as Row
from models.plots import Line, columns, intervals, lines
from models.policy.ope import Estimate as Estimated
from models.policy.ope import Logged, difference, estimate, snips
from models.report import Cell, Number, Percent, Report, Text, Words
from models.uplift.report.findings import ArmFindings
from models.uplift.report.held_out import CONSTANT, DR, RESPONSE
from models.uplift.report.judge import GRID, Judgement
from models.uplift.report.judge import LEARNERS as RANKED
from models.uplift.report.judged import Judged
from models.uplift.report.words import ARM, LEARNERS, OUTCOME, OUTCOMES, cell, digits, flat, flat_names
from models.uplift.splits import Repeated

METRICS = {
    "sklift_qini": Words("Qini (scikit-uplift)", "Qini（scikit-uplift）"),
    "uplift_at_30_overall": Words("uplift at 30 %", "前 30 % 增量"),
    "causalml_auuc": Words("AUUC (causalml)", "AUUC（causalml）"),
    "sklift_uplift_auc": Words("uplift AUC (scikit-uplift)", "增量 AUC（scikit-uplift）"),
}
MOST_ROWS = 8  # longer tables are folded


def average_effects(report: Report, judged: Judged) -> None:
    """Difference of every arm to the control, on all rows, for every outcome."""
    trial, names = judged.trial, flat_names(judged.trial.arms)
    outcomes = {"value": trial.value, **trial.outcomes}
    if trial.cost.any():
        outcomes["cost"] = trial.cost
    found: dict[str, list[tuple[str, float, Estimated, Estimated]]] = {}
    n, K = len(trial), len(trial.arms)
    for outcome, y in outcomes.items():
        logs = [
            Logged(trial.treatment, y, trial.taken, np.tile(np.eye(K)[k], (n, 1)), cluster=trial.cluster)
            for k in range(K)
        ]
        base = estimate(logs[0], snips).value
        for arm, log in zip(trial.arms[1:], logs[1:], strict=True):
            effect = difference(log, logs[0], snips)
            found.setdefault(outcome, []).append((arm, base, estimate(log, snips), effect))
            report.add_figures(flat(f"average_effect_{outcome}_{names[arm]}", effect.value, effect))
    report.add_section(Words("What the arms do on average", "各组的平均效应"))
    rows: list[list[Cell]] = []
    for outcome, effects in found.items():
        places = digits(effect for *_, effect in effects)
        for arm, base, own, effect in effects:
            lift = Percent(effect.value / base) if base > 0 else None
            given = cell(effect.value, effect, places)
            rows.append(
                [arm, OUTCOMES.get(outcome, outcome), Number(base, places), Number(own.value, places), given, lift]
            )
    rows.sort(key=lambda row: row[1] != OUTCOMES["value"])
    report.add_figure(
        Words(
            "Average effect on value against the control, 95 % intervals", "对价值的平均效应（对照组为基准），95 % 区间"
        ),
        intervals(
            [Row(arm, effect.value, effect.low, effect.high) for arm, _, _, effect in found["value"]],
            Words("difference per unit", "每单位之差"),
        ),
    )
    head: list[Text] = [ARM, OUTCOME, Words("mean without", "对照均值"), Words("mean with", "处理均值")]
    head += [Words("difference", "差"), Words("relative", "相对")]
    caption = Words("Per unit, all rows, weighted by the propensities", "每单位，全部数据，按倾向概率加权")
    _maybe_folded(report, caption, head, rows)


def whom_they_move(report: Report, judged: Judged) -> None:
    """Qini curves with bands beside the effect by decile of the prediction."""
    report.add_section(Words("Whom the arms move", "谁会被打动"))
    for found in judged.findings:
        report.add_pair([_qini(found.name, judged.judgement), _deciles(found)])
    _rest(report, judged)


def _qini(arm: str, judgement: Judgement) -> tuple[Text, str]:
    curves = []
    for name in (name for name in RANKED if name != CONSTANT):
        mean, low, high = judgement.band(arm, name)
        with_band = name == DR and bool(np.isfinite(low).all())
        curves.append(Line(LEARNERS[name], GRID, mean, *((low, high) if with_band else (None, None))))
    end = float(np.mean(judgement.curves[arm, DR], axis=0)[-1])
    curves.append(Line(Words("random order", "随机顺序"), [0, 1], [0, end], quiet=True))
    drawn = lines(
        curves,
        Words("share of units treated, best first", "处理比例（由优到劣）"),
        Words("gain per treated unit", "每个处理单位的增益"),
        percent_x=True,
        half=True,
    )
    caption = Words(
        f"{arm}: Qini curves, mean of the splits; the band is the DR-learner's 95 % interval",
        f"{arm}：Qini 曲线，各次划分的平均；色带为双稳健学习器的 95 % 区间",
    )
    return caption, drawn


def _deciles(found: ArmFindings) -> tuple[Text, str]:
    groups = list(zip(reversed(found.deciles.groups), reversed(found.deciles.predicted), strict=True))
    bars = [Row(str(i), group.value, group.low, group.high) for i, (group, _) in enumerate(groups, start=1)]
    drawn = columns(
        bars,
        Words("group by predicted effect, most promising first", "按预测效应分组，由高到低"),
        Words("effect per unit", "每单位效应"),
        [predicted for _, predicted in groups],
        Words("predicted", "预测"),
    )
    caption = Words(
        f"{found.name}: observed effect by predicted effect, every unit held out once",
        f"{found.name}：按预测效应分组的实测效应，每个单位恰好留出一次",
    )
    return caption, drawn


def _rest(report: Report, judged: Judged) -> None:
    """Which arms have no drawings, said instead of left out in silence."""
    shown = [found.name for found in judged.findings]
    others = len(judged.trial.arms) - 1 - len(shown)
    if others:
        report.add_text(
            Words(
                f"Drawings and segments are shown for the {len(shown)} arms with the most units; the tables and"
                f" report.json hold the other {others} as well.",
                f"图与人群只展示单位数最多的 {len(shown)} 个组；其余 {others} 个组见表格与 report.json。",
            )
        )


def rankings(report: Report, judged: Judged) -> None:
    """Every learner by every metric, and our learner against the others in pairs."""
    judgement, names = judged.judgement, flat_names(judged.trial.arms)
    found: dict[tuple[str, str, str], dict[str, Repeated]] = {}
    for what, arm, learner in judgement.figures:
        metric = next((metric for metric in METRICS if what.endswith(f"_{metric}")), None)
        if metric is None:
            continue
        outcome, summary = what.removesuffix(f"_{metric}"), judgement.summary(what, arm, learner)
        name = f"{outcome}_{names[arm]}_{learner}_{metric}"
        report.add_figures({**flat(name, summary.mean, summary), f"{name}_sd": summary.deviation})
        found.setdefault((outcome, arm, learner), {})[metric] = summary
    report.add_section(Words("Learners beside each other", "学习器对比"))
    report.add_text(
        Words(
            "All learners see the same training rows and are judged on the same test rows. Nothing was chosen by these"
            " figures: the DR-learner is the default and picks the size of its trees inside the training rows.",
            "所有学习器使用相同的训练数据，并在相同的测试数据上评判。没有任何选择依据这些数字：双稳健学习器为默认方法，"
            "其树的规模只在训练数据内选定。",
        )
    )
    _contest(report, judged)
    _pairs(report, judgement, names)
    detailed = [one.name for one in judged.findings]
    _tables(report, {key: by for key, by in found.items() if key[1] in detailed}, "value")
    others = [outcome for outcome in dict.fromkeys(key[0] for key in found) if outcome != "value"]
    if others:
        with report.folded(Words("Further outcomes", "其他结果")):
            for outcome in others:
                _tables(report, {key: by for key, by in found.items() if key[1] in detailed}, outcome)


def _contest(report: Report, judged: Judged) -> None:
    """Squared error on held-out units of every learner, and of the one that the other folds would choose."""
    picks = judged.contest.picks
    report.add_figures({"chosen_learner_by_fold": list(picks)})
    chosen = {name: picks.count(name) for name in dict.fromkeys(picks)}
    english = ", ".join(f"{LEARNERS[name].en} ({count} of {len(picks)} folds)" for name, count in chosen.items())
    chinese = "、".join(f"{LEARNERS[name].zh}（{len(picks)} 折中 {count} 折）" for name, count in chosen.items())
    report.add_text(
        Words(
            f"Chosen without peeking, by squared error on the other folds: {english}.",
            f"不偷看地由其他折的平方误差选出：{chinese}。",
        )
    )
    for found in judged.findings:
        _standings(report, judged, found)


def _standings(report: Report, judged: Judged, found: ArmFindings) -> None:
    standings = {name: one for (arm, name), one in judged.contest.standings.items() if arm == found.arm}
    arm = flat_names(judged.trial.arms)[found.name]
    places = digits(one.saved for one in standings.values())
    rows: list[list[Cell]] = []
    for learner, one in standings.items():
        report.add_figures(flat(f"error_saved_{arm}_{learner}", one.saved.value, one.saved))
        if learner not in (DR, CONSTANT):
            report.add_figures(flat(f"error_saved_{arm}_{learner}_minus_{DR}", one.ahead.value, one.ahead))
        autoc = found.autoc.get(learner)
        rows.append(
            [
                LEARNERS[learner],
                None if learner == CONSTANT else cell(one.saved.value, one.saved, places),
                None if learner == DR else cell(one.ahead.value, one.ahead, places),
                None if autoc is None else cell(autoc.value, autoc, digits([autoc])),
            ]
        )
    head: list[Text] = [Words("learner", "方法"), Words("saved against the constant", "比常数效应少")]
    head += [Words("saved against the DR-learner", "比双稳健学习器少"), "AUTOC"]
    caption = Words(
        f"{found.name}: squared error against the true effects, on held-out units; above zero is better",
        f"{found.name}：留出数据上对真实效应的平方误差；大于零更好",
    )
    report.add_table(caption, head, rows, strong=[i for i, row in enumerate(rows) if row[0] == LEARNERS[DR]])


def _tables(report: Report, found: dict[tuple[str, str, str], dict[str, Repeated]], outcome: str) -> None:
    for arm in dict.fromkeys(key[1] for key in found if key[0] == outcome):
        _table(report, {key[2]: by for key, by in found.items() if key[:2] == (outcome, arm)}, outcome, arm)


def _table(report: Report, found: dict[str, dict[str, Repeated]], outcome: str, arm: str) -> None:
    metrics = [metric for metric in METRICS if metric != "sklift_uplift_auc"]
    places = {metric: min(4, digits(by[metric] for by in found.values())) for metric in metrics}
    rows: list[list[Cell]] = [
        [LEARNERS[learner], *(cell(by[metric].mean, by[metric], places[metric]) for metric in metrics)]
        for learner, by in found.items()
    ]
    called = OUTCOMES.get(outcome, Words(outcome, outcome))
    caption = Words(
        f"{arm}, outcome {called.en}: ranking of rows that the learners have not seen, mean of the splits",
        f"{arm}，结果 {called.zh}：对未见数据的排序能力，各次划分的均值",
    )
    head: list[Text] = [Words("learner", "方法"), *(METRICS[metric] for metric in metrics)]
    report.add_table(caption, head, rows, strong=[i for i, row in enumerate(rows) if row[0] == LEARNERS[DR]])


def _pairs(report: Report, judgement: Judgement, names: dict[str, str]) -> None:
    drawn = []
    for what, arm, learner in judgement.figures:
        if learner == DR or not what.endswith("_sklift_qini"):
            continue
        outcome, paired = what.removesuffix("_sklift_qini"), judgement.paired(what, (arm, DR), (arm, learner))
        name = f"{outcome}_{names[arm]}_{DR}_minus_{learner}_sklift_qini"
        report.add_figures(flat(name, paired.mean, paired))
        if outcome == "value" and learner != CONSTANT and np.isfinite(paired.low):
            label = Words(f"{arm}: {LEARNERS[learner].en}", f"{arm}：{LEARNERS[learner].zh}")
            drawn.append(Row(label, paired.mean, paired.low, paired.high, quiet=learner != RESPONSE))
    if drawn and len(drawn) <= 3 * MOST_ROWS:
        report.add_figure(
            Words(
                "The DR-learner's Qini minus each other learner's, paired over the splits (blue: response ranking)",
                "双稳健学习器与其他方法的 Qini 之差，按划分配对（蓝色：响应率排序）",
            ),
            intervals(drawn, Words("difference of Qini, 95 % interval", "Qini 之差，95 % 区间")),
        )


def fifths(report: Report, judged: Judged) -> None:
    """Observed effect by fifth of the prediction over the splits, for ``report.json``."""
    names = flat_names(judged.trial.arms)
    for arm, parts in judged.judgement.fifths.items():
        effects = _mean_of_known(np.vstack(parts))
        report.add_figures({f"observed_effect_by_fifth_{names[arm]}": list(map(float, effects))})


def _mean_of_known(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of the columns over the splits that have a figure; NaN where none has (a tiny trial)."""
    known = np.isfinite(parts)
    counts = known.sum(axis=0)
    means = np.where(known, parts, 0.0).sum(axis=0) / np.maximum(counts, 1)
    return np.where(counts > 0, means, np.nan)


def _maybe_folded(report: Report, caption: Words, head: list[Text], rows: list[list[Cell]]) -> None:
    if len(rows) <= 2 * MOST_ROWS:
        report.add_table(caption, head, rows)
        return
    with report.folded(caption):
        report.add_table(caption, head, rows)

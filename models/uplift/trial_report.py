"""The page about one trial: is it sound, what do the arms do on average, whom do they move, and is choosing worth it.

Where a baseline wins, or nothing can be told apart, the page says so in its first lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.plots import Interval, Line, intervals, lines
from models.policy.ope import Logged, difference, snips
from models.report import Cell, Estimate, Report, Text, Words
from models.uplift.checks import Check
from models.uplift.judge import BEST_SINGLE, DR, ESTIMATORS, GRID, Judgement
from models.uplift.splits import Repeated
from models.uplift.trial import Trial
from models.uplift.trial_verdicts import LEARNERS, MODEL_POLICY, policy_statement, ranking_statement

METRICS = {
    "sklift_qini": Words("Qini (scikit-uplift)", "Qini（scikit-uplift）"),
    "uplift_at_30_overall": Words("uplift at 30 %", "前 30 % 增量"),
    "causalml_auuc": Words("AUUC (causalml)", "AUUC（causalml）"),
    "sklift_uplift_auc": Words("uplift AUC (scikit-uplift)", "增量 AUC（scikit-uplift）"),
}
ARM, OUTCOME = Words("arm", "组"), Words("outcome", "结果")
Names = Mapping[str, str]


def trial_report(
    trial: Trial, judgement: Judgement, checks: Sequence[Check], name: str, splits: int, language: str = "en"
) -> Report:
    """Build the page and the flat figures of ``report.json``."""
    rows, arms, features = len(trial), len(trial.arms), trial.X.shape[1]
    subtitle = Words(
        f"{rows:,} units, {arms} arms, {features} features, value = {trial.value_name}; {splits} random 70/30 splits",
        f"{rows:,} 个单位，{arms} 个组，{features} 个特征，价值 = {trial.value_name}；{splits} 次 70/30 随机划分",
    )
    report = Report(Words(f"Trial: {name}", f"试验：{name}"), language, subtitle)
    report.add_figures({"rows": rows, "arms": list(trial.arms), "splits": splits, "features": features})
    report.add_figures({"best_single_arm": judgement.best_arm})
    names = flat_names(trial.arms)
    _checks(report, checks)
    for statement in (*(ranking_statement(arm, judgement) for arm in trial.arms[1:]), policy_statement(judgement)):
        report.add_verdict(statement.words, statement.tone)
    _average_effects(report, trial, names)
    _curves(report, trial, judgement)
    _ranking_table(report, judgement, names)
    _pairs(report, judgement, names)
    _policies(report, judgement, names)
    _inside(report, judgement, names)
    _soundness(report, checks)
    return report


def flat_names(arms: Sequence[str]) -> dict[str, str]:
    """Names for ``report.json``: ``Womens E-Mail`` becomes ``womens_e_mail``; other scripts stay.

    Arms that would get the same name, or none, are numbered instead.

    >>> flat_names(["No E-Mail", "满减"])
    {'No E-Mail': 'no_e_mail', '满减': '满减'}
    >>> flat_names(["-10%", "+10%"])
    {'-10%': 'arm_0', '+10%': 'arm_1'}
    """
    names = {arm: re.sub(r"\W+", "_", arm.lower()).strip("_") for arm in arms}
    if len(set(names.values())) < len(arms) or not all(names.values()):
        return {arm: f"arm_{i}" for i, arm in enumerate(arms)}
    return names


def _checks(report: Report, checks: Sequence[Check]) -> None:
    failed = [check for check in checks if not check.passed]
    report.add_figures({"trial_checks_passed": not failed})
    for check in checks:
        report.add_figures({f"check_{check.name}": check.figure, f"check_{check.name}_passed": check.passed})
    for i, check in enumerate(failed):
        lead = Words(
            "This trial fails a check; read every figure with that in mind. ", "本试验未通过检查，数字须谨慎解读。"
        )
        words = Words(lead.en + check.words.en, lead.zh + check.words.zh) if i == 0 else check.words
        report.add_verdict(words, "bad")


def _average_effects(report: Report, trial: Trial, names: Names) -> None:
    outcomes = {"value": trial.value, **trial.outcomes}
    if trial.cost.any():
        outcomes["cost"] = trial.cost
    rows: list[list[Cell]] = []
    n, K = len(trial), len(trial.arms)
    for outcome, y in outcomes.items():
        no_one = Logged(trial.treatment, y, trial.taken, np.tile(np.eye(K)[0], (n, 1)), cluster=trial.cluster)
        for k, arm in enumerate(trial.arms[1:], start=1):
            everyone = Logged(trial.treatment, y, trial.taken, np.tile(np.eye(K)[k], (n, 1)), cluster=trial.cluster)
            effect = difference(everyone, no_one, snips)
            rows.append([arm, outcome, Estimate(effect.value, effect.low, effect.high)])
            report.add_figures(_flat(f"average_effect_{outcome}_{names[arm]}", effect.value, effect.low, effect.high))
    report.add_section(Words("What the arms do on average", "各组的平均效应"))
    report.add_table(
        Words(
            "Difference to the control per unit, all rows, 95 % intervals", "与对照组之差，每单位，全部数据，95 % 区间"
        ),
        [ARM, OUTCOME, Words("average effect", "平均效应")],
        rows,
    )


def _curves(report: Report, trial: Trial, judgement: Judgement) -> None:
    report.add_section(Words("Whom the arms move", "谁会被打动"))
    for arm in trial.arms[1:]:
        found = {name: np.mean(judgement.curves[arm, name], axis=0) for name in LEARNERS}
        curves = [Line(LEARNERS[name], GRID, curve) for name, curve in found.items()]
        curves.append(Line(Words("random order", "随机顺序"), [0, 1], [0, float(found[DR][-1])], quiet=True))
        drawn = lines(
            curves,
            Words("share of units treated, best first", "处理比例（由优到劣）"),
            Words("gain per treated unit of the test rows", "每个处理单位的增益"),
            percent_x=True,
        )
        report.add_figure(Words(f"{arm}: Qini curves, mean of the splits", f"{arm}：Qini 曲线，各次划分的平均"), drawn)


def _ranking_table(report: Report, judgement: Judgement, names: Names) -> None:
    rows: list[tuple[tuple[bool, str, str, str], str, list[Cell]]] = []
    for what, arm, learner in judgement.figures:
        metric = next((metric for metric in METRICS if what.endswith(f"_{metric}")), None)
        if metric is None:
            continue
        outcome, found = what.removesuffix(f"_{metric}"), judgement.summary(what, arm, learner)
        name = f"{outcome}_{names[arm]}_{learner}_{metric}"
        report.add_figures({**_flat(name, found.mean, found.low, found.high), f"{name}_sd": found.deviation})
        if metric != "sklift_uplift_auc":
            cells: list[Cell] = [arm, outcome, METRICS[metric], LEARNERS[learner], _cell(found)]
            rows.append(((outcome != "value", outcome, arm, metric), learner, cells))
    rows.sort(key=lambda row: row[0])
    report.add_table(
        Words("Rankings on rows that the learners have not seen", "在学习器未见过的数据上的排序能力"),
        [
            ARM,
            OUTCOME,
            Words("metric", "指标"),
            Words("learner", "方法"),
            Words("mean of the splits", "各次划分的均值"),
        ],
        [cells for _, _, cells in rows],
        strong=[i for i, (_, learner, _) in enumerate(rows) if learner == DR],
    )


def _pairs(report: Report, judgement: Judgement, names: Names) -> None:
    drawn = []
    for what, arm, learner in judgement.figures:
        if learner == DR or not what.endswith("_sklift_qini"):
            continue
        outcome, paired = what.removesuffix("_sklift_qini"), judgement.paired(what, (arm, DR), (arm, learner))
        name = f"{outcome}_{names[arm]}_{DR}_minus_{learner}_sklift_qini"
        report.add_figures(_flat(name, paired.mean, paired.low, paired.high))
        if outcome == "value":
            label = Words(f"{arm}: {LEARNERS[learner].en}", f"{arm}：{LEARNERS[learner].zh}")
            drawn.append(Interval(label, paired.mean, paired.low, paired.high))
    report.add_figure(
        Words(
            "The DR-learner's Qini minus each baseline's, paired over splits",
            "双稳健学习器与各基线的 Qini 之差，按划分配对",
        ),
        intervals(drawn, Words("difference of Qini, 95 % interval", "Qini 之差，95 % 区间")),
    )


def _policies(report: Report, judgement: Judgement, names: Names) -> None:
    rows: list[list[Cell]] = []
    drawn = []
    policies = [of for what, of, by in judgement.figures if what == "policy" and by == "dr"]
    for policy in policies:
        flat, found = _policy_name(policy, names), {}
        for estimator in ESTIMATORS:
            found[estimator] = judgement.summary("policy", policy, estimator)
            mean, low, high = found[estimator].mean, found[estimator].low, found[estimator].high
            report.add_figures(_flat(f"policy_{flat}_{estimator}", mean, low, high))
        ess = judgement.summary("policy_ess", policy, "ess").mean
        weight = judgement.summary("policy_weight", policy, "largest_weight").mean
        report.add_figures({f"policy_{flat}_effective_rows": ess, f"policy_{flat}_largest_weight": weight})
        rows.append([_policy_words(policy), *map(_cell, found.values()), round(ess), f"{weight:.1f}"])
        if policy != BEST_SINGLE:
            paired = judgement.summary("policy_gain", policy, "dr")
            report.add_figures(_flat(f"policy_{flat}_minus_{BEST_SINGLE}_dr", paired.mean, paired.low, paired.high))
            drawn.append(Interval(_policy_words(policy), paired.mean, paired.low, paired.high))
    columns: list[Text] = [Words("policy", "策略"), "IPS", "SNIPS", "DR"]
    columns += [Words("effective rows", "有效样本"), Words("largest weight", "最大权重")]
    report.add_section(Words("Is choosing per customer worth it?", "逐客选择值得吗？"))
    report.add_table(
        Words("Value per unit, net of cost, off-policy on the test rows", "每单位净价值，测试数据上的离策略估计"),
        columns,
        rows,
        strong=[policies.index(MODEL_POLICY)],
    )
    report.add_figure(
        Words(
            "Value minus that of the best single arm, DR, paired over splits", "与最佳单一组的价值之差，DR，按划分配对"
        ),
        intervals(drawn, Words("difference per unit, 95 % interval", "每单位之差，95 % 区间")),
    )


def _inside(report: Report, judgement: Judgement, names: Names) -> None:
    report.add_section(Words("Inside the DR-learner", "模型内部"))
    fifths = {arm: _mean_of_known(np.vstack(parts)) for arm, parts in judgement.fifths.items()}
    columns: list[Text] = [ARM, *(Words(f"fifth {i}", f"第 {i} 组") for i in range(1, 6))]
    report.add_table(
        Words(
            "Observed effect by fifth of the predicted one, most promising first",
            "按预测效应五等分的实测效应，由高到低",
        ),
        columns,
        [[arm, *map(float, effects)] for arm, effects in fifths.items()],
    )
    for arm, effects in fifths.items():
        report.add_figures({f"observed_effect_by_fifth_{names[arm]}": list(map(float, effects))})
    total = sum(judgement.importance.values()) or 1.0
    shares = sorted(((part / total, name) for name, part in judgement.importance.items()), reverse=True)[:10]
    report.add_table(
        Words("What the effects depend on: share of the final models' gain", "效应取决于什么：最终模型的增益占比"),
        [Words("feature", "特征"), Words("share", "占比")],
        [[name, share] for share, name in shares],
    )


def _soundness(report: Report, checks: Sequence[Check]) -> None:
    report.add_section(Words("How to read this", "如何阅读"))
    for check in checks:
        report.add_text(check.words)
    report.add_text(
        Words(
            "Every figure is measured on rows that the learners and choices did not see. Random splits share rows, so"
            " their intervals use the variance of Nadeau and Bengio (2003). Curves have points only where the score"
            " changes, so tied rows flatter nobody. Qini is scikit-uplift's: the area between the curve and a random"
            " order, as a share of the perfect curve's.",
            "所有数字均在学习与选择未见过的数据上测得。随机划分之间共享数据，区间采用 Nadeau–Bengio（2003）方差。"
            "曲线只在分数变化处取点，并列不会带来虚高。"
            "Qini 采用 scikit-uplift 的定义：曲线与随机线间面积占完美曲线的比例。",
        )
    )


def _mean_of_known(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of the columns over the splits that have a figure; NaN where none has (a tiny trial)."""
    known = np.isfinite(parts)
    counts = known.sum(axis=0)
    means = np.where(known, parts, 0.0).sum(axis=0) / np.maximum(counts, 1)
    return np.where(counts > 0, means, np.nan)


def _policy_name(policy: str, names: Names) -> str:
    kind, _, of = policy.partition(":")
    return f"{kind}_{names.get(of, of)}" if of else kind


def _policy_words(policy: str) -> Text:
    kind, _, of = policy.partition(":")
    if kind == "everyone":
        return Words(f"{of} for everybody", f"全部 {of}")
    if kind == "best_arm_per_customer":
        return Words(f"best arm per customer, {LEARNERS[of].en}", f"逐客最佳组，{LEARNERS[of].zh}")
    if kind == BEST_SINGLE:
        return Words("best single arm of the training rows", "训练数据的最佳单一组")
    return Words("random arm", "随机组")


def _cell(found: Repeated) -> Estimate:
    return Estimate(found.mean, found.low, found.high)


def _flat(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {f"{name}_mean": value, f"{name}_low": low, f"{name}_high": high}

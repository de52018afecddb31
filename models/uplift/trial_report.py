"""The page about one trial: is it sound, what do the arms do on average, whom do they move, and is choosing worth it.

Every claim is drawn from the intervals: a learner or policy "beats" another only when the interval of their paired
difference leaves zero out. Where a baseline wins, or nothing can be told apart, the page says so in that place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from models.plots import Interval, Line, intervals, lines
from models.policy.ope import Logged, difference, snips
from models.report import Estimate, Report, Text, Words
from models.uplift.checks import Check
from models.uplift.judge import BOOSTED, DR, ESTIMATORS, GRID, LINEAR, RESPONSE, Judgement
from models.uplift.splits import Repeated
from models.uplift.trial import Trial

LEARNER_WORDS = {
    DR: Words("DR-learner", "双稳健学习器"),
    LINEAR: Words("T-learner, linear", "线性 T 学习器"),
    BOOSTED: Words("T-learner, boosted", "提升树 T 学习器"),
    RESPONSE: Words("response ranking", "响应率排序"),
}
METRIC_WORDS = {
    "sklift_qini": Words("Qini (scikit-uplift)", "Qini（scikit-uplift）"),
    "uplift_at_30_overall": Words("uplift at 30 %", "前 30 % 增量"),
    "causalml_auuc": Words("AUUC (causalml)", "AUUC（causalml）"),
    "sklift_uplift_auc": Words("uplift AUC (scikit-uplift)", "增量 AUC（scikit-uplift）"),
}
MODEL_POLICY = f"best_arm_per_customer:{DR}"
BEST_SINGLE = "best_single_arm"


def trial_report(
    trial: Trial, judgement: Judgement, checks: Sequence[Check], name: str, splits: int, language: str = "en"
) -> Report:
    """Build the page and the flat figures of ``report.json``."""
    title = Words(f"Trial: {name}", f"试验：{name}")
    features = trial.X.shape[1]
    subtitle = Words(
        f"{len(trial):,} units, {len(trial.arms)} arms, {features} features, value = {trial.value_name};"
        f" {splits} repeated 70/30 splits",
        f"{len(trial):,} 个单位，{len(trial.arms)} 个组，{features} 个特征，价值 = {trial.value_name}；{splits} 次 70/30 随机划分",
    )
    report = Report(title, language, subtitle)
    report.add_figures({"rows": len(trial), "arms": list(trial.arms), "splits": splits, "features": features})
    _checks(report, checks)
    _verdicts(report, trial, judgement)
    _average_effects(report, trial)
    _rankings(report, trial, judgement)
    _policies(report, judgement)
    _inside(report, judgement)
    _about(report)
    return report


def slug(name: str) -> str:
    """A flat name for ``report.json``: ``Womens E-Mail`` becomes ``womens_e_mail``; other scripts are kept."""
    return re.sub(r"\W+", "_", name.lower()).strip("_")


def _checks(report: Report, checks: Sequence[Check]) -> None:
    failed = [check for check in checks if not check.passed]
    report.add_figures({"trial_checks_passed": not failed})
    for check in checks:
        report.add_figures({f"check_{check.name}": check.figure, f"check_{check.name}_passed": check.passed})
    if failed:
        report.add_verdict(
            Words("This trial fails its checks; read every figure below with that in mind. ", "本试验未通过检查，以下数字须谨慎解读。"), "bad"
        )  # fmt: skip
        for check in failed:
            report.add_verdict(check.words, "bad")


def _verdicts(report: Report, trial: Trial, judgement: Judgement) -> None:
    for arm in trial.arms[1:]:
        report.add_verdict(*_ranking_verdict(arm, judgement))
    report.add_verdict(*_policy_verdict(judgement))


def _ranking_verdict(arm: str, judgement: Judgement) -> tuple[Words, str]:
    qini = judgement.summary("value_sklift_qini", arm, DR)
    over = {
        other: judgement.paired("value_sklift_qini", (arm, DR), (arm, other)) for other in (RESPONSE, LINEAR, BOOSTED)
    }
    ranks = not qini.low <= 0 <= qini.high or np.isnan(qini.low)
    beaten = [other for other, paired in over.items() if paired.low > 0]
    beating = [other for other, paired in over.items() if paired.high < 0]
    head = Words(
        f"{arm}: the DR-learner's Qini is {_figure(qini)}, " + ("above chance." if ranks and qini.mean > 0 else "not told apart from a random order."),
        f"{arm}：双稳健学习器的 Qini 为 {_figure(qini)}，" + ("优于随机。" if ranks and qini.mean > 0 else "与随机排序无显著差异。"),
    )  # fmt: skip
    tail = Words("", "")
    for found, en, zh in ((beaten, "It beats", "显著优于"), (beating, "It loses to", "显著劣于")):
        if found:
            tail = Words(
                f"{tail.en} {en} {', '.join(LEARNER_WORDS[o].en for o in found)}.",
                f"{tail.zh}{zh}{'、'.join(LEARNER_WORDS[o].zh for o in found)}。",
            )
    if not beaten and not beating:
        tail = Words(" No baseline is told apart from it.", "与各基线无显著差异。")
    tone = "bad" if beating else "good" if ranks and qini.mean > 0 and beaten else "neutral"
    return Words(head.en + tail.en, head.zh + tail.zh), tone


def _policy_verdict(judgement: Judgement) -> tuple[Words, str]:
    gain = judgement.paired("policy", (MODEL_POLICY, "dr"), (BEST_SINGLE, "dr"))
    mine, single = (judgement.summary("policy", policy, "dr").mean for policy in (MODEL_POLICY, BEST_SINGLE))
    values = f"{mine:.4f} / {single:.4f}"
    if gain.low > 0:
        return Words(
            f"Choosing the arm per customer beats the best single arm: {values} per unit, difference {_figure(gain)}.",
            f"逐客选组优于最佳单一组：每单位 {values}，差 {_figure(gain)}。",
        ), "good"
    if gain.high < 0:
        return Words(
            f"The best single arm beats choosing per customer: {values} per unit, difference {_figure(gain)}.",
            f"最佳单一组优于逐客选组：每单位 {values}，差 {_figure(gain)}。",
        ), "bad"
    return Words(
        f"Choosing the arm per customer does not beat giving everybody the best single arm: {values} per unit,"
        f" difference {_figure(gain)}. The simpler policy is the one to use.",
        f"逐客选组并不优于对所有人使用最佳单一组：每单位 {values}，差 {_figure(gain)}。应采用更简单的策略。",
    ), "bad"


def _average_effects(report: Report, trial: Trial) -> None:
    outcomes = {"value": trial.value, **trial.outcomes}
    if trial.cost.any():
        outcomes["cost"] = trial.cost
    rows: list[list[Text | Estimate | int]] = []
    K = len(trial.arms)
    for outcome, y in outcomes.items():
        for k, arm in enumerate(trial.arms[1:], start=1):
            everyone, no_one = (
                Logged(trial.treatment, y, trial.taken, np.tile(np.eye(K)[j], (len(trial), 1)), cluster=trial.cluster)
                for j in (k, 0)
            )
            effect = difference(everyone, no_one, snips)
            rows.append([arm, outcome, Estimate(effect.value, effect.low, effect.high)])
            report.add_figures(_flat(f"average_effect_{outcome}_{slug(arm)}", effect.value, effect.low, effect.high))
    report.add_section(Words("What the arms do on average", "各组的平均效应"))
    report.add_table(
        Words(
            "Difference to the control per unit, all rows, 95 % intervals",
            "与对照组之差（每单位，全部数据，95 % 区间）",
        ),
        [Words("arm", "组"), Words("outcome", "结果"), Words("average effect", "平均效应")],
        rows,
    )


def _rankings(report: Report, trial: Trial, judgement: Judgement) -> None:
    report.add_section(Words("Whom the arms move", "谁会被打动"))
    for arm in trial.arms[1:]:
        learners = [learner for learner in LEARNER_WORDS if (arm, learner) in judgement.curves]
        curves = [Line(LEARNER_WORDS[name], GRID, np.mean(judgement.curves[arm, name], axis=0)) for name in learners]
        total = float(np.mean(judgement.curves[arm, DR], axis=0)[-1])
        curves.append(Line(Words("random order", "随机顺序"), [0, 1], [0, total], quiet=True))
        report.add_figure(
            Words(f"{arm}: Qini curves, mean of the splits", f"{arm}：Qini 曲线（各次划分的平均）"),
            lines(curves, Words("share of units treated", "处理比例"),
                  Words("gain per treated unit of the test rows", "每个处理单位的增益"), percent_x=True),
        )  # fmt: skip
    _ranking_table(report, judgement)
    shown = []
    for what, of, by in judgement.figures:
        if by == DR or not what.endswith("_sklift_qini"):
            continue
        paired = judgement.paired(what, (of, DR), (of, by))
        outcome = what.removesuffix("_sklift_qini")
        name = f"{outcome}_{slug(of)}_{DR}_minus_{by}_sklift_qini"
        report.add_figures(_flat(name, paired.mean, paired.low, paired.high))
        if outcome == "value":
            words = LEARNER_WORDS[by]
            label = Words(f"{of}: against {words.en}", f"{of}：对比{words.zh}")
            shown.append(Interval(label, paired.mean, paired.low, paired.high))
    report.add_figure(
        Words(
            "DR-learner's Qini minus the other's, paired over splits, 95 % intervals",
            "双稳健学习器与其他方法的 Qini 之差（按划分配对，95 % 区间）",
        ),
        intervals(shown, Words("difference of Qini", "Qini 之差")),
    )


def _ranking_table(report: Report, judgement: Judgement) -> None:
    rows = []
    for what, of, by in judgement.figures:
        metric = next((metric for metric in METRIC_WORDS if what.endswith(f"_{metric}")), None)
        if metric is None:
            continue
        outcome, found = what.removesuffix(f"_{metric}"), judgement.summary(what, of, by)
        name = f"{outcome}_{slug(of)}_{by}_{metric}"
        report.add_figures({**_flat(name, found.mean, found.low, found.high), f"{name}_sd": found.deviation})
        if metric in ("sklift_qini", "causalml_auuc", "uplift_at_30_overall"):
            rows.append([of, outcome, METRIC_WORDS[metric], LEARNER_WORDS[by], _cell(found)])
    rows.sort(key=lambda row: (str(row[1]) != "value", str(row[1]), str(row[0]), row[2].en))
    report.add_table(
        Words("Rankings on rows the learners have not seen", "在未见数据上的排序能力"),
        [Words("arm", "组"), Words("outcome", "结果"), Words("metric", "指标"), Words("learner", "方法"), Words("mean", "均值")],
        rows,
        strong=[i for i, row in enumerate(rows) if row[3] is LEARNER_WORDS[DR]],
    )  # fmt: skip


def _policies(report: Report, judgement: Judgement) -> None:
    report.add_section(Words("Is choosing per customer worth it?", "逐客选择值得吗？"))
    rows, shown = [], []
    policies = [of for what, of, by in judgement.figures if what == "policy" and by == "dr"]
    for policy in policies:
        cells = []
        for estimator in ESTIMATORS:
            found = judgement.summary("policy", policy, estimator)
            report.add_figures(_flat(f"policy_{slug(policy)}_{estimator}", found.mean, found.low, found.high))
            cells.append(_cell(found))
        ess = judgement.summary("policy_ess", policy, "ess").mean
        weight = judgement.summary("policy_weight", policy, "largest_weight").mean
        report.add_figures({f"policy_{slug(policy)}_ess": ess, f"policy_{slug(policy)}_largest_weight": weight})
        rows.append([_policy_words(policy), *cells, round(ess), round(weight, 2)])
        if policy != BEST_SINGLE:
            paired = judgement.paired("policy", (policy, "dr"), (BEST_SINGLE, "dr"))
            report.add_figures(
                _flat(f"policy_{slug(policy)}_minus_{BEST_SINGLE}_dr", paired.mean, paired.low, paired.high)
            )
            shown.append(Interval(_policy_words(policy), paired.mean, paired.low, paired.high))
    report.add_table(
        Words("Value per unit, net of cost, estimated off-policy on the test rows", "每单位净价值（测试数据上的离策略估计）"),
        [Words("policy", "策略"), "IPS", "SNIPS", "DR", Words("effective rows", "有效样本"), Words("largest weight", "最大权重")],
        rows,
        strong=[i for i, policy in enumerate(policies) if policy == MODEL_POLICY],
    )  # fmt: skip
    report.add_figure(
        Words(
            "Value minus that of the best single arm, DR, paired over splits",
            "与最佳单一组的价值之差（DR，按划分配对）",
        ),
        intervals(shown, Words("difference per unit", "每单位之差")),
    )


def _inside(report: Report, judgement: Judgement) -> None:
    report.add_section(Words("Inside the DR-learner", "模型内部"))
    fifths = {arm: np.nanmean(np.vstack(parts), axis=0) for arm, parts in judgement.fifths.items()}
    columns: list[Text] = [Words("arm", "组")]
    columns += [Words(f"fifth {i}", f"第 {i} 个五分位") for i in range(1, 6)]
    report.add_table(
        Words(
            "Observed effect by fifth of the predicted one, most promising first",
            "按预测效应五等分的实际效应（由高到低）",
        ),
        columns,
        [[arm, *map(float, effects)] for arm, effects in fifths.items()],
    )
    for arm, effects in fifths.items():
        report.add_figures({f"observed_effect_by_fifth_{slug(arm)}": list(map(float, effects))})
    total = sum(judgement.importance.values()) or 1.0
    shares = sorted(((part / total, name) for name, part in judgement.importance.items()), reverse=True)[:10]
    report.add_table(
        Words("What the effects depend on: share of the final models' gain", "效应取决于什么：最终模型增益占比"),
        [Words("feature", "特征"), Words("share", "占比")],
        [[name, share] for share, name in shares],
    )


def _about(report: Report) -> None:
    report.add_section(Words("How to read this", "如何阅读"))
    report.add_text(Words(
        "Every figure is measured on rows that the learners and choices did not see. Repeated splits share rows, so"
        " intervals use the variance correction of Nadeau and Bengio (2003). Curves have points only where the score"
        " changes, so tied rows cannot flatter anybody. Qini is scikit-uplift's: the area between curve and random order,"
        " as a share of the perfect curve's.",
        "所有数字均在学习与选择未见过的数据上测得。多次划分共享数据，区间采用 Nadeau–Bengio（2003）方差校正。"
        "曲线只在分数变化处取点，并列不会带来虚高。Qini 采用 scikit-uplift 的定义：曲线与随机线间面积占完美曲线的比例。"))  # fmt: skip


def _policy_words(policy: str) -> Text:
    kind, _, of = policy.partition(":")
    if kind == "everyone":
        return Words(f"{of} for everybody", f"全部 {of}")
    if kind == "best_arm_per_customer":
        return Words(f"best arm per customer, {LEARNER_WORDS[of].en}", f"逐客最佳组，{LEARNER_WORDS[of].zh}")
    return {"best_single_arm": Words("best single arm of the training rows", "训练数据的最佳单一组")}.get(
        kind, Words("random arm", "随机组")
    )


def _figure(found: Repeated) -> str:
    return f"{found.mean:.4f} [{found.low:.4f}, {found.high:.4f}]"


def _cell(found: Repeated) -> Estimate:
    return Estimate(found.mean, found.low, found.high)


def _flat(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {f"{name}_mean": value, f"{name}_low": low, f"{name}_high": high}

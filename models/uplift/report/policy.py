"""Sections of a trial's report on decisions: what a budget buys, and whether choosing per customer is worth it."""

from __future__ import annotations

import math

import numpy as np

from models.plots import Interval as Row
from models.plots import Line, intervals, lines
from models.policy.references import AVERAGES, BEST_SINGLE, COST_BLIND, MODEL, RESPONSE
from models.report import Cell, Number, Report, Text, Words
from models.uplift.report.held_out import LINEAR
from models.uplift.report.judge import BEST_SINGLE as BEST_SINGLE_ARM
from models.uplift.report.judge import ESTIMATORS
from models.uplift.report.judged import Judged
from models.uplift.report.verdicts import MODEL_POLICY
from models.uplift.report.words import LEARNERS, cell, digits, flat, flat_names
from models.uplift.splits import Repeated

SPENDERS = {
    MODEL: Words("DR-learner's effects", "双稳健学习器的效应"),
    LINEAR: Words("T-learner's effects, linear", "线性 T 学习器的效应"),
    RESPONSE: Words("response ranking, best single arm", "响应率排序，最佳单一组"),
    BEST_SINGLE: Words("best single arm, random order", "最佳单一组，随机顺序"),
    AVERAGES: Words("average effects, random order", "平均效应，随机顺序"),
    COST_BLIND: Words("DR-learner, blind to costs", "双稳健学习器，不看成本"),
}
QUIET = (BEST_SINGLE, AVERAGES)
MOST_ROWS = 16
DIFFERENCE = Words("difference per unit, 95 % interval", "每单位之差，95 % 区间")


def budgets(report: Report, judged: Judged) -> None:
    """Value against spend, and how far the model is ahead of each way to spend the same."""
    curves, priced = judged.spending.curves, judged.spending.priced
    report.add_section(Words("What a budget buys", "预算能换来什么"))
    report.add_text(
        Words(
            "Each curve spends from nothing to everything it wants, and is measured on held-out units against giving"
            " nothing to anybody." + ("" if priced else " No cost was given, so the budget is the share treated."),
            "每条曲线从零花到全部想花的预算，在留出数据上与“什么都不做”相比。"
            + ("" if priced else "未给出成本，预算即处理比例。"),
        )
    )
    spend = Words("spend per unit", "每单位支出") if priced else Words("share of units treated", "处理比例")
    gain = Words("gain in value per unit", "每单位价值增益")
    if len(curves.budgets) < 2:
        report.add_text(Words("No policy spends anything here.", "没有任何策略愿意花费。"))
        return
    drawn = []
    for name in curves.names:
        line = curves.curve(name)
        known = np.isfinite(line.value)
        low, high = (line.low[known], line.high[known]) if name == MODEL else (None, None)
        drawn.append(Line(SPENDERS[name], curves.budgets[known], line.value[known], low, high, name in QUIET))
    report.add_figure(
        Words("Value against spend; the band is the DR-learner's 95 % interval",
              "价值与支出；色带为双稳健学习器的 95 % 区间"),
        lines(drawn, spend, gain, percent_x=not priced),
    )  # fmt: skip
    _areas(report, judged)


def _areas(report: Report, judged: Judged) -> None:
    curves = judged.spending.curves
    others = [name for name in curves.names if name != MODEL]
    between = {name: curves.area_between(MODEL, name) for name in others}
    mine = curves.area(MODEL)
    report.add_figures(flat("budget_curve_area_model", mine.value, mine))
    report.add_figures({"budget_curve_spend": curves.budgets, "budget_curve_priced": judged.spending.priced})
    report.add_figures({f"budget_curve_value_{name}": curves.curve(name).value for name in curves.names})
    for name, found in between.items():
        report.add_figures(flat(f"budget_curve_area_{name}", curves.area(name).value, curves.area(name)))
        report.add_figures(flat(f"budget_curve_area_model_minus_{name}", found.value, found))
    known = {name: found for name, found in between.items() if math.isfinite(found.low)}
    if known:
        report.add_figure(
            Words("The DR-learner's curve minus each other's, mean over all budgets, paired on the same units",
                  "双稳健学习器的曲线减去其他曲线，对全部预算取平均，同一批单位配对"),
            intervals([Row(SPENDERS[name], f.value, f.low, f.high) for name, f in known.items()], DIFFERENCE),
        )  # fmt: skip


def policies(report: Report, judged: Judged) -> None:
    """Off-policy values of giving everybody the same, nothing, chance, and the best arm per customer."""
    judgement, names = judged.judgement, flat_names(judged.trial.arms)
    found: dict[str, dict[str, Repeated]] = {}
    gains: dict[str, Repeated] = {}
    for policy in [of for what, of, by in judgement.figures if what == "policy" and by == "dr"]:
        name = policy_name(policy, names)
        found[policy] = {estimator: judgement.summary("policy", policy, estimator) for estimator in ESTIMATORS}
        for estimator, summary in found[policy].items():
            report.add_figures(flat(f"policy_{name}_{estimator}", summary.mean, summary))
        ess = judgement.summary("policy_ess", policy, "ess").mean
        weight = judgement.summary("policy_weight", policy, "largest_weight").mean
        report.add_figures({f"policy_{name}_effective_rows": ess, f"policy_{name}_largest_weight": weight})
        report.add_figures({f"policy_{name}_weights_exploded": policy in judgement.exploded})
        if policy != BEST_SINGLE_ARM:
            gains[policy] = judgement.summary("policy_gain", policy, "dr")
            report.add_figures(flat(f"policy_{name}_minus_{BEST_SINGLE_ARM}_dr", gains[policy].mean, gains[policy]))
    report.add_section(Words("Is choosing per customer worth it?", "逐客选择值得吗？"))
    shown = [p for p in gains if not p.startswith("everyone:") or len(gains) <= MOST_ROWS]
    if np.isfinite([gains[policy].low for policy in shown]).all():
        report.add_figure(
            Words(f"Value minus that of the best single arm of the training rows (mostly {judgement.best_arm})",
                  f"与训练数据的最佳单一组（多为 {judgement.best_arm}）的价值之差"),
            intervals([_row(policy, gains[policy]) for policy in shown], DIFFERENCE),
        )  # fmt: skip
    _policy_table(report, judged, found)
    _weights(report, judged)


def _row(policy: str, gain: Repeated) -> Row:
    return Row(policy_words(policy), gain.mean, gain.low, gain.high, not policy.startswith("best_arm_per_customer"))


def _policy_table(report: Report, judged: Judged, found: dict[str, dict[str, Repeated]]) -> None:
    judgement = judged.judgement
    places = digits(by["dr"] for by in found.values())
    rows: list[list[Cell]] = []
    for policy, by in found.items():
        ess = judgement.summary("policy_ess", policy, "ess").mean
        weight = judgement.summary("policy_weight", policy, "largest_weight").mean
        values = [cell(summary.mean, summary, places) for summary in by.values()]
        rows.append([policy_words(policy), *values, round(ess), Number(weight, 1)])
    columns: list[Text] = [Words("policy", "策略"), "IPS", "SNIPS", "DR"]
    columns += [Words("effective rows", "有效样本"), Words("largest weight", "最大权重")]
    caption = Words("Value per unit, net of cost, off-policy on the test rows", "每单位净价值，测试数据上的离策略估计")
    strong = [list(found).index(MODEL_POLICY)]
    if len(rows) > MOST_ROWS:
        with report.folded(caption):
            report.add_table(caption, columns, rows, strong=strong)
    else:
        report.add_table(caption, columns, rows, strong=strong)


def _weights(report: Report, judged: Judged) -> None:
    exploded = [policy_words(policy) for policy in judged.judgement.exploded]
    report.add_figures({"policy_weights_exploded": bool(exploded)})
    if not exploded:
        report.add_text(
            Words("No weight explodes: no policy rests on a handful of rows.", "没有权重爆炸：没有策略只依赖少数几行。")
        )
        return
    english = "; ".join(sorted(word.en for word in exploded))
    chinese = "；".join(sorted(word.zh for word in exploded))
    report.add_text(
        Words(
            f"Weights explode for: {english}. So few rows carry the estimate that its interval deserves no trust.",
            f"以下策略的权重爆炸：{chinese}。估计只依赖极少数行，其区间不可信。",
        )
    )


def policy_name(policy: str, names: dict[str, str]) -> str:
    """Flat name of a policy."""
    kind, _, of = policy.partition(":")
    return f"{kind}_{names.get(of, of)}" if of else kind


def policy_words(policy: str) -> Words:
    """A policy in words."""
    kind, _, of = policy.partition(":")
    if kind == "everyone":
        return Words(f"{of} for everybody", f"全部 {of}")
    if kind == "best_arm_per_customer":
        return Words(f"best arm per customer, {LEARNERS[of].en}", f"逐客最佳组，{LEARNERS[of].zh}")
    if kind == BEST_SINGLE_ARM:
        return Words("best single arm of the training rows", "训练数据的最佳单一组")
    return Words("random arm", "随机组")

"""The page about one trial: is it sound, what do the arms do on average, whom do they move, and is choosing worth it.

Where a baseline wins, or nothing can be told apart, the page says so in its first lines.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from models.policy.references import MODEL
from models.registry.ladder import Ladder
from models.report import Cell, Report, Text, Words
from models.uplift.checks import Check
from models.uplift.ladders.report import ladder_section
from models.uplift.report.effects import calibrated, dependences
from models.uplift.report.held_out import FOLDS
from models.uplift.report.judged import Judged
from models.uplift.report.people import who_gains
from models.uplift.report.policy import budgets, policies
from models.uplift.report.ranking import average_effects, fifths, rankings, whom_they_move
from models.uplift.report.verdicts import (
    MODEL_POLICY,
    against_control,
    bottom_line,
    budget_statement,
    even_chances,
    people_statement,
    policy_statement,
    ranking_figure,
    ranking_statement,
)
from models.uplift.report.words import cell, digits, percent
from models.uplift.splits import TEST_SHARE

LIBRARIES = ("numpy", "pandas", "lightgbm", "scikit-learn", "scipy")


def trial_report(
    judged: Judged,
    name: str,
    seed: int,
    language: str = "en",
    source: Mapping[str, str] | None = None,
    ladder: Ladder | None = None,
) -> Report:
    """Build the page and the flat figures of ``report.json``.

    ``source`` tells where the data came from; ``ladder``: arms that differ in their face value alone.
    """
    trial, judgement = judged.trial, judged.judgement
    rows, arms, features = len(trial), len(trial.arms), trial.X.shape[1]
    splits = judged.effort.splits
    subtitle = Words(
        f"{rows:,} units, {arms} arms, {features} features, value = {trial.value_name}; {splits} random 70/30 splits",
        f"{rows:,} 个单位，{arms} 个组，{features} 个特征，价值 = {trial.value_name}；{splits} 次 70/30 随机划分",
    )
    report = Report(Words(f"Trial: {name}", f"试验：{name}"), language, subtitle, contents=True)
    report.add_figures({"rows": rows, "arms": list(trial.arms), "splits": splits, "features": features})
    report.add_figures({"best_single_arm": judgement.best_arm, "seed": seed})
    _checks(report, judged.checks)
    _verdicts(report, judged)
    _tiles(report, judged)
    average_effects(report, judged)
    whom_they_move(report, judged)
    calibrated(report, judged)
    who_gains(report, judged)
    dependences(report, judged)
    budgets(report, judged)
    policies(report, judged)
    rankings(report, judged)
    if ladder is not None:
        ladder_section(report, ladder, trial, seed)
    fifths(report, judged)
    _soundness(report, judged)
    _reproduce(report, judged, seed, source or {})
    return report


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


def _verdicts(report: Report, judged: Judged) -> None:
    judgement, even = judged.judgement, even_chances(judged.trial)
    statements = [bottom_line(judged.trial, judgement, judged.findings), policy_statement(judgement)]
    if math.isfinite(judged.spending.curves.area(MODEL).low) and len(judged.spending.curves.budgets) > 1:
        statements.append(budget_statement(judged.spending))
    statements += [ranking_statement(found, judgement, even) for found in judged.findings]
    statements += [people_statement(found) for found in judged.findings]
    for statement in statements:
        report.add_verdict(statement.words, statement.tone)


def _tiles(report: Report, judged: Judged) -> None:
    """The figures that a reader would copy first, of the arm with the most units."""
    trial, judgement = judged.trial, judged.judgement
    first = judged.findings[0]
    gain = judgement.summary("policy_gain", MODEL_POLICY, "dr")
    name, ranking, spread = ranking_figure(first, judgement, even_chances(trial))
    mean = against_control(trial, first.arm, trial.value)  # as in the table below, so that the page has one average
    report.add_tiles(
        [
            (Words("units", "单位数"), len(trial)),
            (Words(f"average effect of {first.name}", f"{first.name} 平均效应"),
             cell(mean.value, mean, digits([mean]))),
            (Words(f"{name}, {first.name}", f"{name}，{first.name}"), cell(ranking, spread, digits([spread]))),
            (Words("choosing per customer, over the best single arm", "逐客选择比最佳单一组多"),
             cell(gain.mean, gain, digits([gain]))),
            (Words(f"predicted to be harmed by {first.name}", f"预计被 {first.name} 损害"),
             percent(first.harm.share)),
        ]
    )  # fmt: skip


def _soundness(report: Report, judged: Judged) -> None:
    report.add_section(Words("Is the trial sound?", "试验是否可靠？"))
    rows: list[list[Cell]] = [
        [Words("passed", "通过") if check.passed else Words("FAILED", "未通过"), check.words] for check in judged.checks
    ]
    columns: list[Text] = [Words("check", "检查"), Words("what was found", "发现")]
    failed = [i for i, check in enumerate(judged.checks) if not check.passed]
    report.add_table(Words("Checks of the design", "设计检查"), columns, rows, strong=failed)
    report.add_section(Words("How to read this", "如何阅读"))
    report.add_list(
        [
            Words(
                "Every figure is measured on rows that the learners and choices did not see. Figures over repeated"
                f" splits train on {1 - TEST_SHARE:.0%} of the units; splits share rows, so their intervals use the"
                " variance of Nadeau and Bengio (2003).",
                f"所有数字均在学习与选择未见过的数据上测得。重复划分以 {1 - TEST_SHARE:.0%} 的单位训练；"
                "划分之间共享数据，区间采用 Nadeau–Bengio（2003）方差。",
            ),
            Words(
                f"Calibration, segments, feature effects and budgets rest on one pass of {FOLDS} folds in which every"
                " unit is held out once; their effects are means of doubly robust scores, with intervals over units"
                " (or clusters, where the spec names them).",
                f"校准、人群、特征效应与预算基于一次 {FOLDS} 折留出，每个单位恰好留出一次；"
                "效应为双稳健得分的均值，区间基于单位（若给出 cluster 则基于簇）。",
            ),
            Words(
                "Curves have points only where the score changes, so tied rows flatter nobody. Qini is scikit-uplift's:"
                " the area between the curve and a random order, as a share of the perfect curve's.",
                "曲线只在分数变化处取点，并列不会带来虚高。"
                "Qini 采用 scikit-uplift 的定义：曲线与随机线间面积占完美曲线的比例。",
            ),
            Words(
                "Qini, AUUC and uplift at 30 % compare raw means and assume that the chances of the arms do not depend"
                " on the unit; AUTOC, segments and policy values use the propensities.",
                "Qini、AUUC 与前 30 % 增量比较原始均值，假定各组概率与单位无关；AUTOC、人群与策略价值使用倾向概率。",
            ),
            Words(
                "An interval that holds zero proves neither a difference nor its absence.",
                "区间包含零既不证明有差异，也不证明没有差异。",
            ),
        ]
    )


def _reproduce(report: Report, judged: Judged, seed: int, source: Mapping[str, str]) -> None:
    report.add_section(Words("To reproduce", "复现"))
    plan, n = judged.effort, len(judged.trial)
    if plan.is_cut(n):
        report.add_text(
            Words(
                f"The table is large, so {plan.splits} of {plan.asked} splits of {plan.rows_a_split:,} units each were"
                f" judged, and {plan.held_out_rows:,} of {n:,} units were held out once; all were drawn at random. The"
                " averages and checks use all rows.",
                f"数据量大：评判了 {plan.asked} 次划分中的 {plan.splits} 次，每次 {plan.rows_a_split:,} 个单位；"
                f"{n:,} 个单位中随机抽取 {plan.held_out_rows:,} 个做留出。平均效应与检查使用全部数据。",
            )
        )
    versions = {"python": ".".join(map(str, sys.version_info[:3]))} | {name: version(name) for name in LIBRARIES}
    told = {**source, "seed": str(seed), **versions}
    report.add_table(
        Words(
            "The same data, spec, seed and versions give the same page", "相同的数据、配置、种子与版本得到相同的页面"
        ),
        [Words("what", "项目"), Words("value", "取值")],
        [[name, value] for name, value in told.items()],
    )
    report.add_figures({f"version_{name.replace('-', '_')}": found for name, found in versions.items()})
    report.add_figures({f"source_{name}": value for name, value in source.items()})
    report.add_figures(
        {
            "splits_asked": plan.asked,
            "rows_a_split": plan.rows_a_split,
            "held_out_rows": plan.held_out_rows,
            "rows_left_out_as_missing": 0 if judged.trial.missing is None else int(judged.trial.missing.sum()),
        }
    )

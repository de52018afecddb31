"""What every budget would earn: the models' ranking of users and offers beside the baselines, on held-out decisions."""

from __future__ import annotations

import numpy as np

from models.plots import Line, lines
from models.policy.budget_curve import BudgetCurves, Scored, budget_curve
from models.policy.compare import BEST_ARM, POLICY, RESPONSE, Decisions
from models.report import Cell, Estimate, Report, Words
from models.uplift.scores import dr_scores
from pipelines.policy_words import policy_words


def curves(decisions: Decisions, level: float = 0.95) -> BudgetCurves:
    """Profit against spend at every budget, per decision in cents: the effects' ranking beside what needs none.

    An offer that a decision could not give counts as none.
    """
    eligible = decisions.eligible.copy()
    eligible[:, 0] = True
    expected = decisions.baseline[:, None] + decisions.effect
    profit = dr_scores(decisions.profit_cents, decisions.action, decisions.propensity, expected)
    cost = dr_scores(decisions.cost_cents, decisions.action, decisions.propensity, decisions.effect_cost)
    scored = Scored.of(
        np.where(eligible, profit, profit[:, :1]), np.where(eligible, cost, cost[:, :1]), decisions.user_ids
    )
    effect, effect_cost = np.where(eligible, decisions.effect, 0.0), np.where(eligible, decisions.effect_cost, 0.0)
    best = int(effect.mean(axis=0).argmax())
    policies = {POLICY: (effect, effect_cost)}
    if best:
        alone = np.zeros_like(effect)
        alone[:, best] = np.where(eligible[:, best], effect[:, best].mean(), 0.0)
        price = np.zeros_like(effect)
        price[:, best] = np.where(eligible[:, best], 1.0, 0.0)
        # Ranks instead of outcomes: whoever would earn least comes last, but comes.
        rank = np.unique(decisions.baseline + effect[:, best], return_inverse=True)[1] + 1.0
        ranked = np.zeros_like(effect)
        ranked[:, best] = np.where(eligible[:, best], rank / len(rank), 0.0)
        policies |= {BEST_ARM: (alone, price), RESPONSE: (ranked, price)}
    return budget_curve(scored, policies, level=level)


def add_curves(report: Report, found: BudgetCurves) -> None:
    """The section with the curves, and how far the policy is ahead over all budgets."""
    report.add_section(Words("Every budget", "各种预算"))
    report.add_text(
        Words(
            "Profit against coupon cost, both measured on held-out decisions, when each ranking spends more and more. "
            "The mean difference over all budgets says how much better one ranking is, whatever the budget.",
            "横轴为券成本、纵轴为利润，均在留出决策上测得，按各排序逐步增加花费。全部预算上的平均差异说明某一排序优于另一排序的程度，"
            "与预算无关。",
        )
    )
    drawn = []
    for name in found.names:
        curve = found.curve(name)
        known = np.isfinite(curve.value)
        drawn.append(
            Line(
                policy_words(name),
                found.budgets[known] / 100,
                curve.value[known] / 100,
                curve.low[known] / 100 if name == POLICY else None,
                curve.high[known] / 100 if name == POLICY else None,
            )
        )
    labels = (
        Words("¥ of coupon cost per decision", "券成本，元/决策"),
        Words("¥ of profit per decision", "利润，元/决策"),
    )
    report.add_figure(Words("Profit at every budget (95 % band)", "各预算下的利润（95% 区间）"), lines(drawn, *labels))
    others = [name for name in found.names if name != POLICY]
    if others:
        rows: list[list[Cell]] = []
        for name in others:
            ahead = found.area_between(POLICY, name)
            rows.append([policy_words(name), Estimate(ahead.value / 100, ahead.low / 100, ahead.high / 100, digits=3)])
        report.add_table(
            Words("Policy ahead, mean over all budgets, ¥ per decision", "策略领先，全部预算平均，元/决策"),
            [Words("beside", "对比"), Words("ahead by", "领先")],
            rows,
        )


def curve_figures(found: BudgetCurves) -> dict[str, float | list[float]]:
    """Flat figures in cents per decision: the grid of budgets, every curve with its band and where it flattens, and the
    paired differences."""
    figures: dict[str, float | list[float]] = {"curve_budgets": found.budgets.tolist()}
    for name in found.names:
        curve = found.curve(name)
        figures[f"curve_{name}"] = curve.value.tolist()
        figures |= {f"curve_{name}_low": curve.low.tolist(), f"curve_{name}_high": curve.high.tolist()}
        figures[f"curve_{name}_flattens_at"] = found.flattens_at(name)
        if name != POLICY:
            ahead = found.area_between(POLICY, name)
            prefix = f"curve_ahead_of_{name}"
            figures |= {prefix: ahead.value, f"{prefix}_low": ahead.low, f"{prefix}_high": ahead.high}
    return figures

"""What is the champion policy worth? Its price rule and the baselines, judged on held-out randomised decisions.

Held out means decided at or after the moment until which the champion uplift model was trained (``trained_until`` in
its spec), with a closed outcome window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from prefect import flow, get_run_logger, task

from features.errors import InputError
from features.snapshots import midnight
from models.baseline_profit import baseline_profit
from models.plots import Interval, intervals
from models.policy import ope
from models.policy.assign import Policy
from models.policy.budget_curve import BudgetCurves
from models.policy.compare import NO_ONE, POLICY, RESPONSE, Comparison, Decisions, chances, compare
from models.policy.expected import expected_profit
from models.policy.fairness import Fairness, fairness
from models.registry import Loaded, Registry, effects
from models.report import Estimate, Money, Report, Words
from pipelines.abuse_probability import abuse_probability
from pipelines.build_features import last_day
from pipelines.policy_curves import add_curves, curve_figures, curves
from pipelines.policy_words import policy_words
from pipelines.read_features import decisions_between, matrix_of, open_tables
from pipelines.round_policy import segmentation
from pipelines.round_report import add_fairness
from pipelines.runtime import may_pass
from serving.settings import Settings, load_settings

FEWEST = 100  # decisions below which no interval deserves the name
Progress = Callable[[str, float], None]
"""Called with what is being done and the share that is done, 0 to 1."""


@dataclass(frozen=True)
class Evaluation:
    """The comparison, the versions it is about, its report, and the report's flat figures."""

    policy_version: str
    uplift_version: str
    after: datetime
    comparison: Comparison
    report: Path
    figures: dict[str, object]


def judge_policy(
    settings: Settings,
    tables: Path | None = None,
    out: Path | None = None,
    after: datetime | None = None,
    before: datetime | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Judge the champion policy on decisions in [after, before).

    Args:
        settings: home, registry, shop.
        tables: folder of the shop's tables; the ingested ones by default.
        out: folder of the report; ``reports/evaluate_policy`` by default.
        after: naive UTC; by default until when the uplift model was trained.
        before: naive UTC; by default the first midnight after everything in the tables.

    Raises InputError when there is no champion, or too few held-out decisions.
    """
    tell = progress or _silent
    out = out or settings.reports / "evaluate_policy"
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    champion = registry.champion("policy")
    if champion is None:
        raise InputError("model policy", "no champion", "a promoted policy; run choose_coupons first")
    policy = Policy.from_spec(champion.artefact.spec)
    uplift = registry.load("uplift", policy.uplift_version)
    after = after or _trained_until(uplift)
    tell("reading decisions and features", 0.0)
    con, shop = open_tables(settings, tables)
    before = before or midnight(last_day(shop))
    frame = decisions_between(con, shop, after, before, settings.shop.timezone, policy.arms)
    tell("comparing policies", 0.7)
    held_out = decisions_of(frame, policy, uplift, registry.champion("abuse"))
    found = compare(policy, held_out)
    report = report_of(found, curves(held_out), _fair(settings, policy, held_out, frame))
    versions = {"policy_version": champion.version, "uplift_version": uplift.version}
    page = report.add_figures({**versions, "judged_after": after.isoformat()}).write(out)
    registry.note("policy", champion.version, lift_low=f"{found.named(POLICY).lift.low:.4f}")
    tell("the policy is judged", 1.0)
    return Evaluation(champion.version, uplift.version, after, found, page, dict(report.figures))


def decisions_of(frame: pd.DataFrame, policy: Policy, uplift: Loaded, abuse: Loaded | None = None) -> Decisions:
    """Logged decisions with outcomes and features, beside what the models predict for them.

    The effects are discounted by the chance of abuse, as they are when coupons are chosen; without ``abuse`` by none.
    """
    if len(frame) < FEWEST:
        raise InputError("held-out decisions", len(frame), f"at least {FEWEST} with a closed outcome window")
    X = matrix_of(frame, uplift.artefact.features)
    found = effects(uplift.artefact, X)
    place = {arm: at for at, arm in enumerate(policy.arms)}
    action = frame["offer"].map(place).to_numpy(dtype=np.intp)
    eligible = np.zeros((len(frame), len(policy.arms)), dtype=np.bool_)
    for row, names in enumerate(frame["eligible"]):
        eligible[row, [place[name] for name in names]] = True
    profit = (frame["value_cents"] - frame["cost_cents"]).to_numpy(dtype=np.float64)
    effect = expected_profit(found, abuse_probability(abuse, frame))
    taken = effect[np.arange(len(frame)), action]
    return Decisions(
        action=action,
        eligible=eligible,
        propensity=frame["propensity"].to_numpy(dtype=np.float64),
        profit_cents=profit,
        cost_cents=frame["cost_cents"].to_numpy(dtype=np.float64),
        user_ids=frame["user_id"].tolist(),
        effect=effect,
        effect_cost=found.cost,
        baseline=baseline_profit(X, profit, taken, frame["user_id"]),
        facts=dict(zip(policy.needs, matrix_of(frame, policy.needs).T, strict=True)),
    )


def _fair(settings: Settings, policy: Policy, decisions: Decisions, frame: pd.DataFrame) -> Fairness | None:
    """What the policy's rule would have given each segment on the held-out decisions; None without segments."""
    segments = segmentation(settings)
    if segments is None or segments.feature not in frame:
        return None
    chance = chances(policy, decisions)
    return fairness(
        segments.of(frame[segments.feature]),
        1 - chance[:, 0],
        (chance * decisions.effect).sum(axis=1),
        (chance * decisions.effect_cost).sum(axis=1),
        np.where(decisions.eligible, decisions.effect, 0.0).max(axis=1),
        cluster=decisions.user_ids,
    )


def report_of(found: Comparison, budgets: BudgetCurves | None = None, fair: Fairness | None = None) -> Report:
    """The comparison as a page; first of all whether the policy earns more than no coupons, and what earns more.

    Then profit at every budget, and the segments side by side, where they are given.
    """
    report = Report(Words("What the policy is worth", "策略价值评估"))
    _verdicts(report, found)
    mine, ranking = found.named(POLICY), found.named(RESPONSE)
    report.add_tiles(
        [
            (Words("decisions", "决策数"), found.n),
            (Words("lift over no coupons, ¥ per decision", "较不发券增益，元/决策"), _cell(mine.lift)),
            (Words("ahead of response ranking, ¥ per decision", "领先响应排序，元/决策"), _cell(ranking.behind_policy)),
        ]
    )
    _table(report, found)
    report.add_figure(
        Words("Lift over no coupons", "较不发券的增益"),
        intervals(
            [
                Interval(policy_words(name), lift.value / 100, lift.low / 100, lift.high / 100)
                for name, lift in ((one.name, one.lift) for one in found.standings)
            ],
            Words("¥ per decision", "元/决策"),
            reference=0.0,
        ),
    )
    report.add_figures(found.figures())
    if budgets is not None:
        add_curves(report, budgets)
        report.add_figures(curve_figures(budgets))
    if fair is not None:
        add_fairness(report, fair)
        report.add_figures(fair.figures())
    return report


#: What the interval of the lift shows: above zero, neither, below zero.
_SHOWN = {
    1: (". It pays.", "，确有收益。", "good"),
    0: (": not shown to pay.", "，尚不能证明有收益。", "neutral"),
    -1: (". It does not pay.", "，发券不划算。", "bad"),
}


def _verdicts(report: Report, found: Comparison) -> None:
    mine = found.named(POLICY)
    lift = mine.lift
    amount, low, high = (Money(part, 2).html() for part in (abs(lift.value), lift.low, lift.high))
    less = lift.value < 0
    en, zh, tone = _SHOWN[(lift.low > 0) - (lift.high < 0)]
    report.add_verdict(
        Words(
            f"Against no coupons the policy earns {amount} {'less' if less else 'more'} per decision "
            f"(difference {low} to {high}){en}",
            f"与不发券相比，每次决策{'少' if less else '多'}赚 {amount}（差异 {low} 至 {high}）{zh}",
        ),
        tone,
    )
    rivals = [one for one in found.standings if one.name not in (POLICY, NO_ONE) and one.behind_policy.high < 0]
    if rivals:
        names = [policy_words(one.name) for one in rivals]
        english, chinese = ", ".join(name.en for name in names), "、".join(name.zh for name in names)
        report.add_verdict(
            Words(f"These baselines earn more than the policy: {english}.", f"以下基线优于策略：{chinese}。"), "bad"
        )
    if mine.profit.warning is not None:
        report.add_verdict(mine.profit.warning, "bad")


def _table(report: Report, found: Comparison) -> None:
    """Five columns of figures; the other figures (weights, the cost's interval) are in ``report.json``."""
    report.add_table(
        Words(
            "Profit per decision in ¥ (95 % intervals, clustered by user)",
            "每次决策利润（元，95% 区间，按用户聚类）",
        ),
        [
            Words("policy", "策略"),
            Words("profit, DR", "利润（DR）"),
            Words("profit, SNIPS", "利润（SNIPS）"),
            Words("policy ahead by", "策略领先"),
            Words("coupon cost", "券成本"),
            Words("effective sample", "有效样本"),
        ],
        [
            [
                policy_words(one.name),
                _cell(one.profit),
                _cell(one.profit_snips),
                _cell(one.behind_policy),
                one.cost.value / 100,
                round(one.profit.ess),
            ]
            for one in found.standings
        ],
        digits=2,
        strong=(0,),
    )


def _cell(found: ope.Estimate) -> Estimate:
    """Cents as yuan."""
    return Estimate(found.value / 100, found.low / 100, found.high / 100, digits=2)


def _trained_until(uplift: Loaded) -> datetime:
    until = uplift.artefact.spec.get("trained_until")
    if until is None:
        raise InputError("after", None, "a moment, since the uplift model does not say until when it was trained")
    return datetime.fromisoformat(str(until))


def _silent(what: str, share: float) -> None:
    """Progress that nobody watches."""


@task(retries=2, retry_delay_seconds=10, retry_condition_fn=may_pass)
def judge_task(settings: Settings, after: datetime | None, before: datetime | None) -> Evaluation:
    """``judge_policy`` for an installation, tried again on failure: its files are replaced."""
    return judge_policy(settings, after=after, before=before)


@flow(name="evaluate_policy")
def evaluate_policy(
    profile: str | None = None, after: datetime | None = None, before: datetime | None = None
) -> Evaluation:
    """Judge the champion policy and the baselines on held-out decisions."""
    settings = load_settings(profile)
    logger = get_run_logger()
    logger.info("after=%s before=%s", after or "end of training", before or "newest")
    done = judge_task(settings, after, before)
    logger.info("policy=%s uplift=%s figures=%s", done.policy_version, done.uplift_version, done.figures)
    return done

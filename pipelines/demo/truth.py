"""The estimates of the demo next to the simulated truth: the one place of the product that reads ``truth/``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from models.abuse.metrics import average_precision, recall_at_fpr
from models.impact import Outcomes, did_it_pay
from models.policy.assign import Policy, probabilities
from models.registry import Registry
from pipelines.build_features import last_day
from pipelines.demo.day import Outcome
from pipelines.evaluate_policy import decisions_of
from pipelines.read_features import decisions_between, open_tables
from pipelines.shop.live import Shoppers
from serving.settings import Settings

AUTOMATIC = frozenset({"withhold", "revoke", "freeze", "block"})
"""Actions that no person looks at first."""


@dataclass(frozen=True)
class Profit:
    """An estimate in cents with its 95 % interval, and what was true."""

    estimate: float
    low: float
    high: float
    truth: float
    decisions: int

    @property
    def covered(self) -> bool:
        return self.low <= self.truth <= self.high


@dataclass(frozen=True)
class Caught:
    """How well flags agree with the truth; ``worst_look_alike`` names the honest group that suffers most."""

    users: int
    abusers: int
    average_precision: float
    recall_at_01: float
    recall_at_1: float
    flagged: int
    worst_look_alike: str
    worst_automatic: float
    worst_review: float


def day_profit(outcomes: Sequence[Outcome], shoppers: Shoppers) -> Profit:
    """What the coupons of a day earned beyond none at all, by the log's propensities, next to the truth."""
    decided = [(outcome, outcome.decision) for outcome in outcomes if outcome.decision is not None]
    log = Outcomes(
        user=[outcome.visit.user_id for outcome, _ in decided],
        offered=[decision["offer"] != "none" for _, decision in decided],
        propensity=[decision["propensity"] for _, decision in decided],
        holdout=[decision["holdout"] for _, decision in decided],
        value_cents=[outcome.value_cents for outcome, _ in decided],
        cost_cents=[outcome.cost_cents for outcome, _ in decided],
    )
    headline = did_it_pay(log)[0]
    truth = sum(
        value - cost
        for outcome, _ in decided
        if outcome.coupon_id
        for value, cost in [shoppers.truth_of(outcome.visit.user_id, outcome.offer)]
    )
    return Profit(headline.profit_cents, headline.low, headline.high, truth, len(decided))


def policy_profit(settings: Settings, shop: Path, lift: tuple[float, float, float]) -> Profit:
    """The policy's lift over no coupons on held-out decisions, summed over them, next to the truth.

    ``lift`` is the doubly robust estimate per decision with its interval, as ``evaluate_policy`` gives it.
    """
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    champion = registry.load("policy")
    policy = replace(Policy.from_spec(champion.artefact.spec), exploration=0.0, holdout=0.0, rates=None)
    uplift = registry.load("uplift", policy.uplift_version)
    con, tables = open_tables(settings)
    after = pd.Timestamp(uplift.artefact.spec["trained_until"]).to_pydatetime()
    before = datetime.combine(last_day(tables), time.min)
    frame = decisions_between(con, tables, after, before, settings.shop.timezone, policy.arms)
    held_out = decisions_of(frame, policy, uplift, registry.champion("abuse"))
    chosen = probabilities(
        policy, held_out.effect, held_out.effect_cost, held_out.user_ids, held_out.eligible, held_out.facts
    )
    effects = pq.read_table(shop / "truth" / "effects.parquet").to_pandas()
    effects["profit"] = effects["value_cents"] - effects["cost_cents"]
    true = effects.pivot_table(index="decision_id", columns="offer", values="profit")
    true = true.reindex(index=frame["decision_id"], columns=list(policy.arms)).to_numpy()
    n = len(frame)
    estimate, low, high = (figure * n for figure in lift)
    return Profit(estimate, low, high, float((chosen * true).sum()), n)


def caught(flags: Path, shop: Path, outcomes: Sequence[Outcome]) -> Caught:
    """Flags of everybody, those who came on the day included, against who abuses."""
    found = pq.read_table(flags, columns=["user_id", "score", "action"]).to_pandas()
    known = pq.read_table(shop / "truth" / "population.parquet").to_pandas()
    guests = pd.DataFrame(
        {
            "user_id": outcome.visit.user_id,
            "abusive": outcome.visit.abusive,
            "look_alike": outcome.visit.look_alike,
        }
        for outcome in outcomes
        if outcome.visit.trigger == "registered"
    )
    truth = pd.concat([known[["user_id", "abusive", "look_alike"]], guests], ignore_index=True)
    both = truth.merge(found, on="user_id", how="left", validate="one_to_one")
    y, score = both["abusive"].to_numpy(bool), both["score"].fillna(0.0).to_numpy(float)
    automatic, review = both["action"].isin(AUTOMATIC), both["action"].fillna("allow") != "allow"
    honest = both[~both["abusive"] & both["look_alike"].notna()]
    rates = pd.DataFrame({"automatic": automatic, "review": review}).loc[honest.index].groupby(honest["look_alike"])
    worst = rates.mean().sort_values(["automatic", "review"], ascending=False)
    return Caught(
        users=len(both),
        abusers=int(y.sum()),
        average_precision=average_precision(y, score),
        recall_at_01=recall_at_fpr(y, score, 0.001),
        recall_at_1=recall_at_fpr(y, score, 0.01),
        flagged=int(review.sum()),
        worst_look_alike=str(worst.index[0]),
        worst_automatic=float(worst["automatic"].max()),
        worst_review=float(worst["review"].max()),
    )


def percentile(seconds: Sequence[float], share: float) -> float:
    """A percentile of durations, in milliseconds."""
    return float(np.quantile(np.asarray(seconds), share) * 1000)

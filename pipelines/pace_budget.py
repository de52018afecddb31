"""Price the rest of the day: who may still come, and what is left of every limit after what was really given.

The round of the night prices its budget for everybody in the snapshot. This flow, run every quarter of an hour, reads
today's decisions from the ledger, forecasts who of the others still comes, and solves the round again for them with
what is left (``models.policy.pacing``). The new prices become the champion policy; scoring swaps them in by itself,
and every decision is logged under the version that made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import flow, get_run_logger, task

from features.errors import InputError
from models.policy.assign import Policy
from models.policy.draws import user_draws
from models.policy.pacing import Forecast, Seen
from models.policy.remaining import remaining
from models.registry import Registry
from pipelines.choose_coupons import log_policy
from pipelines.read_features import newest_day, users_on
from pipelines.round_inputs import Inputs, inputs_of
from pipelines.runtime import may_pass
from serving.settings import Settings, load_settings
from serving.store.spending import Coming, Taken, coming_between, taken_between

WEEKS = 4  # of decisions that tell how often a user comes
PRIOR_DAYS = 2.0  # days of the average user that every user's own days are added to
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Repriced:
    """What was done: the new version, or None where nobody is left to price for; ``figures`` are flat."""

    policy_version: str | None
    figures: dict[str, float]


def reprice(settings: Settings, now: datetime, flags: Path | None = None) -> Repriced:
    """Price what is left of the shop's day at ``now`` (naive UTC) and promote the policy.

    Raises InputError where there is no champion policy, no snapshot or no ledger, and
    :class:`models.policy.limits.Infeasible` when the rest of the day cannot meet a floor any more.
    """
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    champion = registry.champion("policy")
    if champion is None:
        raise InputError("model policy", "no champion", "a promoted policy; run choose_coupons first")
    policy = Policy.from_spec(champion.artefact.spec)
    since = start_of_day(now, settings.shop.timezone)
    taken = taken_between(settings.ledger_url, since, now)
    users = users_on(settings.features, newest_day(settings.features))
    inputs = inputs_of(settings, registry, registry.load("uplift", policy.uplift_version), users, flags)
    coming = coming_between(settings.ledger_url, since - WEEKS * 7 * _DAY, since)
    expected = still_expected(inputs, taken, coming, (now - since) / _DAY, policy.salt)
    left = replace(policy, limits=remaining(policy.limits, policy.arms, *_given(policy, users, taken)))
    figures = {
        "decisions": float(len(taken)),
        "spent_cents": sum(one.cents for one in taken),
        "users_expected": float(expected.sum()),
        "users_come": float(len({one.user_id for one in taken})),
    }
    if not expected.any():
        return Repriced(None, figures)
    done = inputs.rows(expected).plan(left, round_of(policy))
    figures |= {"price": done.policy.prices.cost[0], "spend_cents": float(done.cost.sum())}
    priced = replace(done.policy, limits=policy.limits, version=f"{round_of(policy)}+{now:%H:%M}")
    return Repriced(log_policy(registry, priced, figures), figures)


def start_of_day(now: datetime, zone: str) -> datetime:
    """The shop's last midnight, naive UTC."""
    local = now.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    midnight = datetime.combine(local.date(), time(), tzinfo=ZoneInfo(zone))
    return midnight.astimezone(UTC).replace(tzinfo=None)


def round_of(policy: Policy) -> str:
    """The key of the round that a repriced policy belongs to."""
    return policy.version.partition("+")[0]


def still_expected(
    inputs: Inputs, taken: Sequence[Taken], coming: Coming, elapsed: float, salt: str
) -> NDArray[np.bool_]:
    """Users (n,) to price for: those without a decision today, as many of them as may still come.

    Whom of many alike is drawn by a hash of the user, so that a rerun prices for the same people.
    """
    ids = inputs.ids
    forecast = Forecast.population(inputs.profit, inputs.cost, chances(ids, coming))
    come = inputs.users["user_id"].isin({one.user_id for one in taken}).to_numpy()
    still = forecast.still(Seen(elapsed, int(come.sum()), 1.0 - come))
    return user_draws(f"{salt}:pacing", ids)[0] < still


def chances(ids: Sequence[str], coming: Coming) -> NDArray[np.float64] | None:
    """How likely each user comes on a day: the share of past days, drawn to the average; None without past days."""
    if not coming.days:
        return None
    days = np.array([coming.of_user.get(user, 0) for user in ids], dtype=np.float64)
    average = float(days.mean()) / coming.days if len(days) else 0.0
    return np.minimum((days + PRIOR_DAYS * average) / (coming.days + PRIOR_DAYS), 1.0)


def _given(
    policy: Policy, users: pd.DataFrame, taken: Sequence[Taken]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.str_] | None]:
    """Offers, costs and segments of today's decisions; an offer that is not the policy's costs, but has no stock."""
    offer = np.array([policy.arms.index(one.offer) if one.offer in policy.arms else 0 for one in taken], dtype=np.intp)
    cost = np.array([one.cents for one in taken], dtype=np.float64)
    if policy.segments is None:
        return offer, cost, None
    known = users.set_index("user_id")[policy.segments.feature]
    return offer, cost, policy.segments.of(known.reindex([one.user_id for one in taken]).to_numpy(np.float64))


@task(retries=2, retry_delay_seconds=10, retry_condition_fn=may_pass)
def reprice_task(settings: Settings, now: datetime, flags: Path | None) -> Repriced:
    """``reprice`` for an installation, tried again on failure: a second version prices the same rest."""
    return reprice(settings, now, flags)


@flow(name="pace_budget")
def pace_budget(profile: str | None = None, now: datetime | None = None, flags: str | None = None) -> Repriced:
    """Price what is left of the day and promote the policy; ``flags`` is a file that ``flag_abuse`` wrote."""
    moment = now or datetime.now(UTC).replace(tzinfo=None)
    done = reprice_task(load_settings(profile), moment, Path(flags) if flags else None)
    get_run_logger().info("policy=%s figures=%s", done.policy_version or "unchanged", done.figures)
    return done

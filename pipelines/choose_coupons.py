"""One round of coupons: score every user with the champion uplift model, price the budget, decide, promote the policy.

Writes ``choices.parquet`` and ``report.json`` / ``report.html``, and below home what every other budget would bring
(``round/budget_curve.json``, read by the console's budget lab); the policy (prices, exploration, holdout, salt, the
uplift version it was priced for) becomes the champion that the scoring service decides by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from prefect import flow, get_run_logger, task

from features.errors import InputError
from models.policy.assign import Policy
from models.policy.explain import Explained
from models.policy.fairness import Fairness
from models.policy.plan import Plan
from models.policy.segment import Segmentation
from models.registry import Artefact, Registry
from pipelines.read_features import newest_day, users_on
from pipelines.round_inputs import Inputs, inputs_of
from pipelines.round_policy import policy_of, segmentation
from pipelines.round_report import report_of as report_of
from pipelines.runtime import may_pass
from pipelines.trace_budget import trace
from serving.budget_curve import path_of, write_curve
from serving.settings import Settings, load_settings

CHOICES = pa.schema(
    [
        ("user_id", pa.string()),
        ("key", pa.string()),
        ("offer", pa.string()),
        ("propensity", pa.float64()),
        ("holdout", pa.bool_()),
        ("explored", pa.bool_()),
        ("value_cents", pa.float64()),
        ("cost_cents", pa.float64()),
        ("score", pa.float64()),
        ("reason", pa.string()),
        ("p_abuse", pa.float64()),
        ("rule_offer", pa.string()),
        ("budget_price", pa.float64()),
        ("unit_price_cents", pa.float64()),
        ("runner_up", pa.string()),
        ("lead_cents", pa.float64()),
        ("price_below", pa.float64()),
        ("offer_below", pa.string()),
        ("price_above", pa.float64()),
        ("offer_above", pa.string()),
        ("cost_below_cents", pa.float64()),
        ("cost_above_cents", pa.float64()),
        ("unit_below_cents", pa.float64()),
    ]
)
Progress = Callable[[str, float], None]
"""Called with what is being done and the share that is done, 0 to 1."""


@dataclass(frozen=True)
class Round:
    """A finished round: the promoted policy version, its figures, and the files."""

    policy_version: str
    uplift_version: str
    day: date
    figures: dict[str, float]
    choices: Path
    report: Path


def run_round(
    settings: Settings,
    out: Path | None = None,
    flags: Path | None = None,
    day: date | None = None,
    budget_cents: int | None = None,
    progress: Progress | None = None,
) -> Round:
    """Decide for everyone in a day's snapshot.

    Args:
        settings: home, registry, policy.
        out: folder for the files; ``reports/choose_coupons`` by default.
        flags: Parquet with ``user_id`` and ``action`` (what ``flag_abuse`` writes); flagged accounts get none.
        day: of the features; by default the newest that was built, which is the one served online.
        budget_cents: what the round may be expected to cost; the setting by default.

    Raises InputError when there is no champion uplift model, no snapshot, or a feature that no longer exists.
    """
    tell = progress or _silent
    out = out or settings.reports / "choose_coupons"
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    uplift = registry.champion("uplift")
    if uplift is None:
        raise InputError("model uplift", "no champion", "a promoted uplift model; run train_uplift first")
    tell("reading the features of all users", 0.0)
    day = day or newest_day(settings.features)
    users = users_on(settings.features, day)
    tell("choosing coupons", 0.2)
    inputs = inputs_of(settings, registry, uplift, users, flags)
    done = decide(inputs, settings, round_key(day), budget_cents)
    fair = compare_segments(done, users, segmentation(settings))
    tell("writing the choices", 0.7)
    out.mkdir(parents=True, exist_ok=True)
    choices = out / "choices.parquet"
    rows = choices_of(done, inputs, round_key(day))
    pq.write_table(pa.Table.from_pandas(rows, CHOICES, preserve_index=False), choices)
    report = report_of(done, day, fair)
    page = report.write(out)
    figures = {name: value for name, value in report.figures.items() if isinstance(value, float)}
    # A metric's name takes no brackets: what is named after an offer or a segment stands in the report alone.
    metrics = {name: value for name, value in figures.items() if "[" not in name}
    version = log_policy(registry, done.policy, metrics, out)
    tell("tracing what other budgets would bring", 0.8)
    write_curve(trace(inputs, done, round_key(day), day.isoformat()), path_of(settings.home))
    tell("coupons are chosen", 1.0)
    return Round(version, uplift.version, day, figures, choices, page)


def round_key(day: date) -> str:
    """The key that all decisions of a round share: with the user it fixes the draws."""
    return f"round:{day.isoformat()}"


def decide(inputs: Inputs, settings: Settings, key: str, budget_cents: int | None = None) -> Plan:
    """The plan that spends the settings' limits on these users; ``budget_cents`` replaces the settings' budget.

    Raises :class:`models.policy.limits.Infeasible`, which names the limits, when no round can keep them.
    """
    return inputs.plan(policy_of(settings, inputs.arms, key, inputs.uplift_version, budget_cents), key)


def compare_segments(done: Plan, users: pd.DataFrame, segments: Segmentation | None) -> Fairness | None:
    """The round's segments side by side; None where the settings name none that these users have."""
    if segments is None or segments.feature not in users:
        return None
    return done.fairness(segments.of(users[segments.feature]))


def choices_of(done: Plan, inputs: Inputs, key: str) -> pd.DataFrame:
    """One row per user: what was decided, how likely it was, what it is expected to bring, and why."""
    assigned, found = done.assigned, done.explained()
    rows, arms = np.arange(len(inputs.users)), np.array([*done.policy.arms, None], dtype=object)  # place -1 is no arm
    return pd.DataFrame(
        {
            "user_id": inputs.users["user_id"],
            "key": key,
            "offer": arms[assigned.offer],
            "propensity": assigned.propensity,
            "holdout": assigned.holdout,
            "explored": assigned.explored,
            "value_cents": done.value,
            "cost_cents": done.cost,
            "score": assigned.score[rows, assigned.offer],
            "reason": assigned.reasons,
            "p_abuse": np.zeros(len(rows)) if inputs.p_abuse is None else inputs.p_abuse,
            "rule_offer": arms[assigned.best],
            **_turns(found, arms),
        }
    )


def _turns(found: Explained, arms: NDArray[np.object_]) -> dict[str, NDArray[np.object_] | NDArray[np.float64]]:
    """What the choice had to beat and what would change it, named as in ``models.policy.reasons.Why``."""
    return {
        "budget_price": found.budget_price,
        "unit_price_cents": found.unit_price,
        "runner_up": arms[found.runner_up],
        "lead_cents": found.lead,
        "price_below": found.price_below,
        "offer_below": arms[found.offer_below],
        "price_above": found.price_above,
        "offer_above": arms[found.offer_above],
        "cost_below_cents": found.cost_below,
        "cost_above_cents": found.cost_above,
        "unit_below_cents": found.unit_below,
    }


def log_policy(registry: Registry, policy: Policy, figures: dict[str, float], report: Path | None = None) -> str:
    """Log the policy and make it the champion. It replaces the last round's price; the models behind it were gated."""
    artefact = Artefact("policy", policy.to_spec())
    names = ("budget_cents", "exploration", "holdout", "uplift_version", "version")
    params = {name: getattr(policy, name) for name in names}
    version = registry.log("policy", artefact, params, figures, report)
    registry.promote("policy", version, reason=f"priced {policy.version} for uplift {policy.uplift_version}")
    return version


def _silent(what: str, share: float) -> None:
    """Progress that nobody watches."""


@task(retries=2, retry_delay_seconds=10, retry_condition_fn=may_pass)
def round_task(settings: Settings, flags: Path | None, day: date | None, budget_cents: int | None) -> Round:
    """``run_round`` for an installation, tried again on failure: its files are replaced and its version is new."""
    return run_round(settings, flags=flags, day=day, budget_cents=budget_cents)


@flow(name="choose_coupons")
def choose_coupons(
    profile: str | None = None, budget_cents: int | None = None, day: date | None = None, flags: str | None = None
) -> Round:
    """Choose coupons under a budget and promote the policy; ``flags`` is a file that ``flag_abuse`` wrote."""
    settings = load_settings(profile)
    logger = get_run_logger()
    logger.info("budget_cents=%s day=%s flags=%s", budget_cents or "setting", day or "newest", flags)
    done = round_task(settings, Path(flags) if flags else None, day, budget_cents)
    logger.info("policy=%s uplift=%s figures=%s", done.policy_version, done.uplift_version, done.figures)
    return done

"""One round of coupons: score every user with the champion uplift model, price the budget, decide, promote the policy.

Writes ``choices.parquet`` and ``report.json`` / ``report.html``; the policy (price, exploration, holdout, salt, the
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
from prefect import flow, get_run_logger, task

from features.errors import InputError
from models.plots import bars
from models.policy.assign import Policy, Price
from models.policy.plan import Plan, plan
from models.registry import Artefact, Loaded, Registry, effects
from models.report import Money, Percent, Report, Text, Words
from pipelines.read_features import matrix_of, newest_day, users_on
from pipelines.runtime import may_pass
from serving.settings import Settings, load_settings

#: Actions on an account that keep coupons from it; a ``hold`` waits for a reviewer and keeps nothing.
KEEPS_COUPONS = ("withhold", "revoke", "freeze", "block")
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
    ]
)
NO_OFFER = Words("no coupon", "不发券")
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
    done = decide(users, uplift, settings, withheld_users(flags), round_key(day), budget_cents)
    figures = done.figures()
    tell("writing the choices", 0.7)
    out.mkdir(parents=True, exist_ok=True)
    choices = out / "choices.parquet"
    pq.write_table(
        pa.Table.from_pandas(choices_of(done, users, round_key(day)), CHOICES, preserve_index=False), choices
    )
    page = report_of(done, day).write(out)
    version = log_policy(registry, done.policy, figures, out)
    tell("coupons are chosen", 1.0)
    return Round(version, uplift.version, day, figures, choices, page)


def round_key(day: date) -> str:
    """The key that all decisions of a round share: with the user it fixes the draws."""
    return f"round:{day.isoformat()}"


def withheld_users(flags: Path | None) -> frozenset[str]:
    """Accounts whose flag keeps coupons from them; none without a flags file."""
    if flags is None:
        return frozenset()
    try:
        frame = pq.read_table(flags, columns=["user_id", "action"]).to_pandas()
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise InputError("flags", str(flags), f"a Parquet file with user_id and action ({error})") from error
    return frozenset(frame.loc[frame.action.isin(KEEPS_COUPONS), "user_id"])


def decide(
    users: pd.DataFrame,
    uplift: Loaded,
    settings: Settings,
    withheld: frozenset[str],
    key: str,
    budget_cents: int | None = None,
) -> Plan:
    """Effects of every offer on every user, and the plan that spends the budget on them."""
    found = effects(uplift.artefact, matrix_of(users, uplift.artefact.features))
    policy = Policy(
        arms=found.arms,
        price=Price(0.0, 0.0, 0.0),
        exploration=settings.policy.exploration,
        holdout=settings.policy.holdout,
        salt=settings.policy.salt,
        version=key,
        uplift_version=uplift.version,
        budget_cents=settings.policy.budget_cents if budget_cents is None else budget_cents,
    )
    ids = users["user_id"].tolist()
    withhold = np.fromiter((user in withheld for user in ids), np.bool_, len(ids))
    return plan(policy, found.profit, found.cost, ids, [key] * len(ids), withhold=withhold)


def choices_of(done: Plan, users: pd.DataFrame, key: str) -> pd.DataFrame:
    """One row per user: what was decided, how likely it was, what it is expected to bring, and why."""
    assigned = done.assigned
    rows = np.arange(len(users))
    return pd.DataFrame(
        {
            "user_id": users["user_id"],
            "key": key,
            "offer": np.array(done.policy.arms, dtype=object)[assigned.offer],
            "propensity": assigned.propensity,
            "holdout": assigned.holdout,
            "explored": assigned.explored,
            "value_cents": done.value,
            "cost_cents": done.cost,
            "score": assigned.score[rows, assigned.offer],
            "reason": assigned.reasons,
        }
    )


def log_policy(registry: Registry, policy: Policy, figures: dict[str, float], report: Path | None = None) -> str:
    """Log the policy and make it the champion. It replaces the last round's price; the models behind it were gated."""
    artefact = Artefact("policy", policy.to_spec())
    names = ("budget_cents", "exploration", "holdout", "uplift_version", "version")
    params = {name: getattr(policy, name) for name in names}
    version = registry.log("policy", artefact, params, figures, report)
    registry.promote("policy", version, reason=f"priced {policy.version} for uplift {policy.uplift_version}")
    return version


def report_of(done: Plan, day: date) -> Report:
    """The round's figures as a page."""
    figures = done.figures()
    report = Report(Words("Coupons chosen", "选券结果"), subtitle=day.isoformat())
    report.add_tiles(
        [
            (Words("expected spend", "预期花费"), Money(figures["spend_cents"])),
            (Words("budget", "预算"), Money(figures["budget_cents"])),
            (Words("expected profit", "预期利润"), Money(figures["profit_cents"])),
            (Words("below the best possible by at most", "距最优上界至多"), Percent(figures["gap"])),
        ]
    )
    arms, offer = done.policy.arms, done.assigned.offer
    shares = [figures[f"share_{arm}"] for arm in arms]
    names: list[Text] = [NO_OFFER, *arms[1:]]
    report.add_table(
        Words("Offers", "各券占比"),
        [
            Words("offer", "券"),
            Words("users", "用户数"),
            Words("share", "占比"),
            Words("expected cost", "预期成本"),
        ],
        [
            [name, int((offer == at).sum()), Percent(shares[at]), Money(float(done.cost[offer == at].sum()))]
            for at, name in enumerate(names)
        ],
    )
    report.add_figure(
        Words("Who gets what", "各券占用户的比例"),
        bars(names, [100 * share for share in shares], Words("share of users, %", "用户占比，%")),
    )
    return report.add_figures(figures)


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

"""Learn what every offer does to whom from the logged randomised decisions, and promote the model only when it is better.

Decisions are split by time: the model learns from the earlier ones and is judged on the later ones, beside the
baselines and, where there is one, the champion. What is promoted is exactly the artefact that was judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from prefect import flow

from features.errors import InputError
from features.groups import IDENTITY, USER
from models.registry import Artefact, Loaded, Registry, effects
from models.uplift.bundle import REDEEMED, Bundle, fit_bundle
from models.uplift.gate import Verdict, judge_candidate
from models.uplift.gate_report import gate_report
from models.uplift.trial import Trial, check_propensity, check_treatment
from pipelines.read_features import decisions_between, matrix_of, next_midnight, open_tables
from serving.settings import Settings, load_settings

NAME = "uplift"
CONTROL = "none"
HORIZON_DAYS = 7
FEWEST_PER_ARM = 50
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A logged version: whether it was promoted and why, its figures, and its report."""

    version: str
    promoted: bool
    reason: str
    trained_until: datetime
    train_decisions: int
    verdict: Verdict
    report: Path

    @property
    def figures(self) -> dict[str, float]:
        """Flat figures of the held-out comparison."""
        return {**self.verdict.figures(), "train_decisions": float(self.train_decisions)}


def train_uplift(
    settings: Settings,
    tables: Path | None = None,
    out: Path | None = None,
    as_of: datetime | None = None,
    held_out: float = 0.25,
    budget_share: float = 0.3,
    seed: int = 0,
    threads: int = 1,
    progress: Progress | None = None,
) -> Trained:
    """Train, judge, log, and promote if the gate is passed.

    Args:
        settings: home, registry, shop.
        tables: folder of the shop's tables; the ingested ones by default.
        out: folder of the report; ``reports/train_uplift`` by default.
        as_of: naive UTC; only what was known before it is used. By default the first midnight after everything.
        held_out: share of the decisions, the latest, that judge.
        budget_share: budget of the judged policies, see ``models.uplift.gate``.
        seed, threads: of the learners.

    Raises InputError when the log holds no randomised decisions to learn from.
    """
    tell = progress or (lambda _: None)
    out = out or settings.reports / "train_uplift"
    tell("reading features")
    con, shop = open_tables(settings, tables)
    before = as_of or next_midnight(shop)
    offers = offers_in(shop["decisions"].select("offer").distinct().execute()["offer"])
    frame = decisions_between(con, shop, datetime(1970, 1, 1), before, settings.shop.timezone, offers)  # noqa: DTZ001
    trial = trial_of(frame, (*USER.names, *IDENTITY.names), offers)
    train, later, cutoff = split_by_time(trial, held_out)
    tell("learning effects")
    bundle = fit_bundle(train, seed, threads)
    artefact = artefact_of(bundle, train, later, cutoff, seed)
    tell("judging on later decisions")
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    champion = registry.champion(NAME)
    verdict = judge(artefact, champion, train, later, budget_share)
    page = gate_report(verdict, bundle, cutoff).write(out)
    tell("logging")
    version = log_and_promote(registry, artefact, verdict, champion, out, len(train), seed)
    return Trained(version, verdict.passes, verdict.reason, cutoff, len(train), verdict, page)


def offers_in(offers: Sequence[str]) -> tuple[str, ...]:
    """The arms of a log: the control first, then the others by name."""
    found = set(offers)
    if CONTROL not in found:
        raise InputError("offer", sorted(found), f"a log with decisions for {CONTROL!r}, the control")
    return (CONTROL, *sorted(found - {CONTROL}))


def trial_of(frame: pd.DataFrame, features: Sequence[str], offers: tuple[str, ...]) -> Trial:
    """Decisions as a trial: only those drawn at random among all the offers.

    A decision whose propensity is 1 compares nothing, and where an offer was not possible its effect cannot be learnt.
    """
    everything = set(offers)
    full = np.array([everything.issubset({CONTROL, *eligible}) for eligible in frame["eligible"]], dtype=bool)
    drawn = frame[full & (frame["propensity"] < 1).to_numpy()].reset_index(drop=True)
    treatment = pd.Index(offers).get_indexer(drawn["offer"]).astype(np.int64)
    check_treatment(treatment, offers, FEWEST_PER_ARM)
    propensity = np.full((len(drawn), len(offers)), np.nan)
    propensity[np.arange(len(drawn)), treatment] = drawn["propensity"]
    check_propensity(propensity, treatment)
    return Trial(
        X=pd.DataFrame(matrix_of(drawn, features), columns=list(features)),
        treatment=treatment,
        arms=offers,
        propensity=propensity,
        value=drawn["value_cents"].to_numpy(float),
        cost=drawn["cost_cents"].to_numpy(float),
        outcomes={REDEEMED: drawn["redeemed"].to_numpy(float)},
        value_name="value_cents",
        time=drawn["decided_at"].to_numpy("datetime64[us]"),
        cluster=drawn["user_id"].to_numpy(object),
    )


def split_by_time(trial: Trial, held_out: float) -> tuple[Trial, Trial, datetime]:
    """Earlier decisions, later decisions, and the moment between them (decisions at it are later ones)."""
    if not 0 < held_out < 1:
        raise InputError("held_out", held_out, "a share in (0, 1)")
    assert trial.time is not None
    cutoff = np.sort(trial.time)[int(len(trial) * (1 - held_out))]
    earlier = trial.time < cutoff
    for part, name in ((earlier, "earlier"), (~earlier, "later")):
        if len(np.unique(trial.treatment[part])) < len(trial.arms):
            raise InputError(
                f"{name} decisions", int(part.sum()), "decisions for every offer on both sides of the split"
            )
    return trial.rows(earlier), trial.rows(~earlier), pd.Timestamp(cutoff).to_pydatetime()


def artefact_of(bundle: Bundle, train: Trial, later: Trial, cutoff: datetime, seed: int) -> Artefact:
    """The model with the facts that whoever loads it may ask for; golden rows are real ones, of later decisions."""
    facts = {
        "horizon_days": HORIZON_DAYS,
        "trained_until": cutoff.isoformat(),
        "train_decisions": len(train),
        "seed": seed,
    }
    return bundle.artefact(later.X.to_numpy(float)[:16], facts)


def judge(artefact: Artefact, champion: Loaded | None, train: Trial, later: Trial, budget_share: float) -> Verdict:
    """The candidate beside the champion on the same later decisions.

    A champion over other offers or features cannot be scored on them; the candidate is then judged as a first model.
    """
    mine = effects(artefact, later.X.to_numpy(float))
    theirs = None
    if champion is not None and comparable(champion.artefact, artefact, later):
        theirs = effects(champion.artefact, matrix_of(later.X, champion.artefact.features))
    return judge_candidate(train, later, mine, theirs, budget_share)


def comparable(champion: Artefact, candidate: Artefact, later: Trial) -> bool:
    """Whether the champion speaks about the same offers in the same order, from features that still exist."""
    same_offers = list(champion.spec["arms"]) == list(candidate.spec["arms"])
    return same_offers and set(champion.features) <= set(later.X.columns)


def log_and_promote(
    registry: Registry,
    artefact: Artefact,
    verdict: Verdict,
    champion: Loaded | None,
    report: Path,
    train_decisions: int,
    seed: int,
) -> str:
    """Log the version with its figures, report and the decision; move the alias only when the gate is passed."""
    params = {
        "trained_until": artefact.spec["trained_until"],
        "train_decisions": train_decisions,
        "features": len(artefact.features),
        "arms": ",".join(artefact.spec["arms"]),
        "seed": seed,
        "champion": champion.version if champion else "none",
    }
    version = registry.log(NAME, artefact, params, verdict.figures(), report)
    registry.note(NAME, version, gate="passed" if verdict.passes else "not passed", gate_reason=verdict.reason)
    if verdict.passes:
        registry.promote(NAME, version, reason=verdict.reason)
    return version


@flow(name="train_uplift", retries=1, retry_delay_seconds=10)
def train_uplift_flow(
    as_of: datetime | None = None, held_out: float = 0.25, budget_share: float = 0.3, seed: int = 0
) -> dict[str, float | str | bool]:
    """The flow of ``fairdeal run train_uplift``: figures of the comparison, the version and whether it was promoted."""
    done = train_uplift(load_settings(), as_of=as_of, held_out=held_out, budget_share=budget_share, seed=seed)
    return {**done.figures, "version": done.version, "promoted": done.promoted, "reason": done.reason}

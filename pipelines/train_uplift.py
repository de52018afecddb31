"""Learn what every offer does to whom from logged randomised decisions; promote the model only when it is better.

Decisions are split by time: the model learns from the earlier ones and is judged on the later ones, beside the
baselines and, where there is one, the champion. What is promoted is exactly the artefact that was judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from prefect import flow, get_run_logger, task

from features.errors import InputError
from features.groups import IDENTITY, USER
from features.snapshots import midnight
from models.registry import Artefact, Loaded, Registry, effects
from models.uplift.bundle import REDEEMED, Bundle, fit_bundle
from models.uplift.gate import Verdict, judge_candidate
from models.uplift.gate_report import gate_report
from models.uplift.trial import Trial, check_propensity, check_treatment
from pipelines.build_features import last_day
from pipelines.read_features import decisions_between, matrix_of, open_tables
from pipelines.runtime import may_pass
from serving.settings import Settings, load_settings

NAME = "uplift"
CONTROL = "none"
HORIZON_DAYS = 7
FEWEST_PER_ARM = 50
Progress = Callable[[str, float], None]
"""Called with what is being done and the share that is done, 0 to 1."""


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


def learn_uplift(
    settings: Settings,
    tables: Path | None = None,
    out: Path | None = None,
    as_of: datetime | None = None,
    held_out: float = 0.25,
    budget_share: float = 0.5,
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
    tell = progress or _silent
    out = out or settings.reports / "train_uplift"
    tell("reading features", 0.0)
    con, shop = open_tables(settings, tables)
    before = as_of or midnight(last_day(shop))
    offers = offers_in(shop["decisions"].select("offer").execute()["offer"])
    frame = decisions_between(con, shop, datetime(1970, 1, 1), before, settings.shop.timezone, offers)  # noqa: DTZ001
    trial = trial_of(frame, (*USER.names, *IDENTITY.names), offers)
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    return learn_from(trial, registry, out, held_out, budget_share, seed, threads, tell)


def learn_from(
    trial: Trial,
    registry: Registry,
    out: Path,
    held_out: float = 0.25,
    budget_share: float = 0.5,
    seed: int = 0,
    threads: int = 1,
    progress: Progress | None = None,
    name: str = NAME,
) -> Trained:
    """The same from a trial with times and clusters (the users), under any name in the registry."""
    tell = progress or _silent
    train, later, cutoff = split_by_time(trial, held_out)
    tell("learning effects", 0.4)
    bundle = fit_bundle(train, seed, threads)
    artefact = artefact_of(bundle, train, later, cutoff, seed)
    tell("judging on later decisions", 0.8)
    champion = registry.champion(name)
    verdict = judge(artefact, champion, train, later, budget_share)
    page = gate_report(verdict, bundle, cutoff).write(out)
    tell("logging", 0.95)
    version = log_and_promote(registry, name, artefact, verdict, champion, out)
    return Trained(version, verdict.passes, verdict.reason, cutoff, len(train), verdict, page)


def offers_in(offers: Iterable[str]) -> tuple[str, ...]:
    """The arms of a log, from the offer of every decision: the control first, then the others by name.

    Offers that were given too rarely to learn from are left out until there are enough.
    """
    counts = Counter(offers)
    found = {offer for offer, count in counts.items() if count >= FEWEST_PER_ARM}
    if CONTROL not in found or len(found) < 2:
        wanted = f"{CONTROL!r} and another offer with at least {FEWEST_PER_ARM} decisions each"
        raise InputError("offers of the log", dict(counts), wanted)
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
    registry: Registry, name: str, artefact: Artefact, verdict: Verdict, champion: Loaded | None, report: Path
) -> str:
    """Log the version with its figures, report and the decision; move the alias only when the gate is passed."""
    facts = ("trained_until", "train_decisions", "horizon_days", "seed")
    params = {
        **{fact: artefact.spec[fact] for fact in facts},
        "features": len(artefact.features),
        "arms": ",".join(artefact.spec["arms"]),
        "champion": champion.version if champion else "none",
    }
    version = registry.log(name, artefact, params, verdict.figures(), report)
    registry.note(name, version, gate="passed" if verdict.passes else "not passed", gate_reason=verdict.reason)
    if verdict.passes:
        registry.promote(name, version, reason=verdict.reason)
    return version


def _silent(what: str, share: float) -> None:
    """Progress that nobody watches."""


@task(retries=2, retry_delay_seconds=10, retry_condition_fn=may_pass)
def learn_task(settings: Settings, as_of: datetime | None, held_out: float, budget_share: float, seed: int) -> Trained:
    """``learn_uplift`` for an installation, tried again on failure; every try that gets to the end is a version."""
    return learn_uplift(settings, as_of=as_of, held_out=held_out, budget_share=budget_share, seed=seed)


@flow(name="train_uplift")
def train_uplift(
    profile: str | None = None,
    as_of: datetime | None = None,
    held_out: float = 0.25,
    budget_share: float = 0.5,
    seed: int = 0,
) -> Trained:
    """Learn the effects of all offers and promote the model if it passes the gate."""
    logger = get_run_logger()
    logger.info("as_of=%s held_out=%s budget_share=%s seed=%s", as_of or "newest", held_out, budget_share, seed)
    done = learn_task(load_settings(profile), as_of, held_out, budget_share, seed)
    logger.info("version=%s promoted=%s reason=%s figures=%s", done.version, done.promoted, done.reason, done.figures)
    return done

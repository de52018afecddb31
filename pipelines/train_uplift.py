"""Learn what every offer does to whom from logged randomised decisions; promote the model only when it is better.

The model learns from the earlier decisions and is judged on the later ones, beside the champion, the challenger (the
last candidate that lost) and the baselines. What is promoted is exactly the artefact that was judged; a candidate that
loses becomes the challenger of the next training. The version is logged with its report and its card.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import flow, get_run_logger, task

from features.snapshots import midnight
from models.registry import Artefact, Effects, Loaded, Registry, effects
from models.registry.store import CARD
from models.registry.trail import CHALLENGER, GATE
from models.uplift.bundle import Bundle, fit_bundle
from models.uplift.ladders.fit import with_ladders
from models.uplift.promotion import gate
from models.uplift.promotion.card import Rows, card_of, features
from models.uplift.promotion.card_page import card_page
from models.uplift.promotion.gate import Verdict, judge_candidate
from models.uplift.promotion.gate_findings import find
from models.uplift.promotion.gate_report import gate_report
from models.uplift.trial import Trial
from pipelines.build_features import last_day
from pipelines.known_abuse import known_abuse
from pipelines.read_features import decisions_between, matrix_of, open_tables
from pipelines.runtime import may_pass
from pipelines.uplift_curves import curve_figures
from pipelines.uplift_log import CODES, FEATURES, Parts, offers_in, parts_of, trial_of
from serving.settings import Settings, load_settings

NAME = "uplift"
HORIZON_DAYS = 7
Progress = Callable[[str, float], None]
"""Called with what is being done and the share that is done, 0 to 1."""


@dataclass(frozen=True)
class Trained:
    """A logged version: whether it was promoted and why, its figures, its report and its card.

    ``champion``: the version that answers from now on, "" while there is none.
    """

    version: str
    promoted: bool
    reason: str
    champion: str
    trained_until: datetime
    train_decisions: int
    verdict: Verdict
    rows: Rows
    report: Path
    card: Path

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
    flags: Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train, judge, log, and promote if the gate is passed.

    Args:
        settings: home, registry, shop.
        tables: folder of the shop's tables; the ingested ones by default.
        out: folder of the report; ``reports/train_uplift`` by default.
        as_of: naive UTC; only what was known before it is used. By default the first midnight after everything.
        held_out: share of the decisions, the latest, that judge.
        budget_share: budget of the judged policies, see ``models.uplift.promotion.gate``.
        seed, threads: of the learners.
        flags: file that ``flag_abuse`` wrote; the installation's own by default, where there is one.

    Raises InputError when the log holds no randomised decisions to learn from.
    """
    tell = progress or _silent
    out = out or settings.reports / "train_uplift"
    tell("reading features", 0.0)
    con, shop = open_tables(settings, tables)
    before = as_of or midnight(last_day(shop))
    offers = offers_in(shop["decisions"].select("offer").execute()["offer"])
    frame = decisions_between(con, shop, datetime(1970, 1, 1), before, settings.shop.timezone, offers)  # noqa: DTZ001
    trial, left_out = trial_of(frame, [feature.name for feature in FEATURES], offers)
    parts = parts_of(trial, held_out, known_abuse(tables or settings.tables, flags or _own_flags(settings)), left_out)
    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    templates = shop["templates"].execute() if "templates" in shop else pd.DataFrame()
    return learn_from(parts, registry, out, budget_share, seed, threads, templates, tell)


def learn_from(
    parts: Parts,
    registry: Registry,
    out: Path,
    budget_share: float = 0.5,
    seed: int = 0,
    threads: int = 1,
    templates: pd.DataFrame | None = None,
    progress: Progress | None = None,
    name: str = NAME,
) -> Trained:
    """The same from decisions that are split already, under any name in the registry."""
    tell = progress or _silent
    train, later = parts.train, parts.later
    tell("learning effects", 0.4)
    bundle = fit_bundle(train, seed, threads, [name for name in CODES if name in train.X])
    artefact = artefact_of(bundle, parts, seed)
    if templates is not None and len(templates):
        artefact = with_ladders(artefact, train, templates, held_out=later, seed=seed, threads=threads)
    tell("judging on later decisions", 0.7)
    champion, challenger = rivals(registry, name, artefact, parts)
    verdict = judge(artefact, champion, challenger, parts, budget_share)
    tell("writing the report and the card", 0.8)
    looked_at = features(artefact, later)
    names = [str(one["name"]) for one in looked_at]
    found = find(verdict, train, later, _effects(artefact, later), names, seed)
    report = gate_report(verdict, found, bundle, parts.cutoff)
    page = report.add_figures(_beside(artefact, champion, challenger, parts, verdict.best_arm)).write(out)
    card = write_card(artefact, parts, verdict, champion, challenger, looked_at, out)
    tell("logging", 0.95)
    version = log_and_promote(registry, name, artefact, verdict, champion, challenger, out)
    answering = registry.version(name) or ""
    return Trained(
        version, verdict.passes, verdict.reason, answering, parts.cutoff, len(train), verdict, parts.rows, page, card
    )


def _beside(
    artefact: Artefact, champion: Loaded | None, challenger: Loaded | None, parts: Parts, best_arm: str
) -> dict[str, object]:
    """The curves of all who were judged, and which versions they are ("" where there was none to judge)."""
    rival = {gate.CHAMPION: champion, gate.CHALLENGER: challenger}
    models = {name: one.artefact for name, one in rival.items() if one is not None}
    found = {name: _effects(one, parts.later) for name, one in {gate.CANDIDATE: artefact, **models}.items()}
    return {
        "trained_until": parts.cutoff.isoformat(),
        "train_decisions": len(parts.train),
        **{f"{name}_version": one.version if one else "" for name, one in rival.items()},
        **curve_figures(parts.train, parts.later, found, best_arm),
    }


def artefact_of(bundle: Bundle, parts: Parts, seed: int) -> Artefact:
    """The model with the facts that whoever loads it may ask for; golden rows are real ones, of later decisions."""
    facts = {
        "horizon_days": HORIZON_DAYS,
        "trained_until": parts.cutoff.isoformat(),
        "train_decisions": len(parts.train),
        "seed": seed,
    }
    return bundle.artefact(parts.later.X.to_numpy(float)[:16], facts)


def rivals(registry: Registry, name: str, candidate: Artefact, parts: Parts) -> tuple[Loaded | None, Loaded | None]:
    """The champion and the challenger, where they can be judged on the same decisions.

    Over other offers, or from features that are gone, they cannot: the candidate is then judged as a first model. A
    challenger that learnt from decisions which now judge it would win by memory, so it waits. (A champion that did is
    only the harder to beat.)
    """
    champion = registry.champion(name)
    number = registry.version(name, CHALLENGER)
    challenger = registry.load(name, number) if number is not None else None
    if champion is not None and not comparable(champion.artefact, candidate, parts.later):
        champion = None
    if challenger is not None:
        unseen = datetime.fromisoformat(challenger.artefact.spec["trained_until"]) <= parts.cutoff
        if not unseen or not comparable(challenger.artefact, candidate, parts.later):
            challenger = None
    return champion, challenger


def judge(
    artefact: Artefact, champion: Loaded | None, challenger: Loaded | None, parts: Parts, budget_share: float
) -> Verdict:
    """The candidate beside the champion and the challenger on the same later decisions."""
    theirs = [None if one is None else _effects(one.artefact, parts.later) for one in (champion, challenger)]
    mine = _effects(artefact, parts.later)
    return judge_candidate(parts.train, parts.later, mine, theirs[0], budget_share, theirs[1])


def comparable(rival: Artefact, candidate: Artefact, later: Trial) -> bool:
    """Whether a rival speaks about the same offers in the same order, from features that still exist."""
    same_offers = list(rival.spec["arms"]) == list(candidate.spec["arms"])
    return same_offers and set(rival.features) <= set(later.X.columns)


def write_card(
    artefact: Artefact,
    parts: Parts,
    verdict: Verdict,
    champion: Loaded | None,
    challenger: Loaded | None,
    looked_at: Sequence[Mapping[str, Any]],
    out: Path,
) -> Path:
    """Write ``card.json`` and ``card.html`` beside the report; gives the page's path."""
    first, second = (one.version if one is not None else None for one in (champion, challenger))
    card = card_of(artefact, parts.train, parts.later, verdict, parts.rows, looked_at, first, second)
    (out / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    page = (out / CARD).with_suffix(".html")
    page.write_text(card_page(card).html(), "utf-8")
    return page


def log_and_promote(
    registry: Registry,
    name: str,
    artefact: Artefact,
    verdict: Verdict,
    champion: Loaded | None,
    challenger: Loaded | None,
    report: Path,
) -> str:
    """Log the version with its figures, report and card; move the aliases as the gate says."""
    facts = ("trained_until", "train_decisions", "horizon_days", "seed")
    params = {
        **{fact: artefact.spec[fact] for fact in facts},
        "features": len(artefact.features),
        "arms": ",".join(artefact.spec["arms"]),
        "champion": champion.version if champion else "none",
        "challenger": challenger.version if challenger else "none",
    }
    version = registry.log(name, artefact, params, verdict.figures(), report)
    registry.note(name, version, gate="passed" if verdict.passes else "not passed", gate_reason=verdict.reason)
    if verdict.passes:
        registry.promote(name, version, reason=verdict.reason, by=GATE)
        registry.clear(name, CHALLENGER, f"version {version} was promoted", by=GATE)
        return version
    if verdict.winner == gate.CHALLENGER and challenger is not None:
        registry.promote(name, challenger.version, reason=verdict.reason, by=GATE)
    registry.promote(name, version, CHALLENGER, "to be judged again beside the next candidate", by=GATE)
    return version


def _effects(artefact: Artefact, later: Trial) -> Effects:
    return effects(artefact, matrix_of(later.X, artefact.features))


def _own_flags(settings: Settings) -> Path | None:
    flags = settings.home / "flags.parquet"
    return flags if flags.is_file() else None


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

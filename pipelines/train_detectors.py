"""Both detectors of abuse as versions in the registry; the learnt one is promoted if it loses less on the same past.

``abuse_label_free`` is its specification and golden rows: whoever reads it back can tell whether the code still scores
as it did. ``abuse_boosted`` is LightGBM text with how far it is believed and how it reads as a probability. Both are
data. The model learns from earlier verdicts; the later ones judge it, the label-free score and the champion.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from prefect import flow, get_run_logger, task

from features.engine import connect
from features.errors import InputError
from models.abuse.boosted import LEAST_POSITIVES, Verdicts, direction, draw, learn, teaching, train
from models.abuse.decision.actions import Thresholds
from models.abuse.detect import Detected, detect, log_odds, matrix
from models.abuse.evidence import BASE, SHARING, Floats, evidence, score
from models.abuse.examples import Examples, examples, probability
from models.abuse.folder import open_folder
from models.abuse.metrics import average_precision
from models.abuse.mixture import Say
from models.abuse.shop import shop_before
from models.abuse.steps import Progress, steps
from models.registry import Artefact, Loaded, Registry
from serving.settings import Settings, load_settings

LABEL_FREE, BOOSTED = "abuse_label_free", "abuse_boosted"
_GOLDEN = 16


@dataclass(frozen=True)
class Past:
    """What both detectors are judged on: columns (n, d), label-free log odds, times and account numbers of rows."""

    X: pd.DataFrame
    prior: Floats
    at: np.ndarray[Any, np.dtype[np.int64]]
    user: np.ndarray[Any, np.dtype[np.int64]]
    names: list[str]
    verdicts: Verdicts

    def before(self, moment: int) -> Past:
        """Rows and verdicts strictly before a moment."""
        rows = self.at < moment
        known = self.verdicts.before(moment)
        return Past(self.X[rows], self.prior[rows], self.at[rows], self.user[rows], self.names, known)


@dataclass(frozen=True)
class TrainedDetectors:
    """The logged versions, whether the learnt one was promoted and why, and the figures of both."""

    label_free: str
    boosted: str
    promoted: bool
    reason: str
    figures: dict[str, float]


def learn_detectors(
    settings: Settings,
    tables: Path | None = None,
    as_of: datetime | None = None,
    held_out: float = 0.3,
    progress: Progress | None = None,
) -> TrainedDetectors:
    """Log both detectors, judge them on the latest share ``held_out`` of the verdicts, promote by their loss.

    Raises InputError when there are too few verdicts to learn from or to judge by.
    """
    if not 0 < held_out < 1:
        raise InputError("held_out", held_out, "a share in (0, 1)")
    with steps(progress) as step:
        step("running the label-free detector")
        found, past = _past(tables or settings.tables, as_of)
        if len(past.verdicts.user) == 0:
            raise InputError("verdicts", 0, "decided accounts to learn from")
        cutoff = int(np.quantile(past.verdicts.at, 1 - held_out))
        step("learning from earlier verdicts")
        artefact = boosted_artefact(past.before(cutoff), cutoff)
        step("judging on later verdicts")
        registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
        champion = registry.champion(BOOSTED)
        later = _later(past, cutoff)
        figures = compare(past, later, artefact)
        better, reason = _better(past, later, artefact, champion)
        step("logging")
        params = {"trained_until": artefact.spec["trained_until"], "verdicts": len(past.verdicts.user),
                  "champion": champion.version if champion else "none"}  # fmt: skip
        plain = registry.log(LABEL_FREE, label_free_artefact(found), params, figures)
        registry.promote(LABEL_FREE, plain, reason="the code that runs", by="gate")
        version = registry.log(BOOSTED, artefact, params, figures)
        registry.note(BOOSTED, version, gate="passed" if better else "not passed", gate_reason=reason)
        if better:
            registry.promote(BOOSTED, version, reason=reason, by="gate")
    return TrainedDetectors(plain, version, better, reason, figures)


def boosted_artefact(past: Past, moment: int) -> Artefact:
    """The model of a moment as data: trees, how far they are believed, and how the sum reads as a probability."""
    known = examples(past.prior, past.at, past.user, draw(past.names), past.verdicts, moment)
    if known.positives < LEAST_POSITIVES or known.positives == int(known.judged.sum()):
        raise InputError(
            "verdicts", known.positives, f"at least {LEAST_POSITIVES} accounts judged abusive, and some legitimate"
        )
    names, values = list(past.X.columns), past.X.to_numpy(np.float32)
    booster = train(*teaching(values, past.prior, known), names)
    _, believed, reading = learn(past.X, past.prior, past.at, past.user, past.names, past.verdicts).weeks[-1]
    spec = {
        "features": names,
        "monotone": [direction(name) for name in names],
        "say": asdict(believed),
        "reading": asdict(reading),
        "starts_from": LABEL_FREE,
        "judged": int(known.judged.sum()),
        "abusive": known.positives,
        "trained_until": pd.Timestamp(moment, unit="us").isoformat(),
    }
    top = np.argsort(-past.prior, kind="stable")[:_GOLDEN]
    return Artefact(BOOSTED, spec, {BOOSTED: booster.model_to_string()}, golden=values[top].astype(np.float64))


def boosted_score(artefact: Artefact, X: pd.DataFrame, prior: Floats) -> Floats:
    """Combined probabilities (n,) of rows that hold the artefact's columns, on top of their label-free log odds."""
    values = X[list(artefact.features)].to_numpy(np.float32).astype(np.float64)
    raw = log_odds(artefact.predict(values)[BOOSTED])
    return probability(prior + Say(**artefact.spec["say"]).of(raw))


def label_free_artefact(found: Detected) -> Artefact:
    """The label-free detector as data: its weights, and golden rows with the evidence that they had."""
    rows = found.rows.iloc[np.argsort(-found.rows["score_label_free"].to_numpy(), kind="stable")[:_GOLDEN]]
    terms = evidence(rows)
    numbers = [c for c in rows.columns if pd.api.types.is_numeric_dtype(rows[c])]
    others = rows.columns.difference([*numbers, "kind"])
    golden = {
        "rows": {c: [None if np.isnan(v) else v for v in rows[c].astype(float)] for c in numbers},
        # What evidence asks of an identifier is whether there is one; none of them leaves the shop.
        "texts": {c: [None if missing else "known" for missing in rows[c].isna()] for c in others}
        | {"kind": rows["kind"].tolist()},
        "scores": score(terms.sum(axis=1).to_numpy()).tolist(),
    }
    spec = {"base": BASE, "sharing": [asdict(sharing) for sharing in SHARING], "terms": list(terms), "golden": golden}
    return Artefact(LABEL_FREE, spec)


def still_scores(artefact: Artefact) -> bool:
    """Whether the code that runs gives the golden rows of a logged label-free detector the scores they had."""
    golden = artefact.spec["golden"]
    rows = pd.DataFrame(golden["rows"], dtype=float).assign(**golden["texts"])
    return bool(np.allclose(score(evidence(rows).sum(axis=1).to_numpy()), golden["scores"], rtol=1e-9, atol=1e-12))


def compare(past: Past, later: Examples, artefact: Artefact) -> dict[str, float]:
    """Weighted squared error and average precision of both detectors on accounts judged later, by their rows before."""
    figures = {"later_verdicts": float(len(later.first)), "later_abusive": float(later.positives)}
    for name, p in (("label_free", probability(past.prior)), ("boosted", boosted_score(artefact, past.X, past.prior))):
        figures[f"{name}_loss"] = float(_losses(later, p).mean())
        figures[f"{name}_average_precision"] = average_precision(later.target, later.highest(p[later.rows]))
    return figures


def _losses(later: Examples, p: Floats) -> Floats:
    """Squared error of every account judged later, by its highest row, in weights of mean 1."""
    return (later.target - later.highest(p[later.rows])) ** 2 * later.weight / later.weight.mean()


def _better(past: Past, later: Examples, artefact: Artefact, champion: Loaded | None) -> tuple[bool, str]:
    """Whether the learnt detector loses less on the later verdicts than the label-free one and the champion.

    By more than one standard error of the paired difference: a model that hardly moves a score is no better.
    """
    mine = _losses(later, boosted_score(artefact, past.X, past.prior))
    others = {"the label-free detector": _losses(later, probability(past.prior))}
    if champion is not None and set(champion.artefact.features) <= set(past.X.columns):
        others["the champion"] = _losses(later, boosted_score(champion.artefact, past.X, past.prior))
    reasons = []
    for name, theirs in others.items():
        less = theirs - mine
        error = float(less.std(ddof=1) / np.sqrt(len(less)))
        reasons.append(f"loses {less.mean():.4f} less than {name}, standard error {error:.4f}")
        if not less.mean() > error:
            return False, "not clearly better: " + reasons[-1]
    return True, "; ".join(reasons)


def _later(past: Past, cutoff: int) -> Examples:
    """Accounts judged from the cutoff on, by their rows before their verdicts."""
    kept = past.verdicts.at >= cutoff
    told = Verdicts(past.verdicts.user[kept], past.verdicts.at[kept], past.verdicts.abusive[kept])
    end = int(max(past.at.max(initial=0), past.verdicts.at.max())) + 1
    everyone = examples(past.prior, past.at, past.user, np.zeros(len(past.names), bool), told.before(end), end)
    later = everyone.of(everyone.judged)
    if later.positives in (0, len(later.first)):
        raise InputError("verdicts", later.positives, "later accounts of both kinds, abusive and legitimate")
    return later


def _past(folder: Path, as_of: datetime | None) -> tuple[Detected, Past]:
    con = connect()
    try:
        shop = shop_before(con, open_folder(con, Path(folder)), as_of)
        if shop.verdicts is None:
            raise InputError("tables", str(folder), "a table verdicts, which is learnt from")
        told = con.to_pandas(shop.verdicts).sort_values(["us", "user_id", "abusive"], ignore_index=True)
        found = detect(shop, Thresholds(), use_verdicts=False)
    finally:
        con.disconnect()
    number = {name: i for i, name in enumerate(found.accounts["user_id"])}
    told = told[told["user_id"].isin(number)]
    verdicts = Verdicts(
        told["user_id"].map(number).to_numpy(np.int64), told["us"].to_numpy(np.int64), told["abusive"].to_numpy(bool)
    )
    rows = found.rows
    X = matrix(rows, found.terms, rows["ring_size"].to_numpy(np.float64))
    prior = log_odds(rows["score_label_free"].to_numpy(np.float64))
    at, user = rows["us"].to_numpy(np.int64), rows["account"].to_numpy(np.int64)
    return found, Past(X, prior, at, user, list(number), verdicts)


@task(retries=2, retry_delay_seconds=10)
def learn_task(settings: Settings, as_of: datetime | None, held_out: float) -> TrainedDetectors:
    """``learn_detectors`` for an installation, tried again on failure."""
    return learn_detectors(settings, as_of=as_of, held_out=held_out)


@flow(name="train_detectors")
def train_detectors(
    profile: str | None = None, as_of: datetime | None = None, held_out: float = 0.3
) -> TrainedDetectors:
    """Log both detectors of abuse and promote the learnt one if it loses less."""
    logger = get_run_logger()
    logger.info("as_of=%s held_out=%s", as_of or "newest", held_out)
    done = learn_task(load_settings(profile), as_of, held_out)
    logger.info("promoted=%s reason=%s figures=%s", done.promoted, done.reason, done.figures)
    return done

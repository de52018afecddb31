"""Train the abuse model that answers at a claim, judge it on later claims, and promote it only when it is better.

The teacher is the full detector (``flag_abuse``) on the same claims, and on the accounts of a few nights; verdicts
replace its word where people decided. The model learns from earlier claims and is judged on later ones, beside the
champion. What no trained model may unlearn goes into the artefact as it is: the live scorecard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from prefect import flow, get_run_logger, task

from features.engine import connect
from features.errors import InputError
from models.abuse.decision.actions import Thresholds
from models.abuse.detect import Detected, detect
from models.abuse.folder import open_folder
from models.abuse.metrics import average_precision
from models.abuse.online import (
    FEATURES,
    Claims,
    agreement,
    calibration,
    fit_online,
    reason_texts,
    thresholds,
)
from models.abuse.shop import shop_before
from models.abuse.steps import Progress, steps
from models.registry import Artefact, Loaded, Registry
from pipelines.online_asks import Asks, claims_of, night_of, read_asks
from serving.scoring.live import RULES
from serving.settings import Settings, load_settings

NAME = "abuse"
_FEWEST = 50
_ENOUGH = 20  # suspicious claims; with fewer, all claims say where to cut


@dataclass(frozen=True)
class TrainedAbuse:
    """A logged version: promoted or not and why, and how far it agrees with the full detector on later claims."""

    version: str
    promoted: bool
    reason: str
    trained_until: datetime
    figures: dict[str, float]


def learn_abuse(
    settings: Settings,
    tables: Path | None = None,
    as_of: datetime | None = None,
    held_out: float = 0.3,
    seed: int = 0,
    progress: Progress | None = None,
) -> TrainedAbuse:
    """Train, judge, log, and promote when no worse than the champion on the same later claims.

    Args:
        tables: folder of the shop's tables; the ingested ones by default.
        as_of: naive UTC; only what was known before it is used.
        held_out: share of the suspicious claims, the latest, that judge with everything beside them.

    Raises InputError when there are too few claims to learn from.
    """
    if not 0 < held_out < 1:
        raise InputError("held_out", held_out, "a share in (0, 1)")
    folder, bounds = tables or settings.tables, Thresholds()
    with steps(progress) as step:
        found, verdicts = _teach(folder, as_of, bounds, step)
        judged = verdicts.sort_values("us").drop_duplicates("user_id", keep="last").set_index("user_id")
        asks = claims_of(found, judged, seed)
        cutoff = _cutoff(asks, held_out, bounds.review)
        nights = [night_of(found, judged, int(us), bounds.review, seed) for us in _nights(asks.us, cutoff)]
        last = night_of(found, judged, int(asks.us.max()), bounds.review, seed)
        step("reading online features")
        claims, *accounts, end = read_asks(folder, [asks, *nights, last], settings.shop.timezone)
        step("learning")
        train, later = claims.rows(claims.us < cutoff), claims.rows(claims.us >= cutoff)
        train = Claims.together([train, *accounts])
        for name, part in (("earlier claims", train), ("later claims", later)):
            if len(part.us) < _FEWEST:
                raise InputError(name, len(part.us), f"at least {_FEWEST} claims to learn and to judge")
        artefact = artefact_of(train, later, cutoff, bounds, found.verdicts_used, seed)
        step("judging on later claims")
        registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
        champion = registry.champion(NAME)
        figures = agreement(online_score(artefact, later.X), later, bounds.review, artefact.spec["thresholds"])
        figures |= {
            "night_mean_score": float(np.average(online_score(artefact, end.X), weights=end.weight)),
            "night_mean_offline": float(np.average(end.offline, weights=end.weight)),
        }
        better, reason = _better(artefact, champion, later, bounds.review)
        step("logging")
        params = {"trained_until": artefact.spec["trained_until"], "claims": len(claims.us), "seed": seed,
                  "verdicts": found.verdicts_used, "champion": champion.version if champion else "none"}  # fmt: skip
        version = registry.log(NAME, artefact, params, figures)
        registry.note(NAME, version, gate="passed" if better else "not passed", gate_reason=reason)
        if better:
            registry.promote(NAME, version, reason=reason, by="gate")
    return TrainedAbuse(version, better, reason, _moment(cutoff), figures)


def _nights(us: Any, cutoff: int) -> Any:
    """The midnights, as it were, at which accounts are learnt from: three in the time before the cutoff."""
    return np.quantile(us[us < cutoff], [0.5, 0.75, 1.0]).astype(np.int64) if (us < cutoff).any() else []


def _cutoff(claims: Asks, held_out: float, review: float) -> int:
    """The moment before which claims train: abuse comes in waves, so the suspicious claims say where to cut."""
    suspicious = claims.us[claims.offline >= review]
    return int(np.quantile(suspicious if len(suspicious) >= _ENOUGH else claims.us, 1 - held_out))


def artefact_of(train: Claims, later: Claims, cutoff: int, bounds: Thresholds, verdicts: int, seed: int) -> Artefact:
    """The model as data; calibration and thresholds come from earlier claims that the trees never saw."""
    edge = int(np.quantile(train.us, 0.8))
    first, last = train.rows(train.us < edge), train.rows(train.us >= edge)
    if len(first.us) < _FEWEST or len(last.us) < _FEWEST:
        first = last = train
    text = fit_online(first, seed)
    raw = Artefact(NAME, {"features": list(FEATURES)}, {NAME: text}).predict(last.X)[NAME]
    table = calibration(raw, last.target, last.weight)
    score = np.interp(raw, table["x"], table["y"])
    spec = {
        "features": list(FEATURES),
        "calibration": table,
        "thresholds": thresholds(score, last.offline, last.weight, bounds.review),
        "reasons": reason_texts(),
        "live": dict(RULES),
        "trained_until": _moment(cutoff).isoformat(),
        "teacher": "verdicts" if verdicts else "label-free",
        "seed": seed,
    }
    return Artefact(NAME, spec, {NAME: text}, golden=later.X[:16])


def online_score(artefact: Artefact, X: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The calibrated score as the scoring service computes it: (n,) in [0, 1]."""
    table = artefact.spec["calibration"]
    return np.clip(np.interp(artefact.predict(X)[NAME], table["x"], table["y"]), 0.0, 1.0)


def _teach(folder: Path, as_of: datetime | None, bounds: Thresholds, step: Any) -> tuple[Detected, pd.DataFrame]:
    step("running the full detector")
    con = connect()
    try:
        shop = shop_before(con, open_folder(con, Path(folder)), as_of)
        if not shop.has_claims:
            raise InputError("tables", str(folder), "a table coupons, whose claims are learnt from")
        verdicts = (
            con.to_pandas(shop.verdicts)
            if shop.verdicts is not None
            else pd.DataFrame({"user_id": [], "us": [], "abusive": []})
        )
        return detect(shop, bounds, step=step), verdicts
    finally:
        con.disconnect()


def _better(artefact: Artefact, champion: Loaded | None, later: Claims, review: float) -> tuple[bool, str]:
    """Whether the candidate ranks the later claims at least as well as the champion does."""
    flagged = later.offline >= review
    if champion is not None and set(champion.artefact.features) - set(FEATURES):
        return True, "the champion needs features that are no longer written"
    if not flagged.any() or flagged.all():
        return False, "nothing suspicious in the later claims to judge by"
    if champion is None:
        return True, "first model"
    columns = [FEATURES.index(name) for name in champion.artefact.features]
    theirs = average_precision(flagged, online_score(champion.artefact, later.X[:, columns]))
    mine = average_precision(flagged, online_score(artefact, later.X))
    if math.isclose(mine, theirs, abs_tol=1e-12):
        return False, f"same average precision as the champion, {theirs:.4f}"
    word = "beats" if mine > theirs else "does not beat"
    return mine > theirs, f"average precision {mine:.4f} {word} the champion's {theirs:.4f}"


def _moment(us: int) -> datetime:
    return pd.Timestamp(us, unit="us").to_pydatetime()


@task(retries=2, retry_delay_seconds=10)
def learn_task(settings: Settings, as_of: datetime | None, held_out: float, seed: int) -> TrainedAbuse:
    """``learn_abuse`` for an installation, tried again on failure."""
    return learn_abuse(settings, as_of=as_of, held_out=held_out, seed=seed)


@flow(name="train_abuse")
def train_abuse(
    profile: str | None = None, as_of: datetime | None = None, held_out: float = 0.3, seed: int = 0
) -> TrainedAbuse:
    """Train the abuse model that answers at a claim and promote it if it is better."""
    logger = get_run_logger()
    logger.info("as_of=%s held_out=%s seed=%s", as_of or "newest", held_out, seed)
    done = learn_task(load_settings(profile), as_of, held_out, seed)
    logger.info("version=%s promoted=%s reason=%s figures=%s", done.version, done.promoted, done.reason, done.figures)
    return done

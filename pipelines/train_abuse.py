"""Train the abuse model that answers at a claim, judge it on later claims, and promote it only when it is better.

The teacher is the full detector (``flag_abuse``) on the same claims; verdicts replace its word where people decided.
The model learns from earlier claims and is judged on later ones, beside the champion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
from prefect import flow, get_run_logger, task

from features.engine import connect, keep, load_tables
from features.errors import InputError
from features.shop import prepare
from features.training import training_frame
from models.abuse.actions import Thresholds
from models.abuse.detect import Detected, detect
from models.abuse.folder import open_folder
from models.abuse.metrics import average_precision
from models.abuse.online import (
    FEATURES,
    LIVE_KINDS,
    STORED,
    Claims,
    agreement,
    calibration,
    fit_online,
    live_counts,
    reason_texts,
    thresholds,
)
from models.abuse.shop import shop_before
from models.abuse.steps import Progress, steps
from models.registry import Artefact, Loaded, Registry
from serving.settings import Settings, load_settings

NAME = "abuse"
_PLAIN = 6000  # claims without any suspicion that are learnt from; each stands for many
_SUSPICIOUS = 0.05
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
        step("reading online features")
        claims = _claims(folder, found, verdicts, settings.shop.timezone, seed)
        step("learning")
        cutoff = _cutoff(claims, held_out, bounds.review)
        train, later = claims.rows(claims.us < cutoff), claims.rows(claims.us >= cutoff)
        for name, part in (("earlier claims", train), ("later claims", later)):
            if len(part.us) < _FEWEST:
                raise InputError(name, len(part.us), f"at least {_FEWEST} claims to learn and to judge")
        artefact = artefact_of(train, later, cutoff, bounds, found.verdicts_used, seed)
        step("judging on later claims")
        registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
        champion = registry.champion(NAME)
        figures = agreement(online_score(artefact, later.X), later, bounds.review, artefact.spec["thresholds"])
        better, reason = _better(artefact, champion, later, bounds.review)
        step("logging")
        params = {"trained_until": artefact.spec["trained_until"], "claims": len(claims.us), "seed": seed,
                  "verdicts": found.verdicts_used, "champion": champion.version if champion else "none"}  # fmt: skip
        version = registry.log(NAME, artefact, params, figures)
        registry.note(NAME, version, gate="passed" if better else "not passed", gate_reason=reason)
        if better:
            registry.promote(NAME, version, reason=reason, by="gate")
    return TrainedAbuse(version, better, reason, _moment(cutoff), figures)


def _cutoff(claims: Claims, held_out: float, review: float) -> int:
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


def _claims(folder: Path, found: Detected, verdicts: pd.DataFrame, timezone: str, seed: int) -> Claims:
    """Every suspicious or judged claim and a weighted draw of the others, with the features a claim can read."""
    rows = found.rows[found.rows["kind"] == "claim"].reset_index(drop=True)
    live = {f"{kind}_others_{w}": c for kind in LIVE_KINDS for w, c in live_counts(rows, kind).items()}
    decided = verdicts.sort_values("us").drop_duplicates("user_id", keep="last").set_index("user_id")
    judged = rows["user_id"].map(decided["abusive"]).astype(float).to_numpy()
    kept = (rows["score"].to_numpy() >= _SUSPICIOUS) | ~np.isnan(judged)
    plain = np.flatnonzero(~kept)
    drawn = np.random.default_rng(seed).choice(plain, min(_PLAIN, len(plain)), replace=False)
    weight = np.ones(len(rows))
    weight[drawn] = len(plain) / max(len(drawn), 1)
    picked = np.sort(np.concatenate([np.flatnonzero(kept), drawn]))
    chosen = rows.iloc[picked]
    stored = _stored(folder, chosen, timezone)
    table = pd.concat([pd.DataFrame({n: c[picked] for n, c in live.items()}), stored], axis=1)
    for name in live:  # as the service does: the larger of what is on file and what the caller saw
        table[name] = np.fmax(
            table[name].to_numpy(np.float64), stored.get(f"stored_{name}", pd.Series(np.nan, table.index))
        )
    offline = chosen["score"].to_numpy(np.float64)
    # A reviewer's word stands for the account; its early claims, before anything could be known, keep the detector's.
    known = ~np.isnan(judged[picked]) & ((offline >= _SUSPICIOUS) | (judged[picked] == 0))
    target = np.where(known, judged[picked], offline)
    return Claims(
        table[list(FEATURES)].to_numpy(np.float64), offline, target, weight[picked], chosen["us"].to_numpy(np.int64)
    )


def _stored(folder: Path, claims: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """The nightly user and identity features at the midnight before each claim, in the order of ``claims``."""
    con = connect()
    try:
        spine = pd.DataFrame(
            {
                "user_id": claims["user_id"].to_numpy(object),
                "as_of": pd.to_datetime(claims["us"].to_numpy(), unit="us").astype("datetime64[us]"),
            }
        ).drop_duplicates()
        asked = keep(con, "abuse_claims_spine", ibis.memtable(spine))
        shop = prepare(con, load_tables(con, Path(folder)))
        frame = con.to_pandas(training_frame(con, shop, asked, timezone=timezone))
    finally:
        con.disconnect()
    frame["us"] = frame["as_of"].astype("datetime64[us]").astype("int64")
    order = claims[["user_id", "us"]].merge(frame, on=["user_id", "us"], how="left")
    live = [f"{kind}_others_{w}" for kind in LIVE_KINDS for w in ("1h", "24h", "7d")]
    return order[list(STORED)].join(order[live].add_prefix("stored_")).reset_index(drop=True)


def _better(artefact: Artefact, champion: Loaded | None, later: Claims, review: float) -> tuple[bool, str]:
    """Whether the candidate ranks the later claims at least as well as the champion does."""
    flagged = later.offline >= review
    if champion is None:
        return True, "first model"
    if set(champion.artefact.features) - set(FEATURES):
        return True, "the champion needs features that are no longer written"
    if not flagged.any() or flagged.all():
        return False, "nothing suspicious in the later claims to compare by"
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

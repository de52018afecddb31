"""The log of decisions as two trials, one to learn from and one to judge on, and what was left out of each and why.

Decisions are split by time. Known abusers are left out of both, each by what was known when it mattered:

- of the earlier decisions, those of users known at the moment of the split. What an abuser does with a coupon says
  nothing about customers, and a model that learns it gives coupons to whoever resembles abusers;
- of the later ones, those of users known when the decision was taken. The policy would not have served them, so they
  are no part of what it is judged on. Abusers whom nobody knew yet stay: the policy would have served them too.

Of the earlier decisions whole users go, from before they were known too: whoever redeems every coupon becomes known by
it, and those first decisions would teach just what is not to be learnt. Being known thus depends on the outcome. Among
true abusers that harms nothing, as no outcome of theirs speaks of customers. An honest user who is flagged for
redeeming much, however, takes a good response away: in one simulated shop, at worst (the heaviest redeemers in
hindsight, with 1 % of the honest decisions), 68 cents off a mean effect of 349. Hence only flags that withhold coupons
count here, not those for review, and a person's ``legitimate`` brings a user's decisions back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import InputError
from features.groups import IDENTITY, USER
from models.uplift.bundle import REDEEMED
from models.uplift.promotion.card import Rows
from models.uplift.trial import Trial, check_propensity, check_treatment
from pipelines.known_abuse import BY_FLAG, BY_VERDICT, NOBODY, KnownAbuse
from pipelines.read_features import matrix_of

CONTROL = "none"
FEWEST_PER_ARM = 50
FEATURES = (*USER.features, *IDENTITY.features)
CODES = tuple(feature.name for feature in FEATURES if feature.codes or feature.vocabulary)
"""Features whose numbers are codes of categories."""


@dataclass(frozen=True)
class Parts:
    """``train`` (before ``cutoff``) and ``later`` (from it on), and how many decisions were left out and why."""

    train: Trial
    later: Trial
    cutoff: datetime
    rows: Rows


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


def trial_of(frame: pd.DataFrame, features: Sequence[str], offers: tuple[str, ...]) -> tuple[Trial, dict[str, int]]:
    """Decisions as a trial, only those drawn at random among all the offers; and why the others were left out.

    A decision whose propensity is 1 compares nothing, and where an offer was not possible its effect cannot be learnt.
    """
    everything = set(offers)
    full = np.array([everything.issubset({CONTROL, *eligible}) for eligible in frame["eligible"]], dtype=bool)
    random = (frame["propensity"] < 1).to_numpy()
    left_out = {"an_offer_was_not_possible": int((~full).sum()), "not_drawn_at_random": int((full & ~random).sum())}
    drawn = frame[full & random].reset_index(drop=True)
    treatment = pd.Index(offers).get_indexer(drawn["offer"]).astype(np.int64)
    check_treatment(treatment, offers, FEWEST_PER_ARM)
    propensity = np.full((len(drawn), len(offers)), np.nan)
    propensity[np.arange(len(drawn)), treatment] = drawn["propensity"]
    check_propensity(propensity, treatment)
    trial = Trial(
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
    return trial, left_out


def parts_of(
    trial: Trial, held_out: float, abuse: KnownAbuse | None = None, left_out: Mapping[str, int] | None = None
) -> Parts:
    """Split by time and leave known abusers out. ``held_out``: share of the decisions, the latest, that judge."""
    if not 0 < held_out < 1:
        raise InputError("held_out", held_out, "a share in (0, 1)")
    assert trial.time is not None
    assert trial.cluster is not None
    moment = np.sort(trial.time)[int(len(trial) * (1 - held_out))]
    earlier = trial.time < moment
    known = (abuse or KnownAbuse.none()).before(trial.cluster, np.where(earlier, moment, trial.time))
    honest = known == NOBODY
    cutoff = pd.Timestamp(moment).to_pydatetime()
    rows = Rows(
        read=len(trial) + sum((left_out or {}).values()),
        left_out=dict(left_out or {}),
        abusive_train=_counts(known[earlier]),
        abusive_later=_counts(known[~earlier]),
        abusive_users=len(np.unique(trial.cluster[~honest].astype(str))),
    )
    return Parts(_part(trial, earlier & honest, "earlier"), _part(trial, ~earlier & honest, "later"), cutoff, rows)


def _part(trial: Trial, rows: NDArray[np.bool_], name: str) -> Trial:
    if len(np.unique(trial.treatment[rows])) < len(trial.arms):
        raise InputError(f"{name} decisions", int(rows.sum()), "decisions for every offer on both sides of the split")
    return trial.rows(rows)


def _counts(known: NDArray[np.object_]) -> dict[str, int]:
    return {by: int((known == by).sum()) for by in (BY_VERDICT, BY_FLAG)}

"""What the shop's reviewers came to know: late, partly, sometimes wrong, and not at random.

Reviewers see what looks suspicious (rings that are obvious, look-alikes that are not rings), chargebacks tell of
takeovers and collusion weeks later, and an audit of random accounts says the truth about a few.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.tables import TABLES
from pipelines.shop.calendar import DAY, Calendar
from pipelines.shop.population import Population
from pipelines.shop.rows import Names
from pipelines.shop.seeds import Bools, Ints, stream

SOURCES = ("reviewer", "chargeback", "audit")
# Chance that a reviewer, or a chargeback, ever names an account of A1 .. A10.
_REVIEWED = np.array([0.7, 0.6, 0.35, 0.5, 0.25, 0.2, 0.3, 0.2, 0.75, 0.15])
_CHARGED_BACK = np.array([0.02, 0.1, 0.03, 0.02, 0.1, 0.3, 0.02, 0.6, 0.05, 0.05])
_LOOK_ALIKE_REVIEWED = 0.08
_AUDITED = 0.004
_WRONG = 0.04


def verdict_rows(people: Population, seen: Ints, names: Names, calendar: Calendar, seed: int) -> pa.Table:
    """The verdicts given within the period; ``seen`` is the moment an account first did what it is judged for."""
    rng = stream(seed, "verdicts")
    n = len(people)
    abusive = people.abusive
    family, look = np.maximum(people.family, 0), people.look_alike >= 0
    reviewed = rng.random(n) < np.where(abusive, _REVIEWED[family], np.where(look, _LOOK_ALIKE_REVIEWED, 0.002))
    charged = abusive & (rng.random(n) < _CHARGED_BACK[family])
    audited = rng.random(n) < _AUDITED
    mistaken = rng.random(n) < _WRONG
    parts = [
        _given(reviewed, abusive ^ mistaken, seen + _delay(rng, n, 1, 6), 0),
        _given(charged, abusive, seen + _delay(rng, n, 12, 10), 1),
        _given(audited, abusive, calendar.begin + (rng.random(n) * calendar.days * DAY).astype(np.int64), 2),
    ]
    user, bad, at, source = (np.concatenate(column) for column in zip(*parts, strict=True))
    keep = (at < calendar.end) & (at > people.registered[user])
    user, bad, at, source = user[keep], bad[keep], at[keep], source[keep]
    reviewer = pa.array([f"reviewer-{1 + index % 4}" for index in range(4)]).take(
        pa.array(rng.integers(4, size=len(user)), mask=source == 1)
    )
    return pa.table(
        {
            "user_id": names.users.take(pa.array(user)),
            "decided_at": pa.array(at).cast(pa.timestamp("us")),
            "verdict": pa.array(["legitimate", "abusive"]).take(pa.array(bad.astype(np.int64))),
            "source": pa.array(SOURCES).take(pa.array(source)),
            "reviewer": reviewer,
        },
        schema=TABLES["verdicts"].arrow_schema,
    )


def _delay(rng: np.random.Generator, count: int, least: float, mean: float) -> Ints:
    return ((least + rng.exponential(mean, count)) * DAY).astype(np.int64)


def _given(who: Bools, bad: Bools, at: Ints, source: int) -> tuple[Ints, Bools, Ints, Ints]:
    users = np.flatnonzero(who)
    return users, bad[users], at[users], np.full(len(users), source)

"""What the online model is taught: weights stand for everybody, and a night knows nothing of later days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.abuse.detect import Detected
from pipelines.online_asks import claims_of, night_of

DAY = 86_400_000_000


def found(claims: int = 40_000) -> Detected:
    """Claims of as many accounts over 40 days; every hundredth belongs to a ring that is seen from its claim on."""
    number = np.arange(claims)
    us = number * (40 * DAY // claims)
    ring = number % 100 == 0
    users = [f"u{n}" for n in number]
    things = {kind: [None] * claims for kind in ("device", "ip", "address")}
    rows = pd.DataFrame({"user_id": users, "us": us, "kind": "claim", "score": np.where(ring, 0.3, 0.01), **things})
    since = pd.array(np.where(ring, us + DAY, 0), dtype="Int64")
    accounts = pd.DataFrame(
        {"user_id": users, "score": np.where(ring, 0.9, 0.01), "since": since, "flagged": ring}
    ).sample(frac=1.0, random_state=0)
    return Detected(rows, pd.DataFrame(), accounts.reset_index(drop=True), pd.DataFrame(), 0)


def judged(**words: tuple[int, bool]) -> pd.DataFrame:
    frame = pd.DataFrame({"user_id": list(words), "us": 0, "abusive": False})
    frame["us"] = [us for us, _ in words.values()]
    frame["abusive"] = [abusive for _, abusive in words.values()]
    return frame.set_index("user_id")


def test_the_weights_of_claims_and_nights_stand_for_everybody() -> None:
    asks = claims_of(found(), judged(), seed=0)
    assert asks.weight.sum() == pytest.approx(40_000)
    assert (asks.offline >= 0.25).sum() == 400
    night = night_of(found(), judged(), 20 * DAY, 0.25, seed=0)
    assert night.weight.sum() == pytest.approx(20_000)
    assert np.average(night.offline, weights=night.weight) == pytest.approx(0.01 * 0.99 + 0.3 * 0.01)


def test_a_night_knows_only_what_was_scored_flagged_and_judged_before_it() -> None:
    words = judged(u100=(5 * DAY, False), u200=(30 * DAY, False), u1=(5 * DAY, True), u300=(6 * DAY, True))
    night = night_of(found(), words, 20 * DAY, 0.25, seed=0)
    target = dict(zip(night.frame["user_id"], night.target, strict=True))
    assert (target["u100"], target["u300"]) == (0.0, 1.0)
    assert target["u200"] == 0.3  # its verdict came later
    assert target["u1"] == 0.01  # a word against an account of which nothing could be known yet
    assert all(int(name[1:]) < 20_000 for name in target)


def test_what_a_ring_carried_to_an_account_counts_from_that_moment() -> None:
    quiet = found()
    quiet.rows["score"] = 0.01
    night = night_of(quiet, judged(), 20 * DAY, 0.25, seed=0)
    target = dict(zip(night.frame["user_id"], night.target, strict=True))
    assert target["u100"] == 0.25
    assert target.get("u19900", 0.01) == 0.01  # flagged the day after this night

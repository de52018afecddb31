"""Reasons: they add up to the score, speak both languages, name the counter-evidence and reveal nobody."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.engine import connect
from models.abuse.decision.actions import Decider, Thresholds
from models.abuse.decompose import AGAINST, decompose
from models.abuse.detect import Detected, detect
from models.abuse.flags import flags_of
from models.abuse.folder import open_folder
from models.abuse.reason_texts import RING_TEXTS, TEXTS
from models.abuse.reasons import explain, say
from models.abuse.ring_reasons import ring_reasons
from models.abuse.rings.ring import rings_of
from models.abuse.shop import shop_before
from oracles.abuse_scenes import scene

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
KEY = "a key for tests of reasons"
Scene = tuple[Detected, dict[str, pd.DataFrame]]


def _detected(frames: dict[str, pd.DataFrame], folder: Path) -> Detected:
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet")
    con = connect(threads=1)
    try:
        return detect(shop_before(con, open_folder(con, folder), None), Thresholds())
    finally:
        con.disconnect()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    frames, _ = scene(seed=11, honest=100, copies=1)
    return _detected(frames, tmp_path_factory.mktemp("shop")), frames


@pytest.fixture(scope="module")
def claims_alone(tmp_path_factory: pytest.TempPathFactory) -> Detected:
    frames, _ = scene(seed=11, honest=40, copies=1)
    return _detected({n: frames[n] for n in ("users", "coupons")}, tmp_path_factory.mktemp("thin"))


def log_odds(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))


def test_the_parts_add_up_to_the_score_of_every_row(shop: Scene, claims_alone: Detected) -> None:
    for found in (shop[0], claims_alone):
        parts = decompose(found.rows, found.terms)
        score = found.rows["score_now"].to_numpy(np.float64)
        assert np.allclose(parts.sum(axis=1), np.log(score) - np.log1p(-score))
        assert (parts[list(AGAINST)] <= 1e-12).all(axis=None)
    assert (decompose(claims_alone.rows, claims_alone.terms)["modest"] < 0).all()


def test_the_points_of_an_account_s_reasons_add_up_to_its_score(shop: Scene) -> None:
    found = shop[0]
    parts = decompose(found.rows, found.terms)
    for account in found.accounts[found.accounts["flagged"]].itertuples():
        told = explain(found.rows.loc[account.row], parts.loc[account.row], account.score, KEY, found.known)
        assert sum(r.points for r in told) == pytest.approx(log_odds(account.score), abs=0.005 * len(told))
        assert told[-1].code == "base"
        assert all(r.en and r.zh and r.en != r.zh for r in told)
        assert "{" not in "".join(r.en + r.zh for r in told)


def test_evidence_comes_strongest_first_and_counter_evidence_after_it(shop: Scene) -> None:
    found = shop[0]
    parts = decompose(found.rows, found.terms)
    told = [
        [r.points for r in explain(found.rows.loc[a.row], parts.loc[a.row], a.score, KEY, found.known)[:-2]]
        for a in found.accounts[found.accounts["flagged"]].itertuples()
    ]
    assert any(points[-1] < 0 for points in told)
    for points in told:
        evidence = [p for p in points if p > 0]
        assert evidence == sorted(evidence, reverse=True)
        assert points.index(evidence[-1]) < min((i for i, p in enumerate(points) if p < 0), default=len(points))


def test_a_shared_place_speaks_for_those_who_are_left_alone(shop: Scene) -> None:
    """Neighbours that are not flagged have reasons too: what would have been said, and what takes it back."""
    found = shop[0]
    parts = decompose(found.rows, found.terms)
    hubs = parts[[c for c in parts if c.startswith("hub_")]].min(axis=1)
    calm = found.rows["account"].map(found.accounts["flagged"]).eq(False)
    row = int(hubs.where(calm, 0).idxmin())
    assert hubs[row] < -1
    told = explain(found.rows.loc[row], parts.loc[row], float(found.rows.loc[row, "score"]), KEY, found.known)
    assert {"hub", "terminal"} & {r.code for r in told if r.points < -1}


def test_no_identifier_is_in_any_reason(shop: Scene) -> None:
    found, frames = shop
    text = " ".join(flags_of(found, Decider(), KEY)["reasons"])
    assert len(text) > 1000
    assert "#" in text
    raw = [frames[table][column].dropna().astype(str) for table in ("events", "orders", "coupons")
           for column in ("device_id", "ip", "address") if column in frames[table]]  # fmt: skip
    for value in pd.unique(pd.concat(raw)):
        assert value not in text


def test_every_member_is_told_of_its_ring_and_of_what_speaks_for_it(shop: Scene) -> None:
    found = shop[0]
    flags = flags_of(found, Decider(), KEY).set_index("user_id")
    rings = rings_of(found, KEY)
    assert rings
    for ring in rings:
        sentences = [r.en for r in ring_reasons(ring)]
        assert sentences[0].startswith(f"{ring.ring_id}: {len(ring.members)} accounts")
        for member in flags[flags["ring_id"] == ring.ring_id].itertuples():
            assert [r["en"] for r in json.loads(member.reasons)][: len(sentences)] == sentences
    against = replace(rings[0].against, paid_in_full=2, old=1, outsiders=40, in_use=31)
    counter = [r for r in ring_reasons(replace(rings[0], against=against)) if r.en.startswith("against:")]
    assert [r.code for r in counter] == ["ring_paid", "ring_outsiders"]
    assert all(number in counter[1].en and number in counter[1].zh for number in ("40", "31"))


def test_allowed_accounts_have_no_flag_and_no_reasons(shop: Scene) -> None:
    flags = flags_of(shop[0], Decider(Thresholds(0.9, 0.9)), KEY)
    allowed = flags[flags["action"] == "allow"]
    assert len(allowed)
    assert (allowed["reasons"] == "[]").all()
    assert allowed["flagged_at"].isna().all()
    assert allowed["ring_id"].isna().all()


@pytest.mark.parametrize(
    ("code", "texts"), [*TEXTS.items(), *RING_TEXTS.items()], ids=[*TEXTS, *(f"of_{c}" for c in RING_TEXTS)]
)
def test_both_languages_say_the_same_numbers(code: str, texts: tuple[str, str]) -> None:
    fields = [{name.removesuffix("_zh") for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts]
    optional = {"noun", "kinds"}  # English articles and Chinese measure words put them elsewhere
    assert fields[0] - optional == fields[1] - optional, code


def test_a_sentence_without_its_values_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("person", 1.0)

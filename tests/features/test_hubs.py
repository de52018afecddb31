"""Hubs are told from farms by who shares, never by how many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.engine import connect, keep, tables_in
from features.errors import InputError
from features.hub_facts import COLUMNS, COUNTS, hub_facts
from features.hub_lists import Fact, hub_lists
from features.hubs import HONEST, WORDS, classify, hubs, likely, shares
from features.links import sightings
from features.shop import prepare
from oracles import links as oracle
from oracles.features import rows_of
from oracles.small_shop import small_shop

ZONE = "Asia/Shanghai"
LEVELS = {"device": ("device", "unknown"), "ip": ("ip", "network"), "address": ("address", "unit")}
DAY = 86_400

REGULARS = {"engaged": 0.9, "claimers": 0.5, "new": 0.3}
PUPPETS = {"engaged": 0.0, "claimers": 1.0, "new": 1.0, "hollow": 1.0, "once": 0.9, "stays": 1.1, "housed": 0.8}


def thing(kind: str, accounts: int, days: int = 80, sightings: int = 10, **each: float) -> dict[str, Any]:
    """Counts of a thing from shares of its accounts; work, night and weekend are shares of its sightings."""
    facts = {"kind": kind, **dict.fromkeys(COUNTS, 0), "accounts": accounts, "life_seconds": days * DAY}
    facts["sightings"] = seen = accounts * sightings
    for name, share in each.items():
        facts[name] = round(share * (seen if name in ("work", "night", "weekend") else accounts))
    return facts


SCENES = {
    "two hundred puppets on one device": ("farm", thing("device", 200, 2, 5, devices=0.005, units=0.01, **PUPPETS)),
    "puppets behind one address": ("farm", thing("address", 9, 5, 2, devices=1, units=0.1, networks=1, **PUPPETS)),
    "puppets at night on one IP": ("farm", thing("ip", 14, 1, 5, night=1, devices=1, **PUPPETS)),
    "a terminal where people register": (
        "kiosk",
        thing("device", 60, house=0.95, new=0.95, claimers=0.9, hollow=0.6, engaged=0.3, once=0.7, stays=1.3),
    ),
    "a dormitory": ("campus", thing("ip", 40, devices=1.2, stays=9, work=0.28, night=0.05, weekend=0.3, **REGULARS)),
    "an office": ("office", thing("ip", 40, devices=1.2, stays=5, work=0.6, once=0.25, **REGULARS)),
    "a carrier": ("carrier", thing("ip", 600, devices=1.05, stays=1.4, once=0.7, work=0.27, **REGULARS)),
    "an exit of a VPN": ("data_centre", thing("ip", 26, devices=1, stays=1.2, once=0.85, work=0.27, **REGULARS)),
    "a hotel": ("hotel", thing("ip", 60, devices=1.1, stays=3, guests=0.9, after=0.9, work=0.2, claimers=0.3)),
    "a family on a tablet": ("family", thing("device", 4, stays=6, units=0.25, housed=1, **REGULARS)),
    "a family at home": ("family", thing("ip", 3, stays=8, work=0.2, devices=1.3, **REGULARS)),
    "a phone that was sold": ("second_hand", thing("device", 2, after=0.5, engaged=1, stays=6, units=1, housed=1)),
    "a fingerprint of one model": ("same_model", thing("device", 16, stays=9, units=0.7, housed=0.7, **REGULARS)),
    "one user's phone": ("private", thing("device", 1, engaged=1, stays=20)),
    "strangers who came once": ("unclear", thing("ip", 5, 3, 2, once=1, stays=1, engaged=0.2, claimers=0.2)),
}


@pytest.mark.parametrize("scene", SCENES)
def test_a_thing_is_what_those_who_share_it_make_of_it(scene: str) -> None:
    hub, facts = SCENES[scene]
    found = classify(pd.DataFrame([facts])).iloc[0]
    assert found.hub == hub, shares(pd.DataFrame([facts]))
    assert (found.confidence > 0) == (hub not in ("private", "unclear")) == bool(found.facts)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(["device", "ip", "address", "building"]), st.integers(3, 100_000))
def test_no_number_of_puppets_makes_a_hub(kind: str, accounts: int) -> None:
    facts = thing(kind, accounts, **PUPPETS, devices=1, networks=1, units=0.1)
    assert classify(pd.DataFrame([facts])).hub[0] == "farm"


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(["device", "ip", "address", "building"]), st.integers(2, 10**6))
def test_size_alone_says_nothing(kind: str, accounts: int) -> None:
    assert classify(pd.DataFrame([thing(kind, accounts)])).hub[0] == "unclear"


@settings(deadline=None, max_examples=25)
@given(st.lists(st.dictionaries(st.sampled_from(list(COUNTS)), st.integers(0, 10**6)), min_size=1, max_size=5))
def test_any_counts_are_survived_and_rows_do_not_meet(rows: list[dict[str, int]]) -> None:
    frame = pd.DataFrame(
        [dict.fromkeys(COUNTS, 0) | row | {"kind": "ip"} for row in rows], index=range(7, 7 + len(rows))
    )
    found = classify(frame)
    assert found.confidence.between(0, 1).all()
    assert set(found.hub) <= set(WORDS)
    alone = pd.concat([classify(frame.loc[[i]]) for i in frame.index])
    pd.testing.assert_frame_equal(found, alone)


def test_a_missing_count_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match="hollow"):
        classify(pd.DataFrame([thing("ip", 3)]).drop(columns="hollow"))


def test_what_the_lists_name_is_believed_unless_it_is_a_farm() -> None:
    crowd, few = thing("address", 30, networks=1, **REGULARS), thing("address", 3, engaged=1, once=0.2)
    farm = thing("ip", 9, **PUPPETS)
    rows = [
        crowd | {"listed": "campus"}, few | {"listed": "office"}, few | {"listed": "locker"},
        farm | {"listed": "data_centre"}, thing("ip", 2) | {"listed": "data_centre"},
    ]  # fmt: skip
    assert classify(pd.DataFrame(rows)).hub.tolist() == ["campus", "family", "locker", "farm", "data_centre"]


def test_every_kind_has_words_in_both_languages_and_every_rule_a_kind() -> None:
    assert {rule.hub for rule in hub_lists().rules} | {"locker", "private", "unclear"} == set(WORDS)
    assert set(WORDS) > HONEST
    assert "farm" not in HONEST
    for hub in WORDS:
        assert likely(hub, "en").isascii()
        assert not likely(hub, "zh").isascii()
    with pytest.raises(InputError):
        likely("castle")


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


def shop_of(con: Any, seed: int) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    frames = small_shop(seed)
    rng = np.random.default_rng(seed)
    frames["events"]["terminal"] = np.array(["app", "KIOSK "])[(rng.random(len(frames["events"])) < 0.2).astype(int)]
    tables = dict(prepare(con, tables_in(con, frames)))
    return frames, tables | {"sightings": keep(con, "kept_sightings", sightings(tables))}


@pytest.fixture(scope="module")
def shop(con: Any) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    return shop_of(con, 5)


@pytest.mark.parametrize("kind", list(LEVELS))
def test_counts_equal_plain_loops(shop: tuple[dict[str, pd.DataFrame], dict[str, Any]], kind: str) -> None:
    frames, tables = shop
    rows, at = rows_of(frames), datetime(2026, 5, 2, 3, 4, 5)
    for row in rows["events"]:
        row["terminal"] = row["terminal"].strip().lower()
    found = hub_facts(tables, kind, at, ZONE).execute().set_index("key")
    truth = oracle.hub_counts(rows, *LEVELS[kind], at)
    assert set(found.index) == set(truth)
    for key, want in truth.items():
        assert found.loc[key].to_dict() == want, key
    assert kind == "address" or found.house.max() > 0


def test_things_are_named_with_what_the_lists_say(con: Any) -> None:
    frames = small_shop(6, events=40)
    frames["orders"]["address"] = "上海市浦东新区世纪大道100号丰巢快递柜3号柜"
    frames["orders"]["ip"] = "45.76.1.2"
    tables = dict(prepare(con, tables_in(con, frames)))
    tables["sightings"] = keep(con, "listed_sightings", sightings(tables))
    at = datetime(2026, 7, 1)
    lockers = hubs(tables, "address", at, ZONE).set_index("listed").hub
    assert lockers["locker"] == "locker"
    assert "data_centre" in set(hubs(tables, "ip", at, ZONE).hub)
    with pytest.raises(InputError):
        hubs(tables, "phone", at, ZONE)
    assert set(COLUMNS) >= {kind for rule in hub_lists().rules for kind in rule.of}


def test_rules_speak_of_facts_that_are_counted() -> None:
    given = shares(pd.DataFrame([thing("ip", 3)]))
    assert set(given) == set(get_args(Fact))

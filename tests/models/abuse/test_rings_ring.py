"""What a reviewer reads of a ring: the links that hold it, its money, its company, and nothing before its time."""

from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.abuse.detect import Detected
from models.abuse.identifiers import short_hash
from models.abuse.marks import DAY
from models.abuse.rings import LARGE
from models.abuse.rings.linking import chained
from models.abuse.rings.ring import MINUTE, Ring, rings_of

KEY = "a key of sixteen or more"
USERS, REVIEW = 9, 0.25
Visit = tuple[int, int, int, str, int]  # user, device, address, kind, cents
VISITS = st.lists(
    st.tuples(
        st.integers(0, USERS - 1),
        st.integers(0, 3),
        st.integers(0, 4),
        st.sampled_from(["claim", "claim", "order"]),
        st.integers(0, 5_000),
    ),
    min_size=2,
    max_size=24,
)


def detected(visits: list[Visit], users: int = USERS) -> Detected:
    """One row a minute; every account that shares anything is flagged with its first row on it."""
    rows = pd.DataFrame(visits, columns=["account", "device", "address", "kind", "cents"])
    us = (np.arange(len(rows)) + 1) * MINUTE
    users_of = rows["account"].to_numpy(np.int64)
    strength = np.random.default_rng(7).uniform(0.6, 1.0, 4_096)[: len(rows)]
    parts = []
    for kind in ("device", "address"):
        a, b, weight = chained(rows[kind].to_numpy(np.int64), users_of, us, np.ones(len(rows)), strength, 60 * DAY)
        part = {"at": us[b], "row": b, "a": users_of[a], "b": users_of[b], "kind": kind, "strength": weight}
        parts.append(pd.DataFrame(part))
    links = pd.concat(parts).sort_values(["row", "kind", "a"], ignore_index=True)
    n_ever = {
        f"{kind}_n_ever": [
            len({u for u, v in zip(users_of[:i], rows[kind][:i], strict=True) if v == value} - {users_of[i]})
            for i, value in enumerate(rows[kind])
        ]
        for kind in ("device", "address")
    }
    rows = rows.assign(
        user_id=[f"u{i}" for i in rows["account"]],
        us=us,
        device=[f"secret-device-{i}" for i in rows["device"]],
        address=[f"secret-door-{i}" for i in rows["address"]],
        phone=None,
        identity=None,
        template="newcomer",
        coupon_id=[f"c{i}" for i in range(len(rows))],
        cents=rows["cents"].astype(float),
        score=0.5,
        full_orders_ever=0.0,
        age_days=1.0,
        device_engaged_ever=0.0,
        address_engaged_ever=0.0,
        **n_ever,
    )
    since = np.full(users, np.iinfo(np.int64).max)
    for end in ("a", "b"):
        np.minimum.at(since, links[end].to_numpy(np.int64), links["at"].to_numpy(np.int64))
    flagged = since < np.iinfo(np.int64).max
    accounts = pd.DataFrame(
        {"user_id": [f"u{i}" for i in range(users)], "since": np.where(flagged, since, 0), "flagged": flagged}
    )
    return Detected(rows, pd.DataFrame(index=rows.index), accounts, links, 0)


def graph(ring: Ring, left_out: int | None = None) -> nx.Graph:
    made = nx.Graph([(link.a, link.b) for i, link in enumerate(ring.holding) if i != left_out])
    made.add_nodes_from(ring.members)
    return made


@settings(max_examples=25, deadline=None)
@given(visits=VISITS)
def test_the_smallest_set_holds_the_ring_and_without_any_link_of_it_the_ring_falls_apart(visits: list[Visit]) -> None:
    for ring in rings_of(detected(visits), KEY):
        assert len(ring.holding) == len(ring.members) - 1
        assert nx.is_connected(graph(ring))
        assert not any(nx.is_connected(graph(ring, i)) for i in range(len(ring.holding)))


@settings(max_examples=25, deadline=None)
@given(visits=VISITS)
def test_the_set_is_the_strongest_and_bridges_are_those_of_all_links(visits: list[Visit]) -> None:
    found = detected(visits)
    names = found.accounts["user_id"]
    for ring in rings_of(found, KEY):
        inside = found.links[names.loc[found.links["a"]].isin(ring.members).to_numpy()]
        whole, pairs = nx.MultiGraph(), nx.Graph()
        for link in inside.itertuples():
            whole.add_edge(names[link.a], names[link.b], weight=link.strength)
        for a, b, weight in whole.edges(data="weight"):
            pairs.add_edge(a, b, weight=max(weight, pairs.get_edge_data(a, b, {"weight": 0.0})["weight"]))
        best = nx.maximum_spanning_tree(pairs).size(weight="weight")
        assert sum(link.strength for link in ring.holding) == pytest.approx(best, abs=1e-3)
        once = {frozenset(edge) for edge in nx.bridges(pairs) if whole.number_of_edges(*edge) == 1}
        assert {frozenset((link.a, link.b)) for link in ring.bridges} == once


@settings(max_examples=25, deadline=None)
@given(visits=VISITS)
def test_cents_and_coupons_add_up_to_the_rows_of_the_members(visits: list[Visit]) -> None:
    for ring in rings_of(detected(visits), KEY):
        mine = [(kind, cents) for user, _, _, kind, cents in visits if f"u{user}" in ring.members]
        assert ring.redeemed_cents == sum(cents for kind, cents in mine if kind == "claim")
        assert ring.order_cents == sum(cents for kind, cents in mine if kind == "order")
        assert ring.coupons == sum(kind == "claim" for kind, _ in mine)


@settings(max_examples=25, deadline=None)
@given(visits=VISITS, cut=st.integers(2, 24))
def test_a_ring_as_of_a_moment_knows_nothing_that_came_later(visits: list[Visit], cut: int) -> None:
    then = rings_of(detected(visits), KEY, until=(min(cut, len(visits)) + 1) * MINUTE)
    assert then == rings_of(detected(visits[:cut]), KEY)


@settings(max_examples=25, deadline=None)
@given(visits=VISITS)
def test_company_counts_who_is_on_a_value_without_being_in_the_ring(visits: list[Visit]) -> None:
    for ring in rings_of(detected(visits), KEY):
        for company in ring.company:
            place = {"device": 1, "address": 2}[company.kind]
            value = next(
                v[place] for v in visits if short_hash(f"secret-{_noun(company.kind)}-{v[place]}", KEY) == company.mark
            )
            here = [i for i, v in enumerate(visits) if v[place] == value]
            last = max(i for i in here if f"u{visits[i][0]}" in ring.members)
            seen = {f"u{visits[i][0]}" for i in here}
            assert company.members == len(seen & set(ring.members))
            assert set(company.named) == seen - set(ring.members)
            assert company.outsiders >= len({f"u{visits[i][0]}" for i in here if i <= last} - set(ring.members))
            assert company.purity == company.members / (company.members + company.outsiders)


def _noun(kind: str) -> str:
    return "door" if kind == "address" else "device"


def test_a_ring_reads_as_json_and_tells_no_raw_identifier() -> None:
    found = detected([(0, 0, 1, "claim", 500), (1, 0, 2, "claim", 500), (2, 3, 2, "order", 250), (3, 3, 4, "claim", 0)])
    (ring,) = rings_of(found, KEY)
    text = json.dumps(ring.as_dict())
    told = json.loads(text)
    assert "secret" not in text
    assert told["first_at"] == "1970-01-01T00:01:00Z"
    assert told["span_minutes"] == 3
    assert told["kinds"] == {"address": 1, "device": 2}
    assert told["bridges"] == 3
    assert {link["mark"] for link in told["holding"]} == {
        short_hash(value, KEY) for value in ("secret-device-0", "secret-door-2", "secret-device-3")
    }
    assert told["against"]["weakest"] == min(link["strength"] for link in told["holding"])
    assert rings_of(found, KEY + "!")[0].holding[0].mark != ring.holding[0].mark


def test_a_ring_too_large_to_look_through_shows_its_parts() -> None:
    farms = [(i, int(i >= LARGE), i + 10, "claim", 100) for i in range(2 * LARGE)]
    farms.append((LARGE, 3, 10 + 5, "claim", 100))  # the second farm's first account calls at a door of the first
    found = detected(farms, users=2 * LARGE)
    door = found.links["kind"] == "address"
    links = found.links.assign(strength=np.where(door, 0.61, 0.95))
    (ring,) = rings_of(Detected(found.rows, found.terms, found.accounts, links, 0), KEY)
    assert [len(part) for part in ring.parts] == [LARGE, LARGE]
    assert [(link.kind, link.strength) for link in ring.bridges if link.kind == "address"] == [("address", 0.61)]
    assert not rings_of(detected(farms[:LARGE], users=LARGE), KEY)[0].parts


def test_a_shop_without_links_has_no_rings() -> None:
    assert rings_of(detected([(0, 0, 0, "claim", 100), (1, 1, 1, "claim", 100)]), KEY) == []

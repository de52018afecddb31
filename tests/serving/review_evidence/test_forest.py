"""The smallest set of links that holds a ring together, against the spanning trees of networkx."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.devices import METHODS
from features.links import CONFIDENCE as SAID
from features.links import CROWD as CROWDS
from features.links import CROWD_ELSE as CROWDS_ELSE
from oracles.evidence import forest
from serving.review.evidence.forest import CONFIDENCE, CROWD, CROWD_ELSE, holding, strength

KINDS = ("device", "ip", "address", "phone", "identity")
things = st.tuples(st.sampled_from(KINDS), st.sampled_from([f"{n:032x}" for n in range(6)]))
links = st.lists(st.tuples(st.sampled_from([f"u{n}" for n in range(8)]), things), max_size=40, unique=True)


@given(links, st.dictionaries(things, st.floats(0.01, 1), max_size=30))
def test_it_is_as_strong_as_any_forest_and_keeps_everybody_together(found: list, strengths: dict) -> None:
    held = holding(found, strengths)
    weight, _, groups = forest(found, strengths)
    graph = nx.Graph()
    for hold in held:
        graph.add_edge(("user", hold.user_id), ("thing", hold.kind, hold.value))
    together = {frozenset(n[1] for n in part if n[0] == "user") for part in nx.connected_components(graph)}
    assert nx.is_forest(graph) if len(graph) else not groups
    assert together == groups
    assert all(degree > 1 for node, degree in graph.degree() if node[0] == "thing")
    # A thing with one link of the forest is left out: of equally strong forests it may be another that is left.
    assert sum(hold.strength for hold in held) <= weight + sum(strengths.values())
    assert all(hold.strength == strengths[hold.kind, hold.value] for hold in held)


@given(links, st.permutations([0.11, 0.23, 0.35, 0.47, 0.52, 0.61, 0.73, 0.84, 0.92]))
def test_where_no_two_are_equally_strong_it_is_the_forest(found: list, weights: list[float]) -> None:
    names = sorted({thing for _, thing in found})
    strengths = {thing: weights[n % 9] + n / 10_000 for n, thing in enumerate(names)}
    weight, edges, _ = forest(found, strengths)
    held = holding(found, strengths)
    assert len(held) == edges
    assert sum(hold.strength for hold in held) == pytest.approx(weight)


@given(links)
def test_the_order_of_links_changes_nothing(found: list) -> None:
    strengths = {thing: 0.5 for _, thing in found}
    assert holding(found, strengths) == holding(reversed(found), strengths)


def test_one_device_is_enough_where_an_ip_says_the_same() -> None:
    device, ip = ("device", "d"), ("ip", "i")
    found = [(f"u{n}", thing) for n in range(4) for thing in (device, ip)]
    held = holding(found, {device: strength("device", 0, 0), ip: strength("ip", 61, 61)})
    assert {hold.kind for hold in held} == {"device"}
    assert len(held) == 4


def test_a_crowd_of_settled_accounts_weakens_a_link_and_a_farm_does_not() -> None:
    assert strength("ip", 0, 0) > strength("ip", 60, 0) > strength("ip", 60, 60) > 0
    assert strength("device", 0, 0) > strength("address", 0, 0) > strength("ip", 0, 0)


def test_nobody_and_nothing() -> None:
    assert holding([], {}) == ()
    assert holding([("a", ("ip", "x"))], {("ip", "x"): 1.0}) == ()


def test_the_figures_are_those_of_the_features() -> None:
    assert CONFIDENCE["identity"] == SAID["identity", "number"]
    assert CONFIDENCE["phone"] == SAID["phone", "number"]
    assert CONFIDENCE["address"] == SAID["address", "unit"]
    assert CONFIDENCE["ip"] == SAID["ip", "network"]
    assert min(METHODS.values()) <= CONFIDENCE["device"] <= max(METHODS.values())
    assert (dict(CROWD), CROWD_ELSE) == (dict(CROWDS), CROWDS_ELSE)

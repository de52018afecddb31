"""Clusters fall apart at weak waists, real farms stay whole, and bridges are what holds two halves together."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.abuse.rings import LARGE, LEAST_STRENGTH, STRONG, carry
from models.abuse.rings.forest import bridges, forest
from models.abuse.rings.waists import clusters
from oracles import components as plain

NODES = 14
STRENGTHS = [0.375, 0.4375, 0.5, 0.625, 0.75, 0.875, 1.0]  # exact in binary, so that both ways add up to the same
GRAPHS = st.lists(
    st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1), st.sampled_from(STRENGTHS)).filter(
        lambda link: link[0] != link[1]
    ),
    max_size=40,
)


def columns(links: list[tuple[int, int, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b, strength = zip(*links, strict=True) if links else ((), (), ())
    return np.array(a, int), np.array(b, int), np.array(strength, float)


def parts_of(label: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(label == value).tolist()) for value in np.unique(label)}


@settings(max_examples=150, deadline=None)
@given(links=GRAPHS, large=st.sampled_from([1, 3, 6, 20]))
def test_clusters_are_those_found_by_raising_the_bar_again_and_again(
    links: list[tuple[int, int, float]], large: int
) -> None:
    label = clusters(NODES, *columns(links), least=0.4, large=large, strong=0.6)
    assert parts_of(label) == plain.cut(range(NODES), links, large, 0.6, 0.4)
    assert (label <= np.arange(NODES)).all()


@settings(max_examples=60, deadline=None)
@given(links=GRAPHS, seed=st.integers(0, 99))
def test_neither_names_nor_the_order_of_links_change_the_clusters(
    links: list[tuple[int, int, float]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b, strength = columns(links)
    order, other = rng.permutation(len(a)), rng.permutation(NODES)
    label = clusters(NODES, a, b, strength, large=4)
    shuffled = clusters(NODES, other[b[order]], other[a[order]], strength[order], large=4)
    assert parts_of(shuffled) == {frozenset(other[list(part)].tolist()) for part in parts_of(label)}


@settings(max_examples=100, deadline=None)
@given(links=GRAPHS)
def test_the_forest_is_as_strong_as_any(links: list[tuple[int, int, float]]) -> None:
    a, b, strength = columns(links)
    found = forest(NODES, a, b, strength)
    graph = nx.Graph()
    for x, y, s in links:
        if s > graph.get_edge_data(x, y, {"weight": 0.0})["weight"]:
            graph.add_edge(x, y, weight=s)
    best = nx.maximum_spanning_tree(graph).size(weight="weight")
    assert found.strength.sum() == pytest.approx(best)
    edges = [(links[i][0], links[i][1]) for i in found.link]
    assert plain.partition(range(NODES), edges) == plain.partition(range(NODES), [link[:2] for link in links])


@settings(max_examples=100, deadline=None)
@given(links=GRAPHS.map(lambda links: links[:18]))
def test_bridges_are_the_links_that_nothing_goes_round(links: list[tuple[int, int, float]]) -> None:
    ends = [link[:2] for link in links]
    held = forest(NODES, *columns(links)).link.tolist()
    assert bridges(ends, held) == plain.bridges(ends)


def planted(rng: np.random.Generator, rings: int, noise: int) -> tuple[list[tuple[int, int, float]], np.ndarray]:
    """Rings of 4 to 30 accounts with strong links, and weak chance links between any two accounts."""
    links, ring_of = [], []
    for ring in range(rings):
        first, size = len(ring_of), int(rng.integers(4, 31))
        ring_of += [ring] * size
        for i in range(1, size):
            links += [(first + j, first + i, float(rng.uniform(0.7, 1.0))) for j in {0, i - 1}]
    ends = rng.integers(0, len(ring_of), (noise, 2))
    links += [(int(a), int(b), float(rng.uniform(LEAST_STRENGTH, 0.5))) for a, b in ends if a != b]
    return links, np.array(ring_of)


def test_a_giant_of_weak_bridges_falls_apart_into_the_rings_that_were_planted() -> None:
    links, ring_of = planted(np.random.default_rng(1), rings=150, noise=4_000)
    giant = max(nx.connected_components(nx.Graph([link[:2] for link in links])), key=len)
    assert len(giant) == len(ring_of)  # without strengths everybody is one component
    assert parts_of(clusters(len(ring_of), *columns(links))) == parts_of(ring_of)


def test_chance_links_among_strangers_make_no_ring_that_a_person_could_not_look_through() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 20_000, (2, 60_000))
    strength = rng.uniform(LEAST_STRENGTH, STRONG, len(a))
    assert np.bincount(clusters(20_000, a, b, strength)).max() <= LARGE


def farm(size: int, rng: np.random.Generator) -> list[tuple[int, int, float]]:
    """One device: each account is linked to the first and to the one before, as purity and novelty have it."""
    return [(j, i, float(rng.uniform(0.65, 1.0))) for i in range(1, size) for j in {0, i - 1}]


def test_a_farm_of_five_thousand_on_one_device_stays_one_ring() -> None:
    rng = np.random.default_rng(3)
    links = farm(5_000, rng)
    strangers = [(int(rng.integers(5_000)), 5_000 + i, float(rng.uniform(0.35, 0.55))) for i in range(2_000)]
    label = clusters(7_000, *columns(links + strangers))
    assert (label[:5_000] == 0).all()
    assert (label[5_000:] == np.arange(5_000, 7_000)).all()


def test_two_farms_that_one_chance_link_joins_are_two() -> None:
    rng = np.random.default_rng(4)
    second = [(a + 300, b + 300, s) for a, b, s in farm(200, rng)]
    label = clusters(500, *columns([*farm(300, rng), *second, (17, 320, 0.64)]))
    assert set(label[:300]) == {0}
    assert set(label[300:]) == {300}


def test_proof_does_not_run_through_weak_links_beyond_what_a_person_can_look_through() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 3_000, (2, 12_000))
    apart = a != b
    found = pd.DataFrame({"a": a[apart], "b": b[apart], "strength": 0.5})
    found = found.assign(at=np.arange(len(found)), row=np.arange(len(found)))
    proof = np.zeros(len(found))
    proof[0] = 0.99
    assert (carry(3_000, found, proof, 0.5).since >= 0).sum() <= LARGE
    assert carry(3_000, found, proof, 0.5).size.max() <= LARGE
    assert (carry(3_000, found.assign(strength=0.7), proof, 0.5).since >= 0).sum() > 2_900

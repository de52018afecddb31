"""Laws of rings: components, order of rows, and levels that only rise."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from models.abuse.rings import CARRIED, carry, ring_names, sizes_at
from oracles.abuse import components

COUNT = 9
LINKS = st.lists(
    st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1), st.sampled_from([0.05, 0.4, 0.9])).filter(
        lambda link: link[0] != link[1]
    ),
    max_size=14,
)


def _links(rows: list[tuple[int, int, float]]) -> tuple[pd.DataFrame, np.ndarray]:
    found = pd.DataFrame(
        {
            "at": np.arange(len(rows)) * 10,
            "row": np.arange(len(rows)),
            "a": [r[0] for r in rows],
            "b": [r[1] for r in rows],
            "kind": "device",
            "strength": 1.0,
        }
    )
    return found, np.array([r[2] for r in rows])


@settings(max_examples=80, deadline=None)
@given(rows=LINKS)
def test_rings_are_the_connected_components(rows: list[tuple[int, int, float]]) -> None:
    found, score = _links(rows)
    carried = carry(COUNT, found, score, 0.5)
    for node, members in enumerate(components(COUNT, [r[:2] for r in rows])):
        assert carried.size[node] == len(members)
        same = {i for i in range(COUNT) if carried.root[i] == carried.root[node] and carried.root[i] >= 0}
        assert same == (set(members) if len(members) > 1 else same)


@settings(max_examples=60, deadline=None)
@given(rows=LINKS)
def test_every_member_carries_the_highest_proof_and_knows_since_when(rows: list[tuple[int, int, float]]) -> None:
    found, score = _links(rows)
    carried = carry(COUNT, found, score, 0.5)
    for node, members in enumerate(components(COUNT, [r[:2] for r in rows])):
        proofs = [s for (a, _, s) in rows if a in members]
        assert abs(carried.score[node] - CARRIED * max(proofs, default=0.0)) <= 0.002
        assert (carried.since[node] >= 0) == (CARRIED * max(proofs, default=0.0) >= 0.5)


@settings(max_examples=60, deadline=None)
@given(rows=LINKS, cut=st.integers(0, 14))
def test_later_links_change_nothing_that_was_flagged_before(rows: list[tuple[int, int, float]], cut: int) -> None:
    found, score = _links(rows)
    early = carry(COUNT, found.iloc[:cut], score, 0.5)
    late = carry(COUNT, found, score, 0.5)
    flagged = early.since >= 0
    assert (late.since[flagged] == early.since[flagged]).all()
    assert (late.score >= early.score - 1e-12).all()


@settings(max_examples=40, deadline=None)
@given(rows=LINKS, seed=st.integers(0, 99))
def test_renaming_accounts_renames_nothing_else(rows: list[tuple[int, int, float]], seed: int) -> None:
    other = np.random.default_rng(seed).permutation(COUNT)
    found, score = _links(rows)
    renamed = found.assign(a=other[found["a"].to_numpy(int)], b=other[found["b"].to_numpy(int)])
    first, second = carry(COUNT, found, score, 0.5), carry(COUNT, renamed, score, 0.5)
    assert (second.since[other] == first.since).all()
    assert np.allclose(second.score[other], first.score)


def test_a_row_sees_the_ring_that_it_joins() -> None:
    found, _ = _links([(0, 1, 0.9), (1, 2, 0.9)])
    user = np.array([1, 2, 0])
    assert sizes_at(3, user, COUNT, found).tolist() == [2.0, 3.0, 3.0]


def test_a_ring_keeps_its_name_and_tells_no_user_id() -> None:
    found, score = _links([(0, 1, 0.9), (1, 2, 0.9)])
    names = [f"user-{i}" for i in range(COUNT)]
    ring = ring_names(found, carry(COUNT, found, score, 0.5).root, names)
    assert list(ring.values()) == list(ring_names(found, carry(COUNT, found, score, 0.5).root, names).values())
    assert all("user-" not in name for name in ring.values())

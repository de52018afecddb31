"""Laws of rings: components, order of rows, and levels that only rise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.abuse.rings import CARRIED, carry, growth, ring_names, sizes_at
from models.abuse.rings.linking import chained
from oracles import components as plain
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


WEIGHED = st.lists(
    st.tuples(
        st.integers(0, COUNT - 1),
        st.integers(0, COUNT - 1),
        st.sampled_from([0.05, 0.2, 0.4, 0.401, 0.9]),  # the score of the row
        st.sampled_from([0.4, 0.5, 0.7]),  # the strength of the link
    ).filter(lambda link: link[0] != link[1]),
    max_size=24,
)


@settings(max_examples=200, deadline=None)
@given(rows=WEIGHED, large=st.sampled_from([1, 2, 4, 6, 50]))
def test_growth_is_that_of_sets_joined_one_link_at_a_time(
    rows: list[tuple[int, int, float, float]], large: int
) -> None:
    found, score = _links([row[:3] for row in rows])
    found["strength"] = [row[3] for row in rows]
    links = list(found[["at", "row", "a", "b", "strength"]].itertuples(index=False, name=None))
    user = np.array([row[1] for row in rows], np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growth, "LARGE", large)
        carried = carry(COUNT, found, score, 0.39)
        size = sizes_at(len(rows), user, COUNT, found)
    told, since, ring = plain.carried(COUNT, links, score.tolist(), 0.39, large, growth.STRONG)
    assert carried.score.tolist() == told
    assert carried.since.tolist() == since
    assert carried.size.tolist() == [len(members) for members in ring]
    for account in range(COUNT):
        same = np.flatnonzero(carried.root == carried.root[account])
        assert set(same) == ring[account] if carried.root[account] >= 0 else len(ring[account]) == 1
    assert size.tolist() == plain.sizes(user.tolist(), links, large, growth.STRONG)


@settings(max_examples=150, deadline=None)
@given(visits=st.lists(st.tuples(st.sampled_from(["x", "y", None]), st.integers(0, 5), st.integers(0, 4)), max_size=25))
def test_links_join_each_newcomer_to_the_last_and_to_the_first_within_reach(
    visits: list[tuple[str | None, int, int]],
) -> None:
    at = np.cumsum([wait for _, _, wait in visits]).astype(np.int64)
    key = np.array([{"x": 0, "y": 1, None: -1}[value] for value, _, _ in visits], np.int64)
    user = np.array([who for _, who, _ in visits], np.int64)
    one = np.ones(len(visits))
    a, b, strength = chained(key, user, at, one, one, 6)
    rows = [(value, who, int(now)) for (value, who, _), now in zip(visits, at, strict=True)]
    assert sorted(zip(a.tolist(), b.tolist(), strict=True)) == plain.chained(rows, 6)
    assert (strength == 1.0).all()


def test_a_link_is_as_strong_as_the_company_is_pure_and_both_accounts_are_there_for_the_coupon() -> None:
    own, pure = np.array([0.81, 0.64, 1.0]), np.array([1.0, 0.75, 0.1])
    a, b, strength = chained(np.zeros(3, np.int64), np.arange(3), np.arange(3), own, pure, 10)
    assert list(zip(a, b, strength, strict=True)) == [(0, 1, pytest.approx(0.75 * 0.9 * 0.8))]


def test_the_ring_of_a_melted_company_is_what_strong_links_hold() -> None:
    weak = pd.DataFrame({"a": np.arange(99), "b": np.arange(1, 100), "strength": 0.5})
    strong = pd.DataFrame({"a": [3, 4], "b": [40, 70], "strength": 0.9})
    found = pd.concat([weak, strong], ignore_index=True)
    found = found.assign(at=np.arange(len(found)), row=np.arange(len(found)), kind="ip")
    proof = np.zeros(len(found))
    proof[99] = 0.9  # of the first strong link, when everybody is already tied to everybody
    carried = carry(100, found, proof, 0.5)
    assert np.flatnonzero(carried.since >= 0).tolist() == [3, 40]
    assert np.flatnonzero(carried.root >= 0).tolist() == [3, 4, 40, 70]
    assert carried.size[[0, 3, 4]].tolist() == [1, 2, 2]
    assert len(ring_names(found, carried.root, [f"u{i}" for i in range(100)])) == 2


def test_a_device_of_two_hundred_thousand_accounts_costs_two_links_each() -> None:
    count = 200_000
    ones, at = np.ones(count), np.arange(count)
    a, b, strength = chained(np.zeros(count, np.int64), at, at, ones, ones, count)
    found = pd.DataFrame({"at": at[b], "row": b, "a": a, "b": b, "kind": "device", "strength": strength})
    assert len(found) == 2 * count - 3
    found = found.sort_values("row", ignore_index=True)
    carried = carry(count, found, np.linspace(0.0, 1.0, count), 0.5)
    assert set(carried.size) == {count}
    assert (carried.since >= 0).all()


def test_no_links_are_no_rings() -> None:
    found, _ = _links([])
    carried = carry(3, found.astype({"a": "int64", "b": "int64"}), np.zeros(0), 0.5)
    assert carried.root.tolist() == [-1, -1, -1]
    assert carried.size.tolist() == [1, 1, 1]
    assert ring_names(found.astype({"a": "int64", "b": "int64"}), carried.root, ["x", "y", "z"]) == {}

"""Likeness of addresses, and linking without comparing every two."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import address_link
from features.address import normalise
from features.address_alike import OTHER_DOOR, similarity
from features.address_link import THRESHOLD, link

PIECES = st.sampled_from(
    [
        "12",
        "Main",
        "Street",
        "St",
        "Apt 5",
        "#6",
        "Springfield",
        "Springfeild",
        "62704",
        "杭州市",
        "文三路",
        "闻三路",
        "478号",
        "3幢",
        "501室",
        "翠苑小区",
    ]
)
ADDRESSES = st.lists(PIECES, max_size=8).map(" ".join) | st.text(max_size=30)


@given(ADDRESSES, ADDRESSES)
def test_likeness_is_a_share_symmetric_and_one_for_equal_keys(a: str, b: str) -> None:
    value = similarity(a, b)
    assert 0 <= value <= 1
    assert value == pytest.approx(similarity(b, a), abs=1e-12)
    assert similarity(a, a) == (1.0 if normalise(a) else 0.0)


def test_likeness_falls_with_every_difference() -> None:
    base = "12 Main Street, Springfield VIC 3053"
    chain = [
        base,
        "12 Mian Street, Springfield VIC 3053",
        "12 Mian Street, Springfeild VIC 3053",
        "12 Oak Street, Carlton VIC 3050",
    ]
    values = [similarity(base, other) for other in chain]
    assert values == sorted(values, reverse=True)
    assert values[2] > THRESHOLD > values[3]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Unit 5, 12 Main St, Springfield", "Unit 6, 12 Main St, Springfield"),
        ("杭州市文三路478号翠苑小区3幢2单元501室", "杭州市文三路478号翠苑小区3幢2单元502室"),
        ("杭州市文三路478号翠苑小区3幢2单元501室", "杭州市文三路478号翠苑小区4幢2单元501室"),
        ("杭州市中山东路12号3幢501", "杭州市中山东路21号3幢501"),
        ("杭州市中山东路12号3幢501", "杭州市中山西路12号3幢501"),
    ],
)
def test_two_doors_of_a_house_or_street_are_not_alike(a: str, b: str) -> None:
    assert similarity(a, b) <= OTHER_DOOR < THRESHOLD


def test_the_same_sound_is_the_same_name() -> None:
    road = "杭州市{}478号翠苑小区3幢2单元501室"
    assert similarity(road.format("文三路"), road.format("闻三路")) == pytest.approx(1.0)
    assert 1 > similarity(road.format("翠柏路"), road.format("翠百公路")) > THRESHOLD


@settings(max_examples=40)
@given(st.lists(ADDRESSES, max_size=9), st.sampled_from([0.2, THRESHOLD, 0.8]))
def test_small_sets_are_linked_as_if_every_two_were_compared(addresses: list[str], threshold: float) -> None:
    found = link(addresses, threshold)
    values = {(i, j): similarity(addresses[i], addresses[j]) for i, j in combinations(range(len(addresses)), 2)}
    linked = dict(zip(zip(found["first"], found["second"], strict=True), found["similarity"], strict=True))
    assert all(values[pair] == pytest.approx(value) and value >= threshold for pair, value in linked.items())
    # Only pairs without any word in common (all misspelt) may be missed.
    assert all(pair in linked for pair, value in values.items() if value >= max(threshold, 0.9))


def test_a_group_of_one_spelling_is_linked_to_its_first() -> None:
    found = link(["12 Main St, Springfield 62704"] * 500)
    assert len(found) == 499
    assert set(found["first"]) == {0}


@pytest.mark.parametrize("tower", [True, False])
def test_the_pairs_compared_grow_with_the_addresses_not_their_square(
    tower: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    compared = []
    for size in (300, 1200):
        numbers = rng.permutation(10 * size)[:size]
        texts = [f"{12 if tower else n} Main St{f' Apt {n}' if tower else ''}, Springfield 62704" for n in numbers]
        seen = []
        plain = address_link._candidates
        monkeypatch.setattr(
            address_link, "_candidates", lambda p, seen=seen, plain=plain: seen.append(plain(p)) or seen[-1]
        )
        link(texts)
        monkeypatch.setattr(address_link, "_candidates", plain)
        compared.append(len(seen[0]))
    assert compared[1] <= 4.5 * compared[0]
    assert compared[1] <= 1200 * address_link.WINDOW * 4


def test_a_tower_of_doors_is_not_linked() -> None:
    found = link([f"杭州市文三路478号翠苑大厦3幢{room}室" for room in range(101, 400)])
    assert found.empty


def test_nothing_to_link_gives_an_empty_table() -> None:
    found = link(["", "unknown", "12 Main St, Springfield 62704"])
    assert found.empty
    assert found.columns.tolist() == ["first", "second", "similarity"]


@pytest.mark.real_data
def test_febrl_1_is_linked_and_its_threshold_lies_in_its_best_range(real_data: Path) -> None:
    texts, true = _febrl(real_data / "febrl_dataset1.csv")
    found = link(texts, 0.2)
    pairs = list(zip(found["first"], found["second"], strict=True))
    right = np.array([pair in true for pair in pairs])

    def f1(threshold: float) -> float:
        taken = (found["similarity"] >= threshold).to_numpy()
        return 2 * float((right & taken).sum()) / (taken.sum() + len(true))

    assert f1(THRESHOLD) > 0.99
    assert f1(THRESHOLD) >= max(f1(threshold) for threshold in np.arange(0.2, 0.9, 0.01)) - 0.003


def _febrl(path: Path) -> tuple[list[str], set[tuple[int, int]]]:
    frame = pd.read_csv(path, dtype=str, skipinitialspace=True).fillna("").rename(columns=str.strip)
    fields = ["street_number", "address_1", "address_2", "suburb", "postcode", "state"]
    texts = [", ".join(value for value in row if value) for row in frame[fields].to_numpy()]
    persons = frame.rec_id.str.split("-").str[1]
    groups = persons.groupby(persons).groups.values()
    return texts, {pair for rows in groups for pair in combinations(sorted(rows), 2)}

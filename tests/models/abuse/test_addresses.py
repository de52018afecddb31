"""One door has one key however it is spelt, and two doors have two: over two generators of spellings."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.abuse import addresses
from models.abuse.addresses import BLOCK, door_keys
from oracles.doors import chinese_doors, respelt
from pipelines.shop.addresses import Place, respell, write


def _groups(
    texts: list[str], owners: list[object]
) -> tuple[dict[object, set[str | None]], dict[str | None, set[object]]]:
    of_door, of_key = defaultdict(set), defaultdict(set)
    for key, owner in zip(door_keys(texts), owners, strict=True):
        of_door[owner].add(key)
        of_key[key].add(owner)
    return of_door, of_key


@pytest.mark.parametrize("seed", [1, 2])
def test_spellings_of_an_independent_generator_have_the_key_of_their_door(seed: int) -> None:
    rng = random.Random(seed)
    doors = chinese_doors(rng, 150)
    pairs = [(respelt(door, rng), door) for door in doors for _ in range(5)]
    rng.shuffle(pairs)
    of_door, of_key = _groups([text for text, _ in pairs], [door for _, door in pairs])
    assert None not in of_key
    assert all(len(owners) == 1 for owners in of_key.values())
    assert sum(len(keys) > 1 for keys in of_door.values()) <= 1


@pytest.mark.requirement(66)
@pytest.mark.parametrize("kind", ["home", "dorm", "office", "locker"])
def test_the_simulated_spellings_of_a_drop_address_have_one_key(kind: str) -> None:
    rng = np.random.default_rng(4)
    places = [Place.at_random(rng, bool(i % 2), kind) for i in range(120)]
    texts = [respell(place, rng, effort) for place in places for effort in (0, 1, 2, 3, 4)]
    of_door, of_key = _groups(texts, [place for place in places for _ in range(5)])
    # A locker of one street and number is one place in the standard spelling too, whatever its other fields.
    spelt = {place: write(place) for place in places}
    assert all(len({spelt[owner] for owner in owners}) == 1 for owners in of_key.values())
    split = [spelt[place] for place, keys in of_door.items() if len(keys) > 1]
    assert not [text for text in split if not text.isascii()]
    assert len(split) <= 4  # "Rd" for "Dr" by a slip is another street


OTHER_DOORS = [
    "浙江省杭州市西湖区中山东路12号3幢2单元501室", "浙江省杭州市西湖区中山西路12号3幢2单元501室",
    "浙江省杭州市拱墅区中山东路12号3幢2单元501室", "浙江省杭州市西湖区中山东路12号3幢2单元502室",
    "浙江省杭州市西湖区中山东路12号3幢1单元501室", "浙江省杭州市西湖区中山东路12号3幢2单元510室",
    "浙江省杭州市西湖区中山东路21号3幢2单元501室", "浙江省杭州市西湖区翠柏路12号3幢2单元501室",
    "浙江省杭州市西湖区翠竹路12号3幢2单元501室", "浙江省宁波市海曙区翠柏路12号3幢2单元501室",
    "浙江省杭州市西湖区学院路9号阳光花园二期3幢2单元501室", "浙江省杭州市西湖区学院路9号阳光花园一期3幢2单元501室",
    "浙江省杭州市西湖区学院路9号桂花园3幢5楼3室", "浙江省杭州市西湖区学院路9号桂花园3幢6楼3室",
    "杭州市西湖区学院路9号丰巢柜", "杭州市西湖区学院路9号3号丰巢柜", "杭州市西湖区学院路9号菜鸟驿站",
    "12 Main St Apt 5 Springfield 62704", "12 Main Rd Apt 5 Springfield 62704", "12 Hill St Apt 5 Springfield 62704",
    "12 Hall St Apt 5 Springfield 62704", "12 N Main St Apt 5 Springfield 62704",
    "12 S Main St Apt 5 Springfield 62704",
    "12 Main St Apt 5 Springfield 62705", "12 Main St Apt 15 Springfield 62704", "12 King St, Park NSW 2042",
    "12 Park St, King NSW 2042", "12A Main St, Springfield 62704", "12B Main St, Springfield 62704",
]  # fmt: skip


def test_other_doors_keep_other_keys_in_any_order() -> None:
    for seed in range(5):
        doors = random.Random(seed).sample(OTHER_DOORS, len(OTHER_DOORS))
        assert len(set(door_keys(doors))) == len(doors)


def test_a_spelling_that_leaves_out_a_part_does_not_join_doors_that_differ_in_it() -> None:
    bare, west, east = (
        "杭州市学院路9号3幢2单元501",
        "杭州市西湖区学院路9号3幢2单元501",
        "杭州市拱墅区学院路9号3幢2单元501",
    )
    keys = door_keys([bare, west, east])
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("杭州市文三路478号翠苑小区3幢2单元501室", "杭州市闻三路478号翠苑小区3幢2单元501室"),
        ("杭州市文三路478号翠苑小区3幢2单元501室", "杭州市翠苑小区3幢2单元501室"),
        ("杭州市西湖区文三路478号3幢2单元501室", "杭州市文三路478号翠苑小区3幢2单元501室"),
        ("杭州市西湖区文三路478号翠苑小区3幢2单元501室", "西湖区文三路478号翠苑小区3幢2单元501室"),
        ("8 Hill Road, Unit 3, Newtown 2042", "Unit 3, 8 Hil Rd, Newtwon NSW"),
        ("12 Tullaroop Street, Carlton VIC 3053", "12 Tularoop St Carltn 3053"),
    ],
)
def test_slips_sounds_and_omissions_are_the_same_door(first: str, second: str) -> None:
    assert len(set(door_keys([first, second]))) == 1
    assert len(set(door_keys([second, first]))) == 1


POOL = st.sampled_from(
    [respelt(door, random.Random(i)) for i, door in enumerate(chinese_doors(random.Random(9), 12) * 3)] + OTHER_DOORS
)


@given(st.lists(POOL | st.text(max_size=30), max_size=14), st.data())
def test_later_spellings_change_no_earlier_key(texts: list[str], data: st.DataObject) -> None:
    upto = data.draw(st.integers(0, len(texts)))
    assert door_keys(texts)[:upto] == door_keys(texts[:upto])


@given(st.lists(POOL, max_size=10))
def test_a_repeated_spelling_has_the_same_key(texts: list[str]) -> None:
    keys = door_keys([*texts, *texts])
    assert keys[: len(texts)] == keys[len(texts) :]


def test_a_hot_block_is_searched_in_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    plain = addresses.same

    def counted(a: addresses.Door, b: addresses.Door) -> bool:
        nonlocal compared
        compared += 1
        return plain(a, b)

    monkeypatch.setattr(addresses, "same", counted)
    rng = random.Random(1)
    streets = [f"12 {''.join(rng.choices('bcdfghklmnprst', k=9))} Street, Newtown 2042" for _ in range(1500)]
    assert len(set(door_keys(streets))) > 1400
    assert compared <= 4 * BLOCK * len(streets)

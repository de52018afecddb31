"""What the parts of an address are read as, in either script; and that no text breaks the reading."""

from __future__ import annotations

import sys
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import address_text
from features.address import Components, normalise, parse
from features.address_areas import areas
from features.address_chinese import LABELS, compact, segments
from features.address_divisions import divisions
from features.address_text import clean

ADDRESS_LIKE = st.text(
    alphabet="杭州市西湖区文三路号幢单元室楼弄巷一二三十百0123456789-－#（），, abcABC丰巢柜请放门口街道镇村栋😀\u200b",
    max_size=40,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "浙江省杭州市西湖区翠苑街道文三路478号华星大厦A座12楼1203室",
            {"province": "浙江省", "city": "杭州市", "district": "西湖区", "town": "翠苑街道", "road": "文三路",
             "road_number": "478", "place": "华星大厦", "building": "a", "floor": "12", "room": "1203"},
        ),
        (
            "慈溪逍林镇福合院村三组12号",
            {"district": "慈溪", "town": "逍林镇", "community": "福合院村", "road": "三组", "road_number": "12"},
        ),
        ("山东青岛市南区东海路12号", {"city": "青岛", "district": "市南区", "road": "东海路", "road_number": "12"}),
        (
            "上海市普陀区金沙江路1628弄5号楼二零一",
            {"road": "金沙江路", "road_number": "1628", "building": "5", "room": "201"},
        ),
        ("翠苑小区12-3-401 王小明收", {"place": "翠苑小区", "building": "12", "staircase": "3", "room": "401"}),
        ("Level 5, 12/34 Mount Street, North Sydney NSW 2060", {"floor": "5", "room": "12", "road_number": "34"}),
        ("Flat 3, 22 Baker Street, London NW1 6XE", {"room": "3", "road": "baker st", "postcode": "nw16xe"}),
        ("10115 Berlin, Hauptstr. 12", {"road": "hauptstrasse", "road_number": "12", "postcode": "10115"}),
    ],
)  # fmt: skip
def test_the_parts_are_named(text: str, expected: dict[str, str]) -> None:
    found = parse(text)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    "text",
    [
        "上海市张杨路500号丰巢智能柜", "上海市张杨路500号（菜鸟驿站）", "杭州市文三路478号小区自提点",
        "PO Box 12, Springfield 62704",
        "Amazon Locker, 5 High St, Carlton 3053", "Packstation 145, 10115 Berlin",
    ],
)  # fmt: skip
def test_a_locker_is_a_locker_and_remarks_behind_it_make_no_new_door(text: str) -> None:
    keys = {normalise(text + remark) for remark in ("", " 李明收", "，请打电话")} if "号" in text else {normalise(text)}
    assert {key.kind for key in keys if key} == {"locker"}
    assert len(keys) == 1


def test_a_home_whose_parcels_go_to_a_locker_stays_a_home() -> None:
    home = "上海市张杨路500号3幢2单元501室"
    assert normalise(home + "，不在家放丰巢") == normalise(home)


SAME_KEY = [
    ["浙江省杭州市西湖区文三路478号翠苑小区3幢2单元501室", "浙江省-杭州市-西湖区-文三路-478号-翠苑-3幢-2单元-501室",
     "张三 13800000000 浙江省杭州市西湖区文三路478号翠苑小区3幢2单元501室",
     "杭州市西湖区文三路４７８號翠苑小區叁幢贰单元伍零壹室",
     "杭州市西湖区文三路四百七十八号翠苑小区三幢二单元五百零一 右手边",
     "浙江省杭州市西湖区文三路478号翠苑小区3#2单元501室X7K2",
     "文三路478号翠苑小区3幢2单元501室, 西湖区, 杭州市", "杭州市文三路478号翠苑小区3号楼2单元5楼501-a 转交门卫",
     "浙江杭州西湖区 浙江省杭州市西湖区文三路478号翠苑小区3-2-501",
     "文\u200b三路478号翠苑小区3幢2单元5\ufe0f\u20e301室 杭州市"],
    ["12 Main Street Apt 5, Springfield, IL 62704", "c/o John Smith, 12 Main St #5 Springfield 62704-1234",
     "Apt 5, 12 MAIN STR., Springfield, Illinois 62704, USA",
     "5/12 Main Street, Springfield IL 62704 please leave at door",
     "12 Main Street, Apartment Five (rear), Springfield 62704"],
    ["P.O. Box 77, Newtown NSW 2042", "po box 77 Newtown 2042", "Post Office Box 77, Newtown, New South Wales 2042"],
]  # fmt: skip


@pytest.mark.parametrize("spellings", SAME_KEY, ids=range(len(SAME_KEY)))
def test_tricks_change_no_key(spellings: list[str]) -> None:
    keys = {spelling: normalise(spelling) for spelling in spellings}
    assert None not in keys.values()
    assert len(set(keys.values())) == 1, keys


def test_key_parts_that_tell_doors_apart_are_kept() -> None:
    doors = [
        "12 Main St Apt 5 Springfield 62704", "12 Main Rd Apt 5 Springfield 62704",
        "12 N Main St Apt 5 Springfield 62704",
        "12 Main St Apt 5a Springfield 62704", "12a Main St Apt 5 Springfield 62704",
        "12 Main St Apt 5 Springfield 62705",
        "12 King St, Park NSW 2042", "12 Park St, King NSW 2042", "上海市张杨路500号3幢501", "上海市张杨路500号3幢501a",
        "上海市张杨东路500号3幢501", "上海市张杨西路500号3幢501", "上海市张杨路500号丰巢柜",
        "上海市张杨路500号菜鸟驿站",
        "上海市张杨路500号3幢5楼3室", "上海市张杨路500号3幢6楼3室", "陕西省白水县雷牙镇刘家村3组12号",
        "陕西省白水县雷牙镇王家村3组12号", "慈溪市人民路12号", "余姚市人民路12号",
    ]  # fmt: skip
    keys = [normalise(door) for door in doors]
    assert None not in keys
    assert len(set(keys)) == len(doors)


@given(st.text(max_size=400) | ADDRESS_LIKE)
def test_any_text_is_read_and_case_width_and_invisible_marks_change_nothing(text: str) -> None:
    key = normalise(text)
    assert isinstance(parse(text), Components)
    assert key is None or key.unit_key.startswith(key.building_key)
    if len(unicodedata.normalize("NFKC", text)) <= address_text.LONGEST and len(text) <= address_text.LONGEST - 2:
        assert normalise(f"\u200b{text}\u2060") == key


@given(ADDRESS_LIKE)
def test_full_width_and_case_change_no_key(text: str) -> None:
    wide = text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    assert normalise(wide) == normalise(text) == normalise(text.upper())


@given(ADDRESS_LIKE)
def test_parts_are_spans_of_the_text_in_order(text: str) -> None:
    ready = compact(clean(text))
    found = segments(ready)
    assert all(label in LABELS and 0 <= start < end <= len(ready) for label, start, end in found)
    assert all(before[2] <= after[1] for before, after in pairwise(found))


@given(ADDRESS_LIKE)
def test_cleaning_twice_is_cleaning_once_for_text_without_brackets(text: str) -> None:
    plain = clean(text.translate({ord(c): None for c in "（(）)"}))
    assert clean(plain) == plain


LONG = ("路" * 10_000, "1" * 10_000, "一" * 9_999 + "号", "a1" * 5_000, "市" * 10_000, "((" * 5_000, "-1" * 5_000,
        "区街镇" * 3_000, "12 Main St " * 900, "apt " * 2_500, "5/" * 5_000, "浙江省" * 3_000)  # fmt: skip


@pytest.mark.parametrize("text", LONG, ids=[text[:4] for text in LONG])
def test_a_long_text_costs_no_more_steps_than_its_head(text: str) -> None:
    def steps(of: str) -> int:
        count = 0

        def trace(frame: object, event: str, arg: object) -> object:
            nonlocal count
            count += 1
            return trace

        before = sys.gettrace()
        sys.settrace(trace)  # type: ignore[arg-type]
        try:
            normalise(of)
        finally:
            sys.settrace(before)
        return count

    normalise(text)
    assert steps(text) <= steps(text[: address_text.LONGEST]) + 50
    assert steps(text) < 60 * address_text.LONGEST


def test_every_division_is_found_by_its_own_name() -> None:
    missed = [name for name, found in divisions().items() if not found.bare and not _heads(name)]
    assert len(missed) <= 3, missed


def _heads(name: str) -> bool:
    found: list[tuple[str, int, int]] = []
    return areas(name + "解放路1号", found) == len(name)


@pytest.mark.parametrize(
    "text", [None, "", "   ", "😀😀", "\u202e\u202d", "12345678", "----", "unknown", "（）", "#", "13800138000"]
)
def test_text_without_a_place_has_neither_parts_nor_key(text: str | None) -> None:
    assert normalise(text) is None

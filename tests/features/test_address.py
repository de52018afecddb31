"""One door, many spellings; two doors, two keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.address import address_table, chinese_number, normalise

SAME_DOOR = [
    [
        "上海市浦东新区世纪大道100号3号楼2单元501室",
        "上海浦东新区 世纪大道100号 三栋2单元501",
        "上海市世纪大道１００号３幢２单元５０１室（放门口）",
        "上海市浦东新区世纪大道100号3-2-501",
        "上海市，浦东新区，世纪大道一百号，3号楼二单元五〇一室",
    ],
    ["浙江省杭州市西湖区文三路478号华星大厦12楼1203室", "杭州西湖区文三路478号华星大厦1203"],
    ["江苏省南京市鼓楼区解放路222号金色家园13-二-2404", "南京鼓楼区解放路222号金色家园13幢2单元2404室"],
    [
        "Apt 5, 12 Main Street, Springfield",
        "12 MAIN ST. #5 Springfield",
        "5/12 Main Street Springfield, USA",
        "Unit 5, Twelve Main St, Springfield",
    ],
    ["Unit 2903, 199 Oak Avenue, Carlton VIC 3053", "2903/199 Oak Ave Carlton, VIC 3053"],
]


@pytest.mark.parametrize("spellings", SAME_DOOR, ids=range(len(SAME_DOOR)))
def test_spellings_of_one_door_have_one_key(spellings: list[str]) -> None:
    keys = {normalise(spelling) for spelling in spellings}
    assert None not in keys
    assert len(keys) == 1


def test_different_doors_have_different_keys() -> None:
    doors = [
        *(spellings[0] for spellings in SAME_DOOR),
        "上海市浦东新区世纪大道100号3号楼2单元502室",
        "上海市浦东新区世纪大道100号3号楼1单元501室",
        "上海市浦东新区世纪大道100号2号楼2单元501室",
        "上海市浦东新区世纪大道10号3号楼2单元501室",
        "北京市浦东新区世纪大道100号3号楼2单元501室",
        "Apt 6, 12 Main Street, Springfield",
        "Apt 5, 13 Main Street, Springfield",
    ]
    keys = [normalise(door) for door in doors]
    assert len({key.unit_key for key in keys if key}) == len(doors)


def test_neighbours_share_the_building() -> None:
    first, second = (normalise(f"上海市浦东新区世纪大道100号3号楼2单元{room}室") for room in (501, 502))
    assert first is not None
    assert second is not None
    assert first.building_key == second.building_key
    assert first.unit_key != second.unit_key


@pytest.mark.parametrize("text", [None, "", "  ", "unknown", "无", "N/A", "12", "12号", "人民路", "-", "ab"])
def test_text_that_names_no_place_has_no_key(text: str | None) -> None:
    assert normalise(text) is None


@given(st.text(max_size=60))
def test_any_text_has_a_key_or_none_and_case_and_width_do_not_matter(text: str) -> None:
    key = normalise(text)
    assert key is None or key.unit_key.startswith(key.building_key)
    assert normalise(f" {text} ") == key


@given(st.integers(1, 999))
def test_chinese_numbers_read_back(number: int) -> None:
    digits = "零一二三四五六七八九"
    hundreds, tens, ones = number // 100, number // 10 % 10, number % 10
    text = f"{digits[hundreds]}百" if hundreds else ""
    text += f"{digits[tens]}十" if tens else ("零" if hundreds and ones else "")
    text += digits[ones] if ones else ""
    assert chinese_number(text) == number


def test_the_table_has_one_row_per_spelling_that_names_a_place() -> None:
    table = address_table(["12 Main St", "unknown", "12 Main St", "12 main street"])
    assert table.address.tolist() == ["12 Main St", "12 main street"]
    assert table.address_key.nunique() == 1

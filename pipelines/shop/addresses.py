"""Postal addresses as people write them: Chinese and Western, with the spelling variation of real input.

An address is a structured place; ``write`` spells it the standard way and ``respell`` as somebody in a hurry, or
somebody who wants two spellings to look like two places, would. Both spellings name the same door.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

_CITIES = (
    ("浙江省", "杭州市", "西湖区"), ("浙江省", "宁波市", "江东区"), ("江苏省", "南京市", "鼓楼区"),
    ("江苏省", "苏州市", "姑苏区"), ("广东省", "广州市", "天河区"), ("广东省", "深圳市", "南山区"),
    ("四川省", "成都市", "武侯区"), ("湖北省", "武汉市", "洪山区"), ("陕西省", "西安市", "雁塔区"),
    ("上海市", "上海市", "浦东新区"), ("北京市", "北京市", "海淀区"), ("山东省", "青岛市", "市南区"),
)  # fmt: skip
_ROADS = ("文三路", "解放路", "人民路", "中山北路", "建设大道", "学院路", "滨江大道", "长江路", "和平街", "翠柏路")
_ESTATES = (
    "翠苑小区",
    "阳光花园",
    "金色家园",
    "锦绣华庭",
    "丽景湾",
    "紫荆苑",
    "书香门第",
    "万科城",
    "星河湾",
    "桂花园",
)
_STREETS = ("Maple", "Oak", "Giblin", "Station", "Church", "Tullaroop", "Victoria", "High", "King", "Murray")
_SUFFIXES = (("Street", "St"), ("Road", "Rd"), ("Avenue", "Ave"), ("Lane", "Ln"), ("Drive", "Dr"))
_SUBURBS = (
    ("Bittern", "VIC", "3918"), ("Carlton", "VIC", "3053"), ("Newtown", "NSW", "2042"), ("Glenelg", "SA", "5045"),
    ("Fremantle", "WA", "6160"), ("Toowong", "QLD", "4066"),
)  # fmt: skip
_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
_NOTES = ("（放门口）", "(电话联系)", " 快递放前台", "，送货前打电话")


@dataclass(frozen=True)
class Place:
    """One door. ``kind``: home, dorm, office or locker; ``western`` picks the script."""

    western: bool
    city: int
    road: int
    number: int
    estate: int
    building: int
    unit: int
    room: int
    kind: str = "home"

    @classmethod
    def at_random(cls, rng: np.random.Generator, western: bool, kind: str = "home") -> Place:
        draw = [int(x) for x in rng.integers(0, [len(_CITIES), 10, 880, 10, 40, 6, 33, 8])]
        room = (draw[6] + 1) * 100 + draw[7] + 1
        return cls(western, draw[0], draw[1], draw[2] + 1, draw[3], draw[4] + 1, draw[5] + 1, room, kind)

    def door(self, room: int) -> Place:
        """Another door in the same house."""
        return replace(self, room=room)


def write(place: Place) -> str:
    """The standard spelling.

    >>> write(Place(False, 0, 0, 12, 0, 3, 2, 501))
    '浙江省杭州市西湖区文三路12号翠苑小区3幢2单元501室'
    >>> write(Place(True, 0, 1, 12, 0, 3, 2, 501))
    'Unit 501, 12 Oak Street, Bittern VIC 3918'
    """
    if place.western:
        suburb, state, code = _SUBURBS[place.city % len(_SUBURBS)]
        street = f"{place.number} {_STREETS[place.road]} {_SUFFIXES[place.estate % 5][0]}"
        lead = {"home": f"Unit {place.room}", "dorm": f"College Room {place.room}", "office": f"Level {place.room}"}
        return f"{lead.get(place.kind, 'Parcel Locker')}, {street}, {suburb} {state} {code}"
    province, city, district = _CITIES[place.city]
    area = city + district if province == city else province + city + district
    street = f"{area}{_ROADS[place.road]}{place.number}号"
    if place.kind == "dorm":
        return f"{street}大学城{place.building}号宿舍楼{place.room}室"
    if place.kind == "office":
        return f"{street}科技大厦{place.building}楼"
    if place.kind == "locker":
        return f"{street}{_ESTATES[place.estate]}丰巢快递柜{place.building}号柜"
    return f"{street}{_ESTATES[place.estate]}{place.building}幢{place.unit}单元{place.room}室"


def respell(place: Place, rng: np.random.Generator, effort: int = 1) -> str:
    """Another spelling of the same door; a larger ``effort`` changes more of it."""
    text = write(place)
    changes = _WESTERN if place.western else _CHINESE
    for index in rng.permutation(len(changes))[: 1 + effort]:
        text = changes[int(index)](text, rng)
    return text


def _chinese_short(text: str, _: np.random.Generator) -> str:
    return text.split("省", 1)[-1] if "省" in text[:4] else text


def _chinese_bare(text: str, _: np.random.Generator) -> str:
    return text.replace("省", "", 1).replace("市", "", 1)


def _chinese_dashes(text: str, _: np.random.Generator) -> str:
    before, unit, _rest = text.partition("单元")
    if unit and not before[-1:].isdigit():
        return text  # nobody writes 3-二-501
    return text.replace("幢", "-").replace("单元", "-").replace("室", "")


def _chinese_building(text: str, rng: np.random.Generator) -> str:
    return text.replace("幢", str(rng.choice(["号楼", "栋", "座", "#"])))


def _chinese_numerals(text: str, _: np.random.Generator) -> str:
    head, mark, tail = text.partition("单元")
    if not mark:
        return text
    return head[:-1] + head[-1:].translate(_DIGITS) + mark + tail


def _chinese_wide(text: str, _: np.random.Generator) -> str:
    return text.translate(_WIDE)


def _chinese_note(text: str, rng: np.random.Generator) -> str:
    return text + str(rng.choice(_NOTES))


def _chinese_space(text: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(3, max(len(text) - 3, 4)))
    return f"{text[:at]} {text[at:]}"


def _western_abbreviation(text: str, _: np.random.Generator) -> str:
    for long, short in _SUFFIXES:
        text = text.replace(f" {long},", f" {short},")
    return text


def _western_unit(text: str, rng: np.random.Generator) -> str:
    return text.replace("Unit ", str(rng.choice(["Apt ", "#", "U", "Flat "])))


def _western_case(text: str, rng: np.random.Generator) -> str:
    return text.upper() if rng.random() < 0.5 else text.lower()


def _western_typo(text: str, rng: np.random.Generator) -> str:
    letters = [i for i in range(len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    at = letters[int(rng.integers(len(letters)))]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _western_slash(text: str, _: np.random.Generator) -> str:
    return text.replace("Unit ", "").replace(", ", "/", 1)


_CHINESE = (
    _chinese_short, _chinese_bare, _chinese_dashes, _chinese_building, _chinese_numerals, _chinese_wide, _chinese_note,
    _chinese_space,
)  # fmt: skip
_WESTERN = (_western_abbreviation, _western_unit, _western_case, _western_typo, _western_slash)

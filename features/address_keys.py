"""From the parts of an address to keys that compare equal for one door, however it is spelt.

A key holds: the city (or the county, where that is what tells two 人民路 apart), the road and the estate, the numbers
of the house, and the numbers inside it. Left out, because people leave them out: the province, an urban district whose
city is known, the subdistrict (街道), the zone, and the floor of a room whose number says it. The parts of a Western
address are compared as sets of words, street and rest apart.
"""

from __future__ import annotations

import re

from features.address_components import AddressKey, Components
from features.address_divisions import divisions
from features.address_western import places

_FINANCIAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰廿两", "一二三四五六七八九十百二二")
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")}
# A numeral within a name; 百 alone is none (百合花园).
_RUN = re.compile("[零一二三四五六七八九][零一二三四五六七八九十百]*|十[一二三四五六七八九]?")
_BRANDS = (
    ("丰巢", "丰巢"),
    ("菜鸟", "驿站"),
    ("驿站", "驿站"),
    ("兔喜", "驿站"),
    ("自提", "自提"),
    ("代收", "自提"),
    ("取件", "自提"),
)


def chinese_number(text: str) -> int:
    """Read a number below 1000 written in Chinese, by value (二十一) or digit by digit (二零一).

    >>> chinese_number("二十一"), chinese_number("三零二"), chinese_number("一百零五"), chinese_number("贰拾叁")
    (21, 302, 105, 23)
    """
    text = text.translate(_FINANCIAL)
    if not set(text) & set("十百"):
        return int("".join(str(_DIGITS[c]) for c in text))
    total, digit = 0, None
    for c in text:
        if c in _DIGITS:
            digit = _DIGITS[c]
            continue
        total += (1 if digit is None else digit) * (100 if c == "百" else 10)
        digit = None
    return total + (digit or 0)


def key(parts: Components) -> AddressKey | None:
    """Keys of parsed parts, or None where they name no place."""
    return chinese_key(parts) if parts.chinese else western_key(parts)


def western_key(parts: Components) -> AddressKey | None:
    """Street, house number, then the other words in the order of the alphabet."""
    rest = " ".join(sorted(set(places(parts.rest, parts.postcode))))
    words = " ".join(sorted(parts.road.split())) + "|" + rest
    building = f"{parts.road_number} {words} {parts.postcode}".strip()
    inside = ".".join(
        part for part in (parts.floor and f"f{parts.floor}" if not parts.room else "", parts.room) if part
    )
    unit = f"{building}|{parts.locker or inside}"
    letters = sum(c.isalpha() for c in words)
    digits = any(c.isdigit() for c in unit)
    if letters < (2 if digits else 6) and not (parts.locker and digits):
        return None
    return AddressKey(unit, building, parts.kind)


def chinese_key(parts: Components) -> AddressKey | None:
    """Area, words and numbers, each with the letter of its role."""
    road, place = street_words(parts)
    words = road + place
    if not words:
        return None
    house = "".join(
        f"{role}{value}"
        for role, value in (("l", parts.lane_number), ("n", parts.road_number), ("b", parts.building))
        if value
    )
    floor, room = parts.floor, parts.room
    if room and (len(room) >= 3 or not floor):
        floor = ""
    inside = "".join(f"{role}{value}" for role, value in (("s", parts.staircase), ("f", floor), ("r", room)) if value)
    if parts.locker:
        inside = "k" + locker_name(parts.locker)
    building_key = f"{area(parts)}|{words}|{house}"
    if not any(c.isdigit() for c in building_key + inside) and len(words) + len(parts.city + parts.district) < 6:
        return None
    return AddressKey(f"{building_key}|{inside}", building_key, parts.kind)


def street_words(parts: Components) -> tuple[str, str]:
    """Road, and estate, numerals as digits; the village or town counts to the road where that has no number."""
    place = parts.place
    if place.endswith("小区") and len(place) > 3:
        place = place[:-2]  # 翠苑小区 and 翠苑
    alone = not (parts.road and parts.road_number) or parts.road.endswith(("组", "队"))
    village = parts.community if alone else ""
    town = "" if parts.road or place or parts.community or parts.town.endswith("街道") else parts.town
    return _digits(f"{town}{village}{parts.road}{parts.lane}"), _digits(f"{place}{parts.part}")


def _digits(words: str) -> str:
    return words if _RUN.search(words) is None else _RUN.sub(lambda run: str(chinese_number(run.group(0))), words)


def area(parts: Components) -> str:
    """The city, and the county or county-level city within it; an urban district only where its city is not known."""
    known = divisions()
    city = known.get(parts.city)
    district = known.get(parts.district)
    city_name = city.root if city is not None else parts.city
    if district is None:
        return city_name or parts.district
    if not city_name and len(district.within) == 1:
        city_name = district.within[0]
    if district.urban and city_name:
        return city_name
    return city_name + district.root


def locker_name(locker: str) -> str:
    """Brand and number of a locker; the words around them vary."""
    number = re.search(r"[0-9]{1,3}(?![0-9])", locker)
    brand = next((name for word, name in _BRANDS if word in locker), "柜")
    return brand + (str(int(number.group(0))) if number else "")

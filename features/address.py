"""Normalise a postal address, Chinese or Western, to keys that compare equal for the same door.

``unit_key`` names the door (building and room), ``building_key`` the house it is in. What is levelled: full-width and
half-width forms, case, punctuation, remarks in brackets, Chinese and English number words, administrative suffixes
(省 市 区 县 …), street-type abbreviations, and the many ways to write building, staircase, floor and room. Misspelt
street names stay different: an exact key cannot repair them.

Text that names no place (empty, a placeholder, a number without a street, a street without a number) has no key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from features.address_words import CITIES, COUNTRY_WORDS, NUMBER_WORDS, PROVINCES, STREET_WORDS, UNIT_WORDS


@dataclass(frozen=True)
class AddressKey:
    """Comparable keys of one address."""

    unit_key: str
    building_key: str


PLACEHOLDERS = frozenset({"", "unknown", "null", "none", "nan", "na", "n a", "test", "无", "未知", "暂无"})
_CJK = re.compile(r"[\u4e00-\u9fff]")
_REMARK = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")
_DASHES = re.compile(r"[‐‑‒–—―−~～]")


def normalise(text: str | None) -> AddressKey | None:
    """Return the keys of an address, or None when the text names no place.

    >>> normalise("上海市浦东新区世纪大道100号3号楼2单元501室") == normalise("上海浦东新区 世纪大道100号 三栋2单元501")
    True
    >>> normalise("Apt 5, 12 Main Street, Springfield") == normalise("12 MAIN ST. #5 Springfield")
    True
    """
    if text is None:
        return None
    plain = _DASHES.sub("-", unicodedata.normalize("NFKC", text)).lower().replace("〇", "零").strip()
    if plain in PLACEHOLDERS:
        return None
    bare = _REMARK.sub(" ", plain)
    plain = bare if bare.strip() else plain
    key = _chinese(plain) if _CJK.search(plain) else _western(plain)
    if key is None:
        return None
    letters = sum(c.isalpha() for c in key.building_key)
    return key if letters >= (2 if any(c.isdigit() for c in key.unit_key) else 6) else None


def address_table(addresses: Iterable[str]) -> pd.DataFrame:
    """Return (address, address_key, building_key) for distinct spellings; those without a key are left out."""
    rows = []
    for address in sorted(set(addresses)):
        key = normalise(address)
        if key is not None:
            rows.append((address, key.unit_key, key.building_key))
    return pd.DataFrame(rows, columns=["address", "address_key", "building_key"], dtype="object")


_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
_MARKS = "号楼|号院|号|弄|巷|栋|幢|座|单元|梯|门|楼|层|室|房|户|期|#"
_NUMERAL = re.compile(rf"第?([零一二两三四五六七八九十百]+)(?={_MARKS}|-)|(?<=-)([零一二两三四五六七八九十百]+)")
_PART = re.compile(rf"([0-9a-z]+(?:-[0-9a-z]+)*)({_MARKS})?")
_ROLE = {
    "号": "n", "号院": "n", "弄": "l", "巷": "l", "期": "p", "号楼": "b", "栋": "b", "幢": "b", "座": "b", "#": "b",
    "单元": "s", "梯": "s", "门": "s", "楼": "f", "层": "f", "室": "r", "房": "r", "户": "r",
}  # fmt: skip
_FLOOR = re.compile(r"(\d+)楼(?=\1\d{2}(?!\d))")  # 12楼1203 is a floor, 3楼2单元 a building
_HOUSE = ("p", "l", "n", "b")
_PROVINCE = re.compile(rf"^(?:中国)?(?:{'|'.join(PROVINCES)})(?:省|自治区|特别行政区)?")
_CITY = re.compile(rf"^(?:({'|'.join(CITIES)})市?|([\u4e00-\u9fff]{{2,6}}?)(?:市|自治州|地区|盟))")
_DISTRICT = re.compile(r"^[\u4e00-\u9fff]{1,5}?(?:新区|自治县|市辖区|区|县|旗)(?!路|街)")


def _chinese(text: str) -> AddressKey | None:
    text = re.sub(r"[^0-9a-z\u4e00-\u9fff#-]+", "", text)
    text = _NUMERAL.sub(lambda m: str(chinese_number(m.group(1) or m.group(2))), text)
    text = _FLOOR.sub(r"\1层", text)
    city, street = _without_area(text)
    parts: dict[str, list[str]] = {}
    for match in _PART.finditer(street):
        for role, value in _roles(match.group(1), match.group(2), parts):
            parts.setdefault(role, []).append(value)
    words = re.sub(r"[#-]", "", _PART.sub("", street))
    if not words and not parts:
        return None
    house = "".join(f"{role}{'.'.join(parts[role])}" for role in _HOUSE if role in parts)
    building = f"{city}|{words}|{house}"
    # The floor only matters where no room is given.
    inside = [role for role in ("s", "r" if "r" in parts else "f") if role in parts]
    return AddressKey(building + "|" + "".join(f"{role}{'.'.join(parts[role])}" for role in inside), building)


def _roles(value: str, mark: str | None, earlier: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Say what a number is: by the word behind it, else by its place (3-2-501 is building, staircase, room)."""
    pieces = [piece.lstrip("0") or "0" for piece in value.split("-")]
    if len(pieces) >= 3:
        return list(zip("bsr", (pieces[0], pieces[1], "-".join(pieces[2:])), strict=True))
    if len(pieces) == 2:
        first = "s" if "b" in earlier else "b"
        return [(first, pieces[0]), ("r", pieces[1])]
    if mark is None:
        return [("r" if earlier else "n", pieces[0])]
    if mark == "号" and "n" in earlier:
        return [("b" if "b" not in earlier else "r", pieces[0])]  # 100号3号: the second is the house in the yard
    if mark == "楼" and "b" not in earlier and "s" not in earlier:
        return [("b", pieces[0])]
    return [(_ROLE[mark], pieces[0])]


def _without_area(text: str) -> tuple[str, str]:
    """Split off province, city and district; only the city's root stays in the key, the others are often left out."""
    text = _PROVINCE.sub("", text)
    city = ""
    while (match := _CITY.match(text)) and len(match.group(0)) < len(text):
        city = city or match.group(1) or match.group(2)  # the first: 江苏省苏州市昆山市 is in 苏州
        text = text[match.end() :]
    match = _DISTRICT.match(text)
    if match and len(match.group(0)) < len(text):
        text = text[match.end() :]
    return city, text


def chinese_number(text: str) -> int:
    """Read a number below 1000 written in Chinese, by value (二十一) or digit by digit (二零一).

    >>> chinese_number("二十一"), chinese_number("三零二"), chinese_number("一百零五"), chinese_number("十")
    (21, 302, 105, 10)
    """
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


_WORD = re.compile(r"#|[a-z]+|\d+[a-z]?(?![a-z0-9])|[a-z0-9]+")
_SLASHED = re.compile(r"^(\d+[a-z]?)\s*/\s*(\d+[a-z]?)\b")


def _western(text: str) -> AddressKey | None:
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    plain = _SLASHED.sub(r"unit \1 \2", plain.strip()).replace("'", "").replace(".", "")
    tokens = [NUMBER_WORDS.get(word, word) for word in _WORD.findall(plain)]
    unit: list[str] = []
    words: list[str] = []
    expects_unit = False
    for token in tokens:
        if token in UNIT_WORDS:
            expects_unit = True
        elif expects_unit:
            unit.append(token.lstrip("0") or "0")
            expects_unit = False
        elif token not in COUNTRY_WORDS:
            words.append(STREET_WORDS.get(token, token))
    if not words:
        return None
    building = " ".join(sorted(words))
    return AddressKey(building + "|" + ".".join(unit), building)

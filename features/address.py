"""Postal addresses, Chinese or Western: their parts, and keys that compare equal for the same door.

``unit_key`` names the door (building and room), ``building_key`` the house it is in. What is levelled: full-width and
half-width forms, case, punctuation, invisible characters, remarks, telephone numbers, numerals of every kind, omitted
or repeated areas, street-type abbreviations, the order of Western lines, and the many ways to write building,
staircase, floor and room. A parcel locker is a door of its own kind. Misspelt street names stay different: an exact
key cannot repair them (``features.address_alike`` compares, ``features.address_link`` links).

Text that names no place (empty, a placeholder, a number without a street, a street without a number) has no key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

import pandas as pd

from features.address_areas import Segment
from features.address_chinese import compact, segments
from features.address_components import AddressKey, Components
from features.address_keys import chinese_number, key
from features.address_text import clean
from features.address_western import read

__all__ = ["AddressKey", "Components", "Tagger", "address_table", "chinese_number", "normalise", "parse"]

_HAN = re.compile(r"[\u4e00-\u9fff]")
_WORD = re.compile("[a-z]{2}")
_LATIN_STREET = re.compile(r"\d.*\b(?:street|st|road|rd|avenue|ave|drive|dr|lane|ln|court|ct|blvd|way|place|pl)\b")
_NUMERALS = re.compile(r"[零一二三四五六七八九十百两壹贰叁肆伍陆柒捌玖拾佰廿]+")
_NUMBERED = frozenset({"road_number", "lane_number", "building", "staircase", "floor", "room"})
_ENGLISH = re.compile(r"\b(building|bldg|block|room|rm|unit|apt|flat)\b[\s.#:,]{0,3}(\d{1,5}[a-z]?)(?![0-9a-z])")
_MARK = re.compile(
    r"^第|(?:号楼|号院|号搂|号门|号铺|号房|号柜|栋|幢|座|橦|单元|梯|楼|搂|层|(?<=\d)f|室|房|户|铺|弄|巷|支弄|号)$"
)

_LANE = re.compile(r"(\d+)弄")
_SUFFIX = re.compile(r"(?<=\d{3})-[a-z]$")  # 501-a: a letter behind a dash is noise, 501a is a room


class Tagger(Protocol):
    """Cuts a compact Chinese address into parts, as ``address_chinese.segments`` does by rules."""

    def segments(self, text: str) -> list[Segment]: ...


def parse(text: str | None, tagger: Tagger | None = None) -> Components:
    """Parts of an address; all empty for text without any. A ``tagger`` replaces the rules for Chinese text.

    >>> found = parse("浙江省杭州市西湖区文三路478号华星大厦12楼1203室（放门口）")
    >>> found.city, found.road, found.road_number, found.place, found.floor, found.room
    ('杭州市', '文三路', '478', '华星大厦', '12', '1203')
    >>> parse("PO Box 12, Springfield 62704").kind
    'locker'
    """
    plain = clean(text) if isinstance(text, str) else ""
    if not plain:
        return Components()
    if not _HAN.search(plain):
        return read(plain)
    if _WORD.search(plain):
        latin, han = sum(c.isascii() and c.isalpha() for c in plain), len(_HAN.findall(plain))
        if han < 8 and latin > 2 * han and _LATIN_STREET.search(plain):
            return read(_HAN.sub(" ", plain))  # 12 Main Street, Springfield 谢谢
        if _ENGLISH.search(plain):
            plain = _ENGLISH.sub("", plain) + _numbered(plain)
    ready = compact(plain)
    return _chinese(ready, tagger.segments(ready) if tagger is not None else segments(ready))


def normalise(text: str | None) -> AddressKey | None:
    """Return the keys of an address, or None when the text names no place.

    >>> normalise("上海市浦东新区世纪大道100号3号楼2单元501室") == normalise("上海浦东新区 世纪大道100号 三栋2单元501")
    True
    >>> normalise("Apt 5, 12 Main Street, Springfield") == normalise("12 MAIN ST. #5 Springfield")
    True
    """
    return key(parse(text))


def address_table(addresses: Iterable[str]) -> pd.DataFrame:
    """Return (address, address_key, building_key) for distinct spellings; those without a key are left out."""
    rows = []
    for address in sorted(set(addresses)):
        found = normalise(address)
        if found is not None:
            rows.append((address, found.unit_key, found.building_key))
    return pd.DataFrame(rows, columns=["address", "address_key", "building_key"], dtype="object")


def _numbered(text: str) -> str:
    """Building and room in English words (Building 3 Room 501, 文三路478号) as Chinese puts them: behind the street."""
    found = {"号楼" if match.group(1)[0] == "b" else "室": match.group(2) for match in _ENGLISH.finditer(text)}
    return "".join(f"{found[mark]}{mark}" for mark in ("号楼", "室") if mark in found)


def _chinese(text: str, found: list[Segment]) -> Components:
    parts: dict[str, str] = {}
    for label, start, end in found:
        value = text[start:end]
        if label in _NUMBERED:
            value = _value(value)
            if label == "room":
                value = _SUFFIX.sub("", value)
            if label == "room" and "room" in parts and "staircase" not in parts:
                parts["staircase"] = parts.pop("room")  # 202号941室: the first number is the staircase
        elif label == "beside":
            label = "note"
        parts[label] = parts[label] + ("." if label in _NUMBERED else "") + value if label in parts else value
    if "road" not in parts and "road_number" in parts and "building" not in parts:
        parts["building"] = parts.pop("road_number")  # 翠苑小区3号 is house 3 of the estate
    lane = _LANE.fullmatch(parts.get("lane", ""))
    if lane is not None and "road_number" not in parts:
        parts["road_number"] = lane.group(1)  # 1628弄5号 and 1628弄5号楼 are house 5 of number 1628
        del parts["lane"]
        if "lane_number" in parts and "building" not in parts:
            parts["building"] = parts.pop("lane_number")
    return Components(**parts, chinese=True)


def _value(text: str) -> str:
    plain = text[:-2] if text.endswith("单元") else text[:-1] if text[-1] in "号栋幢座楼层室" else text
    if plain.isascii() and plain.isdigit():
        return plain.lstrip("0") or "0"
    bare = _MARK.sub("", _MARK.sub("", text)).strip("-")
    pieces = [str(chinese_number(piece)) if _NUMERALS.fullmatch(piece) else piece for piece in bare.split("-")]
    return "-".join(piece.lstrip("0") or "0" for piece in pieces if piece) or text

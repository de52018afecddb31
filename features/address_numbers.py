"""What a number in a Chinese address is: by the word behind it, else by what stands before it.

文三路478号 is a house of the street, 翠苑小区3号 a house of the estate, 3幢2号 a staircase, 12楼5号 a room; 3-2-501 is
house, staircase and room.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

CHAIN = (None, "街", "巷", "号")
"""Words behind a number that may also belong to the name of a road."""

_ROLES = (
    dict.fromkeys(("单元", "梯"), "staircase")
    | dict.fromkeys(("室", "房", "户", "号房", "铺", "号铺", "号柜"), "room")
    | dict.fromkeys(("楼", "搂", "层", "f"), "floor")
    | dict.fromkeys(("栋", "幢", "座", "橦", "号楼", "号院", "号搂"), "building")
)
_STOREYS = re.compile("(?:[0-9]+|[零一二三四五六七八九十]+)(?:单元|楼|层)")
_LANE_NUMBER = re.compile("[0-9]+号(?!楼)")


@dataclass(slots=True)
class Context:
    """Labels seen so far, and the last one."""

    seen: set[str]
    last: str

    def awaits_room(self, numeral: str) -> bool:
        """Whether a numeral of three characters or more is the room: 一单元五零一."""
        return len(numeral) >= 3 and self.last in ("building", "staircase", "floor")


def role(context: Context, value: str, mark: str | None, following: str) -> str:
    """Label of one number; ``following`` are the characters behind it."""
    seen, last = context.seen, context.last
    known = _ROLES.get(mark or "")
    if known == "building":
        return "staircase" if "building" in seen else "building"
    if known == "floor":
        return "building" if _STOREYS.match(following) else "floor"  # 3楼2单元
    if known is not None:
        return known
    if mark in ("期", "区", "号门"):
        return "part" if "place" in seen else "place"
    if mark in ("组", "队", "社", "排"):
        return "road" if last in ("community", "town", "district") else "part"
    if mark in ("弄", "支弄", "巷", "街"):
        if last in ("road", "lane") and mark != "街":
            return "lane" if _LANE_NUMBER.match(following) else "road_number"
        return "lane" if "road" in seen else "road"
    return _numbered(context, value) if mark == "号" else _bare(context, value)


def _numbered(context: Context, value: str) -> str:
    """What N号 is."""
    seen, last = context.seen, context.last
    if last == "lane":
        return "lane_number"
    if last == "road_number" and seen.isdisjoint(("lane", "building")):
        return "building"  # 100号3号: the second is the house in the yard
    if last in ("floor", "staircase"):
        return "room"
    if last == "building":
        return "staircase" if len(value) < 3 else "room"
    if "building" in seen:
        return "building" if last == "part" else "room"
    if last == "part":
        return "building"
    return "building" if "road_number" in seen else "road_number"


def _bare(context: Context, value: str) -> str:
    """What a number without a word behind it is."""
    seen, last = context.seen, context.last
    if last == "lane":
        return "lane_number"
    if last == "road" and "road_number" not in seen:
        return "road_number"
    if last in ("building", "staircase", "floor"):
        return "room"
    if last in ("place", "part", "road_number", "lane_number"):
        return "room" if len(value) >= 3 else "building"
    if last == "room" or (len(value) > 6 and value.isdigit()):
        return "note"
    return "road_number" if seen.isdisjoint(("road_number", "building", "place")) else "room"


def chained(context: Context, sizes: Sequence[int], mark: str | None) -> list[tuple[str, int, int]]:
    """Labels of numbers that dashes join, as (label, first piece, last piece); ``sizes`` are their lengths.

    >>> chained(Context({"place"}, "place"), [1, 1, 3], None)
    [('building', 0, 0), ('staircase', 1, 1), ('room', 2, 2)]
    """
    last = context.last
    number = {"road": "road_number", "lane": "lane_number"}.get(last)
    whole = len(sizes) - 1
    if mark == "号" and len(sizes) == 2 and last in ("road", "lane", "community", "town", "district"):
        return [(number or "road_number", 0, whole)]  # 389-399号
    tail = _ROLES.get(mark or "")
    if tail == "building":
        return [(tail, 0, whole)]
    if tail not in (None, "room") and len(sizes) == 2 and "building" not in context.seen:
        labels = ["building", str(tail)]
    elif number is not None:
        labels = [[number, "room" if sizes[-1] > 2 else "building"], [number, "building", "room"]][min(whole, 2) - 1]
        labels = [number, "building", "staircase", "room"] if len(sizes) > 3 else labels
    elif last == "building":
        labels = ["staircase", tail or "room"]
    elif last in ("staircase", "floor"):
        labels = ["room"]
    else:
        labels = ["building", "room"] if len(sizes) == 2 else ["building", "staircase", "room"]
    spans = [(label, i, i) for i, label in enumerate(labels[: len(sizes)])]
    if len(sizes) > len(labels):
        spans[-1] = (labels[-1], len(labels) - 1, whole)  # what is too much belongs to the last
    return spans

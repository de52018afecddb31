"""When two addresses may name one door: the comparison behind the door keys of the abuse models.

``door`` boils parts down to what is compared. Two doors are the ``same`` where the numbers agree, no area contradicts
the other (one may be left out), and the names of road and estate agree but for a slip that the other name bears out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from features.address_components import Components
from features.address_divisions import divisions
from features.address_keys import locker_name, street_words
from features.address_sound import chinese_slip, sound, telling, western_slip
from features.address_western import places
from features.address_words import DIRECTIONS, STREET_TYPES

_TYPES = frozenset(STREET_TYPES.values())


@dataclass(frozen=True, slots=True)
class Door:
    """``numbers`` must be equal; of ``areas`` each must be equal or missing; ``words`` are what to look it up by."""

    chinese: bool
    numbers: tuple[str, ...]
    number: str
    areas: tuple[str, ...]
    road: str
    place: str
    words: tuple[str, ...]
    certain: int
    """How many numbers the text gives: with fewer than two, nothing but an equal key is the same door."""


def door(parts: Components) -> Door:
    """What is compared of an address."""
    return _chinese(parts) if parts.chinese else _western(parts)


def same(a: Door, b: Door) -> bool:
    """Whether ``a`` may be another spelling of ``b``."""
    if a.numbers != b.numbers or a.chinese != b.chinese or min(a.certain, b.certain) < 2:
        return False
    if any(x and y and x != y for x, y in zip(a.areas, b.areas, strict=True)):
        return False
    return _same_chinese(a, b) if a.chinese else _same_western(a, b)


def filled(known: Door, more: Door) -> Door:
    """A door after another spelling of it: what the first left out is known now."""
    areas = tuple(x or y for x, y in zip(known.areas, more.areas, strict=True))
    return replace(known, areas=areas, road=known.road or more.road, place=known.place or more.place)


def _chinese(parts: Components) -> Door:
    known = divisions()
    roots = [known[name].root if name in known else name for name in (parts.city, parts.district)]
    town = parts.town if not parts.town.endswith(("街道", "办事处")) else ""
    road, place = street_words(parts)
    number = parts.road_number
    floor = parts.floor if not parts.room or (len(parts.room) < 3 and parts.floor) else ""
    locker = locker_name(parts.locker) if parts.locker else ""
    inner: tuple[str, ...] = (parts.lane_number, parts.building, parts.staircase, floor, parts.room, locker)
    given = sum(1 for value in (number, *inner) if value)
    if sum(1 for value in inner if value) < 2:
        inner = (number, *inner)
    words = tuple(sound(name) for name in (road, place) if name)
    areas = (*(sound(root) for root in roots), sound(town), sound(parts.community))
    return Door(True, inner, number, areas, road, place, words, given)


def _same_chinese(a: Door, b: Door) -> bool:
    if a.number and b.number and a.number != b.number:
        return False
    road, place = _agreement(a.road, b.road), _agreement(a.place, b.place)
    if "no" in (road, place):
        return False
    if road == "missing" or place == "missing":
        # One leaves out the road, or the estate: the rest must be equal, and a road needs its number.
        other = place if road == "missing" else road
        return other == "equal" and (road == "missing" or bool(a.number and b.number))
    if a.number != b.number:
        return False
    return "equal" in (road, place) if "slip" in (road, place) else True


def _agreement(a: str, b: str) -> str:
    """equal (or sounding so), slip, missing on one side, none on either, or no."""
    if not a and not b:
        return "none"
    if not a or not b or (len(a) != len(b) and min(len(a), len(b)) >= 3 and (a.endswith(b) or b.endswith(a))):
        return "missing"  # 科技园创维大厦 and 创维大厦
    if a == b or (telling(a) == telling(b) and sound(a) == sound(b)):
        return "equal"
    return "slip" if chinese_slip(a, b) else "no"


def _western(parts: Components) -> Door:
    road = parts.road.split()
    kind = road[-1] if road and road[-1] in _TYPES else ""
    way = "".join(word for word in road if word in DIRECTIONS)
    name = [word for word in road if word not in DIRECTIONS and word != kind]
    rest = sorted(set(places(parts.rest, parts.postcode)) - {"college", "campus"})
    numbers = (parts.road_number, parts.floor if not parts.room else "", parts.room, parts.locker, way)
    # Looked up by their letters in order, so that swapped ones find each other.
    words = tuple(dict.fromkeys("".join(sorted(word)) for word in ("".join(name), *rest, parts.postcode) if word))
    certain = sum(1 for value in (*numbers[:4], parts.postcode) if value)
    return Door(
        False, numbers, parts.road_number, (parts.postcode, kind), "".join(name), " ".join(rest), words, certain
    )


def _same_western(a: Door, b: Door) -> bool:
    if not a.road or not b.road or not western_slip(a.road, b.road):
        return False
    fewer, more = sorted((a.place.split(), b.place.split()), key=len)
    left = list(more)
    for word in fewer:
        match = next((other for other in left if western_slip(word, other)), None)
        if match is None:
            return False
        left.remove(match)
    return bool(fewer) or bool(a.areas[0] and a.areas[0] == b.areas[0])

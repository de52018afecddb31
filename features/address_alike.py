"""How alike two addresses are, in [0, 1]: a weighted Tversky index over their parts.

What agrees counts for, what contradicts counts double against, and what only one of the two gives counts little
against, because parts are left out more often than invented (Tversky 1977: S = m / (m + 2 c + 0.4 u)). Western parts
are compared as a bag of words, since lines change places; Chinese parts role by role, by sound. Weights are set by
what a part can tell, not fitted: a number 1, a word by its length, a street type or a state little. Two doors of one
house (both rooms given, and different) are never alike beyond ``OTHER_DOOR``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from features.address import parse
from features.address_components import Components
from features.address_door import door
from features.address_keys import key
from features.address_sound import sound, telling
from features.address_words import STATE_LETTERS, STREET_TYPES

OTHER_DOOR = 0.3
_CONTRADICTED, _ABSENT = 2.0, 0.4
_LIGHT = frozenset(STREET_TYPES.values()) | STATE_LETTERS
_SWAPPED = 0.75
_ALIKE = 0.6  # words that share less than this are different words
_ROLES = (("city", 0.5), ("district", 0.5), ("town", 0.4), ("community", 0.5), ("road", 1.0), ("place", 1.2))


@dataclass(frozen=True, slots=True)
class Profile:
    """What is compared of an address; ``inside`` tells doors of one house apart."""

    unit_key: str
    chinese: bool
    words: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    inside: str


def similarity(a: str | None, b: str | None) -> float:
    """Likeness of two addresses: 1 for equal keys, 0 where either names no place or the scripts differ. Symmetric.

    >>> similarity("12 Main Street, Springfield 62704", "12 Mian St., Springfeild 62704") > 0.8
    True
    >>> similarity("Unit 5, 12 Main St, Springfield", "Unit 6, 12 Main St, Springfield") <= OTHER_DOOR
    True
    """
    first, second = profile(parse(a)), profile(parse(b))
    return 0.0 if first is None or second is None else alike(first, second)


def profile(parts: Components) -> Profile | None:
    """What is compared of parsed parts; None where they name no place."""
    found = key(parts)
    if found is None:
        return None
    if not parts.chinese:
        words = [word for word in (parts.road_number, *parts.road.split(), *parts.rest.split(), parts.postcode) if word]
        inside = ".".join(value for value in (parts.floor, parts.room, parts.locker) if value)
        return Profile(found.unit_key, False, (*words, *([inside] if inside else [])), (), (), inside)
    told = door(parts)
    names = (*told.areas, told.road, told.place)
    inside = ".".join(told.numbers[-4:]).strip(".")
    return Profile(found.unit_key, True, (), names, (told.number, *told.numbers[-6:]), inside)


def alike(a: Profile, b: Profile) -> float:
    """Likeness of two profiles."""
    if a.unit_key == b.unit_key:
        return 1.0
    if a.chinese != b.chinese:
        return 0.0
    score = _chinese(a, b) if a.chinese else _western(a.words, b.words)
    apart = bool(a.inside and b.inside and a.inside != b.inside)
    return score * OTHER_DOOR if apart or (a.chinese and _house_differs(a, b)) else score


def _house_differs(a: Profile, b: Profile) -> bool:
    """Another number of one road, or a road whose direction or number is another."""
    road_a, road_b = a.names[-2], b.names[-2]
    if road_a and road_b and telling(road_a) != telling(road_b):
        return True
    return any(x and y and x != y for x, y in zip(a.numbers, b.numbers, strict=True))


def _score(agree: float, left_a: float, left_b: float) -> float:
    """What is left on both sides contradicts; what is left on one side only is absent from the other."""
    against = _CONTRADICTED * min(left_a, left_b) + _ABSENT * abs(left_a - left_b)
    return agree / (agree + against) if agree else 0.0


def _weight(word: str) -> float:
    if word in _LIGHT:
        return 0.3
    return 1.0 if word[0].isdigit() else min(len(word), 8) / 6


def _western(a: Sequence[str], b: Sequence[str]) -> float:
    """Equal words first, then words glued or split (applecross, apple cross), then the best pairs of misspelt ones."""
    rest_a, rest_b = list(a), list(b)
    agree = 0.0
    for word in a:
        if word in rest_b:
            rest_a.remove(word)
            rest_b.remove(word)
            agree += _weight(word)
    if rest_a and rest_b:
        agree += _glued(rest_a, rest_b) + _glued(rest_b, rest_a)
    pairs = [
        (-share, min(x, y), max(x, y), i, j)
        for i, x in enumerate(rest_a)
        for j, y in enumerate(rest_b)
        if (share := _same_word(x, y)) >= _ALIKE
    ]
    apart = 0.0
    used_a: set[int] = set()
    used_b: set[int] = set()
    for share, x, y, i, j in sorted(pairs):
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            weight = (_weight(x) + _weight(y)) / 2
            agree -= share * weight
            apart += (1 + share) * weight
    left_a = sum(_weight(word) for i, word in enumerate(rest_a) if i not in used_a)
    left_b = sum(_weight(word) for j, word in enumerate(rest_b) if j not in used_b)
    return _score(agree, left_a + apart, left_b + apart)


def _glued(whole: list[str], split: list[str]) -> float:
    """Take out words that are two neighbours of the other address written as one; their weight."""
    weight = 0.0
    if len(split) < 2:
        return weight
    for word in [word for word in whole if len(word) >= 6]:
        for i in range(len(split) - 1):
            joined = split[i] + split[i + 1]
            if abs(len(joined) - len(word)) <= 1 and OSA.distance(word, joined, score_cutoff=1) <= 1:
                whole.remove(word)
                del split[i : i + 2]
                weight += _weight(word)
                break
    return weight


def _same_word(a: str, b: str) -> float:
    """Share of two words that is the same; of a number only swapped digits are a slip."""
    if a[0].isdigit() or b[0].isdigit():
        return _SWAPPED if len(a) > 2 and sorted(a) == sorted(b) else 0.0
    longer = max(len(a), len(b))
    if abs(len(a) - len(b)) > (1 - _ALIKE) * longer:
        return 0.0
    return 1 - OSA.distance(a, b) / longer


def _chinese(a: Profile, b: Profile) -> float:
    agree = left_a = left_b = 0.0
    parts = list(zip(a.names, b.names, (weight for _, weight in _ROLES), strict=True))
    for x, y, weight in parts:
        share = _same_name(x, y) if x and y else 0.0
        agree += share * weight
        left_a += (1 - share) * weight if x else 0.0
        left_b += (1 - share) * weight if y else 0.0
    for x, y in zip(a.numbers, b.numbers, strict=True):
        agree += 1.0 if x and x == y else 0.0
        left_a += 1.0 if x and x != y else 0.0
        left_b += 1.0 if y and x != y else 0.0
    return _score(agree, left_a, left_b)


def _same_name(a: str, b: str) -> float:
    """Share of two names that sounds the same; 中山东路 and 中山西路 are two names."""
    if a == b:
        return 1.0
    if telling(a) != telling(b):
        return 0.0
    share = float(fuzz.ratio(sound(a), sound(b))) / 100
    return share if share >= _ALIKE else 0.0

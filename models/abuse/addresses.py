"""One key for one door, however it is spelt: exact keys first, then other spellings of an earlier door.

An address takes the key of the earliest door that it may be another spelling of. That needs the same numbers (house,
building, staircase, room) and names that differ as slips do: the same sound (文三路, 闻三路), a letter or two, a part
left out. What tells one street from the next must agree: direction and number in its name (中山东路, 中山西路), street
type, district, postcode. Addresses are taken in the order in which they were first seen and compared with what earlier
ones said, so a later spelling never changes the key of an earlier one.

A door is looked for among at most ``BLOCK`` earlier ones for each of its words, so the work is linear in the number of
addresses; a number and a word that more doors than that have in common are no key to search by.
"""

from __future__ import annotations

from collections.abc import Sequence

from features.address import parse
from features.address_door import Door, door, filled, same
from features.address_keys import key

BLOCK = 40


class _Known:
    """A door seen earlier: its key, and what its spellings have told of it so far."""

    __slots__ = ("door", "key", "order")

    def __init__(self, found: Door, key: str, order: int) -> None:
        self.door, self.key, self.order = found, key, order


def door_keys(addresses: Sequence[str]) -> list[str | None]:
    """Keys of addresses that are given in the order of their first sighting; None where the text names no place.

    >>> first, second = door_keys(["12 Main Street, Apt 5, Springfield 62704", "12 Mian St. #5 Springfield 62704"])
    >>> first == second
    True
    """
    doors = _Doors()
    keys: list[str | None] = []
    for address in addresses:
        parts = parse(address)
        exact = key(parts)
        keys.append(None if exact is None else doors.key(door(parts), exact.unit_key))
    return keys


class _Doors:
    """The doors seen so far, by number and word."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[tuple[str, ...], str], list[_Known]] = {}
        self.spelt: dict[Door, _Known] = {}
        self.names: set[str] = set()

    def key(self, found: Door, exact: str) -> str:
        known = self.spelt.get(found)
        if known is None:
            known = self.spelt[found] = self._nearest(found, exact)
        return known.key

    def _nearest(self, found: Door, exact: str) -> _Known:
        blocks = [self.blocks.setdefault((found.numbers, word), []) for word in found.words]
        best: _Known | None = None
        for block in blocks:
            for other in block:
                if (best is None or other.order < best.order) and same(found, other.door):
                    best = other
        if best is not None:
            best.door = filled(best.door, found)
            return best
        name = exact
        while name in self.names:
            name += "'"  # another district's door with the same key
        self.names.add(name)
        known = _Known(found, name, len(self.spelt))
        for block in blocks:
            if len(block) < BLOCK:
                block.append(known)
        return known

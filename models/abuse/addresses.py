"""One key for one door, however it is spelt: exact keys first, then misspellings of an earlier key.

An address takes the key of the earliest address with the same numbers and nearly the same words. Addresses are taken
in the order in which they were first seen, so that a later spelling never changes the key of an earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapidfuzz import fuzz

from features.address import normalise

_NUMBERS = re.compile(r"\d+")
_ALIKE = 86.0  # rapidfuzz ratio of the words; two numbers must agree exactly besides
_LONGEST = 300
_BLOCK = 50  # a door number shared by more different streets than this is no key to search by


def door_keys(addresses: Sequence[str]) -> list[str | None]:
    """Keys of addresses that are given in the order of their first sighting; None where the text names no place.

    >>> first, second = door_keys(["12 Main Street, Apt 5, Springfield 62704", "12 Mian St. #5 Springfield 62704"])
    >>> first == second
    True
    """
    blocks: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    known: dict[str, str] = {}
    keys: list[str | None] = []
    for address in addresses:
        parsed = normalise(address[:_LONGEST])
        if parsed is None:
            keys.append(None)
            continue
        exact = parsed.unit_key
        if exact not in known:
            known[exact] = _nearest(exact, blocks)
        keys.append(known[exact])
    return keys


def _nearest(exact: str, blocks: dict[tuple[str, ...], list[tuple[str, str]]]) -> str:
    numbers = tuple(sorted(_NUMBERS.findall(exact)))
    if len(numbers) < 2:
        return exact
    words = " ".join(_NUMBERS.sub(" ", exact).split())
    block = blocks.setdefault(numbers, [])
    for other, key in block:
        if fuzz.ratio(words, other) >= _ALIKE:
            return key
    if len(block) < _BLOCK:
        block.append((words, exact))
    return exact

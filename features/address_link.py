"""Link addresses that may be one place, among millions, without comparing every two.

``link`` puts addresses into blocks by each of their names (road, estate, suburb, postcode; Chinese names by sound),
compares everything within a small block, and within a large one each address with its ``WINDOW`` neighbours in the
order of their spelling (sorted neighbourhood, Hernández and Stolfo 1995). So an address is compared with at most
``WINDOW`` others for each of its names, and the work and the memory grow in proportion to the addresses, also where
a hundred thousand of them are in one tower.

The threshold was fixed once, on febrl 1: the middle of the range in which F1 is greatest there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from rapidfuzz import fuzz
from rapidfuzz.process import cpdist

from features.address import parse
from features.address_alike import OTHER_DOOR, Profile, alike, profile
from features.address_sound import sound
from features.address_words import STATE_LETTERS, STREET_TYPES

THRESHOLD = 0.34
SMALL = 12
WINDOW = 8
_HOPELESS = 55.0  # rapidfuzz ratio of the sorted words; below it no pair of febrl 1 reaches the threshold
_CHUNK = 500_000
_COMMON = frozenset(STREET_TYPES.values()) | STATE_LETTERS
Ints = np.ndarray


def link(addresses: Sequence[str], threshold: float = THRESHOLD) -> pd.DataFrame:
    """Return pairs (first, second, similarity): positions in ``addresses``, first < second, in that order.

    Equal keys are linked to each other in groups of at most ``SMALL`` and to the first of the group in larger ones.
    Texts that name no place are linked to nothing.

    >>> link(["12 Main St, Springfield 62704", "unknown", "12 Mian Street, Springfield 62704"])[["first", "second"]]
       first  second
    0      0       2
    """
    profiles: list[Profile] = []
    groups: dict[str, list[int]] = {}
    for position, address in enumerate(addresses):
        found = profile(parse(address))
        if found is not None:
            members = groups.setdefault(found.unit_key, [])
            if not members:
                profiles.append(found)
            members.append(position)
    positions = list(groups.values())
    first, second, score = _score(profiles, _candidates(profiles), threshold)
    rows = [(x, y, 1.0) for members in positions for x, y in _within(members)]
    for i, j, value in zip(first, second, score, strict=True):
        rows += [(min(x, y), max(x, y), value) for x, y in _across(positions[i], positions[j])]
    return pd.DataFrame(sorted(rows), columns=["first", "second", "similarity"]).astype(
        {"first": "int64", "second": "int64", "similarity": "float64"}
    )


def _within(members: list[int]) -> Iterator[tuple[int, int]]:
    if len(members) <= SMALL:
        yield from ((x, y) for i, x in enumerate(members) for y in members[i + 1 :])
    else:
        yield from ((members[0], y) for y in members[1:])


def _across(a: list[int], b: list[int]) -> Iterator[tuple[int, int]]:
    if len(a) * len(b) <= SMALL * SMALL:
        yield from ((x, y) for x in a for y in b)
    else:
        yield a[0], b[0]


def _candidates(profiles: Sequence[Profile]) -> Ints:
    """Pairs of profiles that share a block, each once, as ``first * n + second``."""
    names: dict[str, int] = {}
    blocks: list[int] = []
    members: list[int] = []
    for at, found in enumerate(profiles):
        for word in _names(found):
            blocks.append(names.setdefault(word, len(names)))
            members.append(at)
    if not members:
        return np.empty(0, np.int64)
    spelling = sorted(range(len(profiles)), key=lambda at: (_order(profiles[at]), profiles[at].unit_key))
    rank = np.empty(len(profiles), np.int64)
    rank[spelling] = np.arange(len(profiles))
    block, member = np.array(blocks), np.array(members)
    order = np.lexsort((rank[member], block))
    block, member = block[order], member[order]
    size = np.bincount(block)[block]
    pairs = []
    for step in range(1, SMALL):
        near = block[step:] == block[:-step]
        near &= (size[step:] <= SMALL) | (step <= WINDOW)
        a, b = member[:-step][near], member[step:][near]
        pairs.append(np.minimum(a, b) * len(profiles) + np.maximum(a, b))
    return np.unique(np.concatenate(pairs))


def _names(found: Profile) -> set[str]:
    """What an address is looked up by."""
    if found.chinese:
        return {sound(name) for name in found.names[-3:] if name}
    return {word for word in found.words[: -1 if found.inside else None] if len(word) > 2 and word not in _COMMON}


def _order(found: Profile) -> str:
    """Spelling by which neighbours in a large block are found."""
    if found.chinese:
        return " ".join((*map(sound, found.names[::-1]), *found.numbers))
    words = [word for word in found.words if not word[0].isdigit()]
    return " ".join((*words[:1], *found.words[:1], *words[1:]))


def _score(profiles: Sequence[Profile], pairs: Ints, threshold: float) -> tuple[list[int], list[int], list[float]]:
    """Pairs at or above the threshold, after a cheap look at whole spellings and rooms."""
    spelt = [" ".join(sorted(found.words)) or found.unit_key for found in profiles]
    codes = pd.factorize(np.array([found.inside for found in profiles], dtype=object))[0]
    empty = np.array([not found.inside for found in profiles])
    chinese = np.array([found.chinese for found in profiles])
    first: list[int] = []
    second: list[int] = []
    scores: list[float] = []
    for start in range(0, len(pairs), _CHUNK):
        a, b = np.divmod(pairs[start : start + _CHUNK], len(profiles))
        hopeful = chinese[a] == chinese[b]
        if threshold > OTHER_DOOR:
            hopeful &= empty[a] | empty[b] | (codes[a] == codes[b])
        a, b = a[hopeful], b[hopeful]
        ratio = cpdist([spelt[i] for i in a], [spelt[j] for j in b], scorer=fuzz.ratio, score_cutoff=_HOPELESS)
        for i, j in zip(a[ratio > 0].tolist(), b[ratio > 0].tolist(), strict=True):
            value = alike(profiles[i], profiles[j])
            if value >= threshold:
                first.append(i)
                second.append(j)
                scores.append(value)
    return first, second, scores

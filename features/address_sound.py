"""How a Chinese name sounds, and when two names differ by a slip of the pen.

``sound`` is toneless pinyin, character by character, so that 文三路 and 文叁路 sound alike; each character has its most
common reading. A slip is letters swapped, one lost or added, or (in names of five letters or more, or in
Chinese) one exchanged; what tells one street from the next (directions, numerals) never slips.
"""

from __future__ import annotations

from functools import lru_cache

from pypinyin import lazy_pinyin
from rapidfuzz.distance import OSA, Levenshtein

_TELLING = frozenset("东西南北中前后左右上下内外新老大小一二三四五六七八九十甲乙丙丁0123456789abcdefgh")


@lru_cache(maxsize=30_000)
def _reading(character: str) -> str:
    return lazy_pinyin(character)[0]


@lru_cache(maxsize=100_000)
def sound(name: str) -> str:
    """Toneless pinyin of a name; letters and digits stand for themselves.

    >>> sound("文三路") == sound("闻叁路")
    True
    """
    return " ".join([_reading(c) for c in name])


def telling(name: str) -> str:
    """The characters of a Chinese name that tell it from its neighbours, in the order of the alphabet."""
    return "".join(sorted(_TELLING.intersection(name)))


def chinese_slip(a: str, b: str) -> bool:
    """Whether two names of three characters or more differ in one that tells nothing.

    >>> chinese_slip("翠柏路", "翠白路"), chinese_slip("中山东路", "中山西路")
    (True, False)
    """
    return min(len(a), len(b)) >= 3 and telling(a) == telling(b) and OSA.distance(a, b, score_cutoff=1) <= 1


def western_slip(a: str, b: str) -> bool:
    """Whether two words are one word misspelt.

    >>> western_slip("main", "mian"), western_slip("hil", "hill"), western_slip("hill", "hall")
    (True, True, False)
    """
    if a == b:
        return True
    shorter = min(len(a), len(b))
    if shorter < 3 or a.isdigit() or b.isdigit():
        return False
    if len(a) == len(b) and sorted(a) == sorted(b):
        return True
    distance = OSA.distance(a, b, score_cutoff=2)
    if distance > (2 if shorter >= 8 else 1):
        return False
    # An exchange (not a swap of neighbours, which costs two of Levenshtein's) makes another word of a short one.
    exchanged = len(a) == len(b) and Levenshtein.distance(a, b) == 1
    return shorter >= 5 or not exchanged

"""Chance that can be checked afterwards: every draw follows from the installation's seed and the name of what is drawn.

The seed keys an HMAC-SHA256, so nobody without it can foresee a draw, and whoever has it can repeat every one (F017).
Numbers that would make some results likelier than others are thrown away and drawn anew: no result is favoured. Names
must differ between draws; the id of the coupon is a good one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from itertools import count
from typing import TypeVar

from serving.coupons.kinds import Kind, RandomAmount
from serving.coupons.money import InvalidError, check_int

T = TypeVar("T")
_NUMBERS = 2**256


def draw(seed: bytes, name: str, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``, both included, every one as likely.

    >>> draw(b"a seed of sixteen", "cpn_1", 1, 100) == draw(b"a seed of sixteen", "cpn_1", 1, 100)
    True
    """
    size = high - low + 1
    if not 1 <= size <= _NUMBERS:
        raise InvalidError("low", low, f"at most high ({high}), less than 2**256 apart")
    fair = _NUMBERS - _NUMBERS % size
    for attempt in count():
        number = _number(seed, name, attempt)
        if number < fair:
            return low + number % size
    raise AssertionError("count() does not end")


def pick(seed: bytes, name: str, weights: Sequence[tuple[T, int]]) -> T:
    """One of the things, each with the chance of its weight among all weights (F020).

    >>> pick(b"a seed of sixteen", "group 7", [("ten", 0), ("twenty", 5)])
    'twenty'
    """
    for _, weight in weights:
        check_int("weight", weight, 0, 10**9)
    number = draw(seed, name, 1, sum(weight for _, weight in weights))
    for thing, weight in weights:
        number -= weight
        if number <= 0:
            return thing
    raise AssertionError("the number is at most the sum of the weights")


def drawn(seed: bytes, name: str, weights: Sequence[tuple[str, int]], gone: Sequence[str]) -> str:
    """What the draw called ``name`` picks after the things in ``gone`` were drawn and not there.

    >>> drawn(b"a seed of sixteen", "group 7", [("ten", 1), ("twenty", 5)], ["twenty"])
    'ten'
    """
    left = [(thing, weight) for thing, weight in weights if thing not in gone]
    return pick(seed, f"{name}#{len(gone)}" if gone else name, left)


def face_cents(kind: Kind, seed: bytes, name: str) -> int:
    """What one use of a new coupon can take at most: what is drawn for a random amount, else what the kind bounds."""
    if isinstance(kind, RandomAmount):
        return draw(seed, name, kind.low_cents, kind.high_cents)
    return kind.most_cents


def _number(seed: bytes, name: str, attempt: int) -> int:
    # The length goes before the name, so that no two pairs of name and attempt are the same message.
    said = name.encode()
    message = len(said).to_bytes(4, "big") + said + attempt.to_bytes(4, "big")
    return int.from_bytes(hmac.digest(seed, message, hashlib.sha256), "big")

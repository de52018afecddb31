"""All chance of a policy: uniform numbers from keyed hashes (BLAKE2b, RFC 7693) of its salt and the ids.

None comes from a generator, so that a decision can be recomputed from its log line, alone or in a table of a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from features.errors import InputError
from models.policy.price import Floats


@dataclass(frozen=True)
class Draws:
    """Uniform numbers (n,) in [0, 1): ``place`` (holdout) and ``lot`` (ties) of the user, ``coin`` (whether to explore)
    and ``pointer`` (which eligible offer) of the decision."""

    place: Floats
    lot: Floats
    coin: Floats
    pointer: Floats

    @classmethod
    def of(cls, salt: str, user_ids: Sequence[str], keys: Sequence[str]) -> Draws:
        """The draws of decisions; ``keys`` tell the decisions of a user apart."""
        _texts("user_ids", user_ids)
        _texts("keys", keys)
        return cls(*user_draws(salt, user_ids), *_decision_draws(salt, user_ids, keys))


def _texts(field: str, names: Sequence[object]) -> None:
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise InputError(field, wrong[0], "texts")


def user_draws(salt: str, user_ids: Sequence[str]) -> tuple[Floats, Floats]:
    """Two uniform numbers per user: its place for the holdout and its lot."""
    hashed = _keyed(salt, b"fairdeal-user")
    return _uniform([_digest(hashed, user.encode()) for user in user_ids])


def _decision_draws(salt: str, user_ids: Sequence[str], keys: Sequence[str]) -> tuple[Floats, Floats]:
    """Two uniform numbers per decision: whether to explore, and which eligible offer."""
    hashed = _keyed(salt, b"fairdeal-draw")
    # The length in front keeps ("ab", "c") and ("a", "bc") apart.
    return _uniform(
        [
            _digest(hashed, b"%d:%s%s" % (len(user), user.encode(), key.encode()))
            for user, key in zip(user_ids, keys, strict=True)
        ]
    )


def _keyed(salt: str, purpose: bytes) -> blake2b:
    key = blake2b(salt.encode()).digest()  # any length of salt becomes a key of 64 bytes
    return blake2b(key=key, person=purpose, digest_size=16)


def _digest(hashed: blake2b, message: bytes) -> bytes:
    one = hashed.copy()
    one.update(message)
    return one.digest()


def _uniform(digests: list[bytes]) -> tuple[Floats, Floats]:
    """Two numbers in [0, 1) with 53 random bits each, from digests of 16 bytes."""
    words = np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, 2) >> np.uint64(11)
    numbers = words.astype(np.float64) * 2.0**-53
    return numbers[:, 0].copy(), numbers[:, 1].copy()

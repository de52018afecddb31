"""Rings grow link by link in time order, and a ring's proof reaches its members the moment it has it.

In: links in time order (``rings.linking``). Out: the size of the ring that each row joins, and what every account
carries. A ring is what its links hold together, or, where that is more than ``LARGE`` accounts, what its strong links
do: with enough accounts some weak link leads from everyone to everyone, and one proof would reach the whole shop. A
ring's level is the highest score at which an account joined, and its members carry it from the moment the ring reaches
it. What was said is never taken back, so later links change nothing earlier. Cost: two union–finds in one pass over the
links, near-linear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from models.abuse.rings.union import Floats, join, root_of

CARRIED = 0.97  # a member's share of its ring's level: the account that gave the proof ranks first
LARGE = 50  # accounts that a person can look through one by one
STRONG = 0.6  # least strength of a link that a larger ring may hang on
_RISE = 0.002


@dataclass(frozen=True)
class Carried:
    """What rings say about accounts: score carried over, since when, and the ring's root (-1: none)."""

    score: Floats
    since: NDArray[np.int64]
    root: NDArray[np.int64]
    size: NDArray[np.int64]


def sizes_at(rows: int, user: NDArray[np.int64], accounts: int, found: pd.DataFrame) -> Floats:
    """Size of the account's ring at each spine row, counting the links that the row itself makes."""
    order = np.argsort(found["row"].to_numpy(np.int64), kind="stable")
    row, a, b = (found[name].to_numpy(np.int64)[order] for name in ("row", "a", "b"))
    strength = found["strength"].to_numpy(np.float64)[order]
    return np.asarray(_sizes(rows, np.asarray(user, np.int64), accounts, row, a, b, strength, LARGE, STRONG))


def carry(accounts: int, found: pd.DataFrame, row_score: Floats, threshold: float) -> Carried:
    """Let every ring's level reach its members: those who came before the proof, and those who join after it."""
    at, row, a, b = (found[name].to_numpy(np.int64) for name in ("at", "row", "a", "b"))
    strength, scores = found["strength"].to_numpy(np.float64), np.asarray(row_score, np.float64)
    score, since, root, size = _carry(accounts, at, row, a, b, strength, scores, float(threshold), LARGE, STRONG)
    return Carried(score, since, np.where(size > 1, root, -1), size)


def ring_names(found: pd.DataFrame, root: NDArray[np.int64], names: Sequence[str]) -> dict[int, str]:
    """A name per ring from its earliest link: the same on every run, revealing nobody."""
    a, b = (found[name].to_numpy(np.int64) for name in ("a", "b"))
    inside = np.flatnonzero((root[a] == root[b]) & (root[a] >= 0))
    rings, earliest = np.unique(root[a[inside]], return_index=True)
    named: dict[int, str] = {}
    for ring, link in zip(rings.tolist(), inside[earliest], strict=True):
        ends = "|".join(sorted((names[a[link]], names[b[link]])))
        text = f"{found['at'].iat[link]}|{found['kind'].iat[link]}|{ends}"
        named[ring] = "ring-" + hashlib.sha256(text.encode()).hexdigest()[:12]
    return named


@njit
def _sizes(
    rows: int, user: Any, accounts: int, row: Any, a: Any, b: Any, strength: Any, large: int, strong: float
) -> Any:
    every, size, _, _ = _alone(accounts)
    core, core_size, _, _ = _alone(accounts)
    seen = np.ones(rows)
    link = 0
    for now in range(rows):
        while link < len(row) and row[link] == now:
            join(every, size, root_of(every, a[link]), root_of(every, b[link]))
            if strength[link] >= strong:
                join(core, core_size, root_of(core, a[link]), root_of(core, b[link]))
            link += 1
        together = size[root_of(every, user[now])]
        seen[now] = together if together <= large else core_size[root_of(core, user[now])]
    return seen


@njit
def _carry(
    accounts: int, at: Any, row: Any, a: Any, b: Any, strength: Any, row_score: Any, threshold: float,
    large: int, strong: float,
) -> Any:  # fmt: skip
    every, size, after, level = _alone(accounts)
    core, core_size, core_after, core_level = _alone(accounts)
    score, since = np.zeros(accounts), np.full(accounts, -1, np.int64)
    for link in range(len(at)):
        proof = row_score[row[link]]
        x, y = root_of(every, a[link]), root_of(every, b[link])
        small = (size[x] if x == y else size[x] + size[y]) <= large
        highest = max(level[x], level[y], proof)
        if small:
            for start in (x, y):
                _tell(after, start, level[start], highest, at[link], threshold, score, since)
        level[_together(every, size, after, x, y)] = highest
        if strength[link] >= strong:
            x, y = root_of(core, a[link]), root_of(core, b[link])
            highest = max(core_level[x], core_level[y], proof)
            if not small:
                for start in (x, y):
                    _tell(core_after, start, core_level[start], highest, at[link], threshold, score, since)
            core_level[_together(core, core_size, core_after, x, y)] = highest
    root, number = np.empty(accounts, np.int64), np.empty(accounts, np.int64)
    for account in range(accounts):
        mine = root_of(every, account)
        number[account] = size[mine]
        if number[account] > large:
            mine = root_of(core, account)
            number[account] = core_size[mine]
        root[account] = mine
    return score, since, root, number


@njit
def _alone(accounts: int) -> Any:
    """Parent, size, next member and level of rings of one; members are a circle, so that two join by one exchange."""
    number = np.arange(accounts).astype(np.int32)  # half the memory is half the waiting for it
    return number, np.ones(accounts, np.int32), number.copy(), np.zeros(accounts)


@njit
def _together(parent: Any, size: Any, after: Any, x: int, y: int) -> int:
    """Join two roots and their circles, if they are two; the root that stays."""
    if x != y:
        after[x], after[y] = after[y], after[x]
    return join(parent, size, x, y)


@njit
def _tell(
    after: Any, start: int, had: float, highest: float, at: int, threshold: float, score: Any, since: Any
) -> None:
    """Let the members of a ring know its level; only of a real rise, or a ring of n accounts would cost n² steps."""
    if highest <= had + _RISE and not had < threshold / CARRIED <= highest:
        return
    member = start
    while True:
        score[member] = max(score[member], CARRIED * highest)
        if CARRIED * highest >= threshold and since[member] < 0:
            since[member] = at
        member = after[member]
        if member == start:
            return

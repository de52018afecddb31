"""Clusters of a weighted graph that do not melt into one component: cut where it is held together weakly.

In: links between accounts with strengths, no times. Out: a cluster per account. Three rules, all read off the forest of
strongest links (``rings.forest``); the first two are those by which rings grow in time (``rings.growth``):

1. A component of at most ``LARGE`` accounts stays whole: a person can look through it.
2. In a larger one only strong links count: what is together there by weaker ones is so by chance.
3. What is still larger is cut at its waists where the parts hold together better than the whole: excess of mass
   (Campello, Moulavi & Sander 2013), with strength as density. The mass of a piece is, over its accounts, the strength
   at which each leaves it above the strength at which the piece came to be; the pieces of most mass that do not overlap
   are the clusters.

A farm of thousands on one device sheds accounts one by one as the bar rises and stays one; rings that chance links had
tied together split at once and far below the strength of their own links. Time: one sort, then linear.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.abuse.rings.forest import forest
from models.abuse.rings.growth import LARGE, STRONG
from models.abuse.rings.linking import LEAST_STRENGTH
from models.abuse.rings.union import Ints

FEWEST = 3  # a smaller part that comes off is a loss of the piece, not a part of its own


def clusters(
    accounts: int,
    a: NDArray[Any],
    b: NDArray[Any],
    strength: NDArray[Any],
    *,
    least: float = LEAST_STRENGTH,
    large: int = LARGE,
    strong: float = STRONG,
) -> Ints:
    """The least account number of every account's cluster; links weaker than ``least`` do not count."""
    enough = np.asarray(strength) >= least
    tree = forest(accounts, *(np.asarray(values)[enough] for values in (a, b, strength)))
    return np.asarray(_cut(tree.strength, tree.size, tree.above, large, strong))


@njit
def _cut(strength: Any, size: Any, above: Any, large: int, strong: float) -> Any:
    merges = len(strength)
    accounts = len(above) - merges
    open_, whole = _too_large(strength, size, above, large, strong)
    top, parts, part_size = _several_at_once(strength, size, above)
    piece = np.full(merges, -1, np.int64)  # of a merge: the piece that it is part of
    head = np.zeros(merges, np.bool_)  # where a piece begins
    born, mass, parent = np.zeros(merges), np.zeros(merges), np.full(merges, -1, np.int64)
    pieces = 0
    for i in range(merges - 1, -1, -1):  # from the weakest merge to the strongest: every piece before its parts
        if top[i] != i or not open_[i]:
            continue
        up = above[accounts + i] - accounts
        if up < 0 or not open_[up]:
            born[pieces] = strong
            piece[i], head[i], pieces = pieces, True, pieces + 1
        else:
            whose = piece[top[up]]
            if whose < 0 or size[i] < FEWEST:
                continue  # shed, with the few around it
            if parts[top[up]] == 1:
                piece[i] = whose
            else:
                born[pieces], parent[pieces] = strength[up], whose
                piece[i], head[i], pieces = pieces, True, pieces + 1
        leaving = size[i] - (part_size[i] if parts[i] == 1 else 0)
        mass[piece[i]] += leaving * (strength[i] - born[piece[i]])
    within = np.zeros(pieces)
    keep = np.zeros(pieces, np.bool_)
    for p in range(pieces - 1, -1, -1):
        keep[p] = mass[p] >= within[p]
        if parent[p] >= 0:
            within[parent[p]] += max(mass[p], within[p])
    return _labels(strength, above, open_, whole, piece, head, keep)


@njit
def _several_at_once(strength: Any, size: Any, above: Any) -> Any:
    """Merges of equal strength one above the other are one: its topmost, and its parts of FEWEST accounts or more."""
    merges = len(strength)
    accounts = len(above) - merges
    top = np.arange(merges)
    parts, part_size = np.zeros(merges, np.int64), np.zeros(merges, np.int64)
    for i in range(merges - 1, -1, -1):
        up = above[accounts + i] - accounts
        if up < 0:
            continue
        if strength[up] == strength[i]:
            top[i] = top[up]
        elif size[i] >= FEWEST:
            parts[top[up]] += 1
            part_size[top[up]] += size[i]
    return top, parts, part_size


@njit
def _too_large(strength: Any, size: Any, above: Any, large: int, strong: float) -> Any:
    """Merges inside what strong links hold together but nobody can look through, and those that stay as they are."""
    merges = len(strength)
    accounts = len(above) - merges
    open_, whole = np.zeros(merges, np.bool_), np.zeros(merges, np.bool_)
    for i in range(merges - 1, -1, -1):
        up = above[accounts + i] - accounts
        if up >= 0 and (open_[up] or whole[up]):
            open_[i], whole[i] = open_[up], whole[up]
        elif up < 0 and size[i] <= large:
            whole[i] = True
        elif strength[i] >= strong:
            open_[i], whole[i] = size[i] > large, size[i] <= large
    return open_, whole


@njit
def _labels(strength: Any, above: Any, open_: Any, whole: Any, piece: Any, head: Any, keep: Any) -> Any:
    """The least account of the highest kept piece, whole component or shed handful that each account is in."""
    merges = len(strength)
    accounts = len(above) - merges
    of = np.full(merges, -1, np.int64)
    for i in range(merges - 1, -1, -1):
        up = above[accounts + i] - accounts
        if up >= 0 and of[up] >= 0:
            of[i] = of[up]
        elif whole[i] or (head[i] and keep[piece[i]]):
            of[i] = i
        elif open_[i] and piece[i] < 0 and strength[i] > strength[up]:
            of[i] = i  # a handful that was shed stays together
    first = np.full(merges, accounts, np.int64)
    label = np.arange(accounts)
    for account in range(accounts):
        up = above[account] - accounts
        if up >= 0 and of[up] >= 0:
            if first[of[up]] == accounts:
                first[of[up]] = account
            label[account] = first[of[up]]
    return label

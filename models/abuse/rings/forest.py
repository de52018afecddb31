"""The strongest links that hold accounts together: maximum spanning forest, its order of merging, and bridges.

In: links as arrays of account numbers and strengths. Kruskal (1956) from the strongest link down; equal ones by their
position, so by time where links come in time order. The merges in that order are the single-linkage dendrogram (Gower &
Ross 1969): what is together at a strength is what the links of at least that strength hold together. Cost: one sort.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.abuse.rings.union import Floats, Ints, join, root_of


@dataclass(frozen=True)
class Forest:
    """``link``: positions of the n - 1 strongest links per component, strongest first. Merge ``i`` made node
    ``accounts + i``, of ``size[i]`` accounts; ``above``: the parent of every account and merge, -1 at the top."""

    link: Ints
    strength: Floats
    size: NDArray[np.int32]
    above: NDArray[np.int32]


def forest(accounts: int, a: NDArray[Any], b: NDArray[Any], strength: NDArray[Any]) -> Forest:
    """The maximum spanning forest of links between accounts ``0 … accounts - 1``."""
    order = np.argsort(-np.asarray(strength), kind="stable")
    link, size, above = _kruskal(accounts, np.asarray(a, np.int64), np.asarray(b, np.int64), order)
    return Forest(link, np.asarray(strength, np.float64)[link], size, above)


def bridges(ends: list[tuple[int, int]], held: list[int]) -> set[int]:
    """Positions of the links without which their two ends are no longer together.

    ``held``: positions of a spanning forest of ``ends``. Every other link goes round the path of the forest between its
    ends; what none goes round is a bridge.
    """
    near: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for link in held:
        a, b = ends[link]
        near[a].append((b, link))
        near[b].append((a, link))
    above: dict[int, tuple[int, int]] = {}
    depth: dict[int, int] = {}
    for top in near:
        if top in depth:
            continue
        depth[top], above[top] = 0, (top, -1)
        todo = deque([top])
        while todo:
            account = todo.popleft()
            for other, link in near[account]:
                if other not in depth:
                    depth[other], above[other] = depth[account] + 1, (account, link)
                    todo.append(other)
    found, around = set(held), {account: account for account in near}

    def up(account: int) -> int:
        while around[account] != account:
            around[account] = around[around[account]]
            account = around[account]
        return account

    for link in set(range(len(ends))) - found:
        a, b = (up(end) for end in ends[link])
        while a != b:
            if depth[a] < depth[b]:
                a, b = b, a
            parent, over = above[a]
            found.discard(over)
            around[a] = parent
            a = up(parent)
    return found


@njit
def _kruskal(accounts: int, a: Any, b: Any, order: Any) -> Any:
    parent, count = np.arange(accounts).astype(np.int32), np.ones(accounts, np.int32)
    node = np.arange(accounts).astype(np.int32)  # of a root: what its accounts were last merged into
    above = np.full(2 * accounts, -1, np.int32)
    link, size = np.empty(accounts, np.int64), np.empty(accounts, np.int32)
    merges = 0
    for at in order:
        x, y = root_of(parent, a[at]), root_of(parent, b[at])
        if x == y:
            continue
        link[merges] = at
        above[node[x]] = above[node[y]] = accounts + merges
        x = join(parent, count, x, y)
        node[x], size[merges] = accounts + merges, count[x]
        merges += 1
    return link[:merges], size[:merges], above[: accounts + merges]

"""Linkage counts, components and metrics the plain way: loops over all pairs, written apart from the product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def others_in_window(
    asks: Sequence[tuple[str, str, int]], marks: Sequence[tuple[str, str, int, float]], length: int | None
) -> list[float]:
    """For each (key, user, time): the weights of other users' marks on the key in [time - length, time)."""
    found = []
    for key, user, now in asks:
        total = 0.0
        for other_key, other, at, weight in marks:
            inside = at < now and (length is None or at >= now - length)
            if other_key == key and other != user and inside:
                total += weight
        found.append(total)
    return found


def distinct_others(rows: Sequence[tuple[str | None, str, int]], length: int) -> list[int]:
    """For each (value, user, time): how many other users had a row on the value in [time - length, time)."""
    return [
        len({u for v, u, at in rows if v == value and u != user and now - length <= at < now}) if value else 0
        for value, user, now in rows
    ]


def components(count: int, edges: Sequence[tuple[int, int]]) -> list[frozenset[int]]:
    """The component of every node, by flooding."""
    near: dict[int, set[int]] = {i: set() for i in range(count)}
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    found = []
    for start in range(count):
        seen, todo = {start}, [start]
        while todo:
            for other in near[todo.pop()] - seen:
                seen.add(other)
                todo.append(other)
        found.append(frozenset(seen))
    return found


def recall_at_fpr(y: Sequence[int], scores: Sequence[float], fpr: float) -> float:
    """Try every threshold."""
    labels, values = np.asarray(y), np.asarray(scores)
    best = 0.0
    for threshold in {*values.tolist(), np.inf}:
        taken = values >= threshold
        if taken[labels == 0].mean() <= fpr:
            best = max(best, float(taken[labels == 1].mean()))
    return best

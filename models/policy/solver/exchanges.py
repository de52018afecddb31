"""Exchanges of one offer for another: those that a box of prices calls for, and the programmes they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.policy.price import Bools, Floats, Ints, blocks
from models.policy.solver.rows import Look, Rows, scores
from models.policy.solver.terms import Level, Terms


@dataclass(frozen=True)
class Near:
    """p exchanges that some prices in a box call for: row, offer, the offer it replaces, and the score lost (p,)."""

    row: Ints
    offer: Ints
    instead: Ints
    loss: Floats

    def where(self, keep: Bools) -> Near:
        return Near(self.row[keep], self.offer[keep], self.instead[keep], self.loss[keep])


def nearest(rows: Rows, terms: Terms, found: Look, price: Floats, width: Floats, pairs: int) -> tuple[Near, float]:
    """The exchanges that prices within some multiple (at most 1) of ``width`` call for, about ``pairs`` of them."""
    n, offers = rows.value.shape
    level, wide = terms.level(price), terms.widths(width)
    slack = None if found.own is None else _own_width(rows, wide)
    reach = np.empty((n, offers), order="F")
    for block in blocks(n):
        own = None if found.own is None or slack is None else (found.own[block], slack[block])
        _reach(rows.block(block), terms, level, wide, found.offer[block], found.score[block], own, reach[block])
    flat = reach.ravel(order="F")
    limit = 1.0
    if flat.size > pairs:
        limit = min(1.0, max(float(np.partition(flat, pairs)[pairs]), 1e-15))
    chosen = np.flatnonzero(flat < limit)
    row, offer = chosen % n, chosen // n
    loss = np.empty(len(row))
    for one in range(offers):
        at = offer == one
        loss[at] = found.score[row[at]]
        if one:
            loss[at] -= scores(rows.take(row[at]), level, one)
            if found.own is not None:
                loss[at] += found.own[row[at]]
    return Near(row, offer, found.offer[row], loss), limit


def _reach(
    rows: Rows,
    terms: Terms,
    level: Level,
    wide: Level,
    best: Ints,
    top: Floats,
    own: tuple[Floats, Floats] | None,
    reach: Floats,
) -> None:
    """Fills ``reach`` (n, K): the multiple of the widths at which an offer could come to beat the best one."""
    at = np.arange(len(rows))
    value, cost, given = rows.value[at, best], rows.cost[at, best], best > 0
    spend, users, stock = wide.spend[rows.group], wide.users[rows.group], wide.stock[best]
    if own is not None:
        users += own[1]
    for offer in range(rows.value.shape[1]):
        moves = spend * np.abs(rows.cost[:, offer] - cost)
        if wide.returns:
            change = terms.roi_floor * (rows.cost[:, offer] - cost) - (rows.value[:, offer] - value)
            moves += wide.returns * np.abs(change)
        moves += stock + wide.stock[offer]
        np.add(moves, users, out=moves, where=given != (offer > 0))
        lost = top - scores(rows, level, offer) if offer else top.copy()
        if own is not None and offer:
            lost += own[0]
        possible = (best != offer) & (moves > 0)
        moves[~possible] = 1.0
        lost[~possible] = np.inf
        np.divide(lost, moves, out=reach[:, offer])


def _own_width(rows: Rows, wide: Any) -> Floats:
    """How far a capped user's own price may move while the limits' prices move within the box."""
    assert rows.user is not None
    most = np.zeros(len(rows))
    for offer in range(1, rows.value.shape[1]):
        moves = wide.spend[rows.group] * np.abs(rows.cost[:, offer]) + wide.stock[offer] + wide.users[rows.group]
        most = np.maximum(most, moves + wide.returns * np.abs(rows.value[:, offer]))
    largest = np.zeros(int(rows.user.max(initial=-1)) + 1)
    np.maximum.at(largest, rows.user, most)
    counts = np.bincount(rows.user, minlength=len(largest))
    return np.where(counts > rows.most, largest, 0.0)[rows.user]


def exchange_matrix(rows: Rows, terms: Terms, near: Near) -> Any:
    """What each exchange adds to the usage (m, p)."""
    cost = rows.cost[near.row, near.offer] - rows.cost[near.row, near.instead]
    value = rows.value[near.row, near.offer] - rows.value[near.row, near.instead]
    return terms.columns(rows.group[near.row], near.offer, near.instead, cost, value)


def one_each(rows: Rows, near: Near, offer: Ints) -> tuple[Any, Floats]:
    """Rows of a programme that allow one exchange per row and keep users within their cap: matrix and right side."""
    from scipy import sparse

    p = np.arange(len(near.row))
    _, which, counts = np.unique(near.row, return_inverse=True, return_counts=True)
    several = counts > 1
    place = np.cumsum(several) - 1
    used = several[which]
    matrix = sparse.csr_matrix(
        (np.ones(int(used.sum())), (place[which[used]], p[used])), shape=(int(several.sum()), len(p))
    )
    most = np.ones(matrix.shape[0])
    if rows.user is None:
        return matrix, most
    size = np.bincount(rows.user)
    change = (near.offer > 0).astype(np.float64) - (near.instead > 0)
    user = rows.user[near.row]
    matters = (size[user] > rows.most) & (change != 0)
    names, where = np.unique(user[matters], return_inverse=True)
    given = np.bincount(rows.user, offer > 0, minlength=len(size))
    caps = sparse.csr_matrix((change[matters], (where, p[matters])), shape=(len(names), len(p)))
    return sparse.vstack([matrix, caps], format="csr"), np.append(most, rows.most - given[names])


def all_exchanges(rows: Rows, offer: Ints) -> Near:
    """Every allowed exchange of every row's offer (n,) for another."""
    n, offers = rows.value.shape
    other = np.ones((n, offers), dtype=np.bool_) if rows.allowed is None else rows.allowed.copy()
    other[np.arange(n), offer] = False
    row, instead = np.nonzero(other)
    return Near(row, instead, offer[row], np.zeros(len(row)))

"""From fractions to whole coupons, and to prices whose rule meets every limit.

At the best prices all but a few users have one choice; as many as there are tight limits are left with fractions. A
small integer programme over the users with the least to lose settles these and uses up what fractions leave
(:func:`whole`). A pattern of choices of the users near the prices is followed by the price rule when some prices
in the box prefer each user's pattern to all else (:func:`separate`): a linear programme that looks for the widest
margin, so that rounding in a later recomputation decides nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.policy.linear import minimum
from models.policy.price import Floats, Ints
from models.policy.solver.exchanges import Near, exchange_matrix, one_each
from models.policy.solver.rows import Rows
from models.policy.solver.terms import Terms

MOST_NODES = 2_000  # of the search tree, where a gap is allowed; what is found by then is as good as its gap says


def whole(rows: Rows, terms: Terms, offer: Ints, near: Near, most: Floats, enough: float, worth: float) -> Ints | None:
    """The most valuable allocation (n,) that differs from ``offer`` by the exchanges ``near``; None if none fits.

    Args:
        most: (m,) what the usage may come to.
        enough: gap, relative to ``worth`` plus what is gained, at which the search may stop.
        worth: what ``offer`` is worth.
    """
    from scipy import sparse
    from scipy.optimize import Bounds, LinearConstraint, milp

    p = len(near.row)
    room = most - rows.used(terms, offer)
    if not p:
        return offer if (room >= 0).all() else None
    matrix = exchange_matrix(rows, terms, near)
    one, at_most = one_each(rows, near, offer)
    gain = rows.value[near.row, near.offer] - rows.value[near.row, near.instead]
    # Each row in units of its largest entry: the solver's tolerance is absolute.
    size = np.maximum(np.abs(matrix).max(axis=1).toarray().ravel() if p else 0.0, 1e-300)
    # The solver stops at an absolute gap of a millionth, too: a larger objective where that must not happen.
    unit = max(float(np.abs(gain).max()), 1e-300) / (1.0 if enough else 1e3)
    limits = sparse.vstack([sparse.diags(1 / size) @ matrix, one])
    answer = milp(
        # The last variable is a constant: it makes the gap relative to the whole round.
        np.append(-gain / unit, -worth / unit),
        integrality=np.ones(p + 1),
        bounds=Bounds(np.append(np.zeros(p), 1.0), np.ones(p + 1)),
        constraints=LinearConstraint(
            sparse.hstack([limits, sparse.csr_matrix((limits.shape[0], 1))], format="csr"),
            ub=np.concatenate([room / size, at_most]),
        ),
        options={"mip_rel_gap": enough} | ({"node_limit": MOST_NODES} if enough else {}),
    )
    if answer.x is None:
        return None
    return exchanged(offer, near, answer.x[:p])


def exchanged(offer: Ints, near: Near, share: Floats) -> Ints:
    """The allocation after the exchanges whose share is above a half."""
    after = offer.copy()
    made = share > 0.5
    after[near.row[made]] = near.offer[made]
    return after


def separate(
    rows: Rows, terms: Terms, near: Near, own: Floats | None, target: Ints, start: Floats, width: Floats
) -> Floats | None:
    """Prices (m,) in the box ``start +- width`` at which every near user prefers ``target`` (n,), by the widest margin.

    None when there are none. ``near.loss`` is counted at ``start``, where capped users pay ``own`` (n,) beside.
    """
    from scipy import sparse

    matrix = exchange_matrix(rows, terms, near)
    m, p = matrix.shape
    if not p:
        return start
    unit = np.maximum(width, 1e-300)
    per_box = (sparse.diags(unit) @ matrix).T.tocsr()  # (p, m): what a box of prices takes from each exchange
    own_columns, own_bounds = _own_columns(rows, near, own, target)
    moves = np.maximum(np.asarray(np.abs(per_box).sum(axis=1)).ravel(), 1e-300)
    # Gain of exchange j at offsets y: -loss_j - per_box_j y - own_j z. The target's own exchange, if any, must gain
    # more than nothing and more than each other exchange of its row.
    wanted = target[near.row]
    chosen = np.full(len(rows), -1)
    is_target = near.offer == wanted
    chosen[near.row[is_target]] = np.flatnonzero(is_target)
    rival = chosen[near.row]
    others = np.flatnonzero(~is_target)
    select = sparse.identity(p, format="csr")
    lost = np.flatnonzero(is_target)
    has_rival = others[rival[others] >= 0]
    difference = sparse.vstack([select[others], -select[lost]], format="csr")
    if len(has_rival):
        places = np.searchsorted(others, has_rival)
        fix = sparse.csr_matrix((np.ones(len(has_rival)), (places, rival[has_rival])), shape=difference.shape)
        difference = difference - fix
    # difference @ gain <= -margin * scale
    scale = np.abs(difference) @ moves
    left = sparse.hstack([-(difference @ per_box), -(difference @ own_columns), sparse.csr_matrix(scale[:, None])])
    right = difference @ near.loss
    normal = sparse.diags(1 / scale)
    answer = minimum(
        np.append(np.zeros(m + len(own_bounds)), -1.0),
        (normal @ left).tocsr(),
        right / scale,
        [*zip(np.maximum(-1.0, -start / unit), np.ones(m), strict=True), *own_bounds, (None, 1.0)],
    )
    if answer.x is None or answer.x[-1] <= 0:
        return None
    return start + answer.x[:m] * unit


def _own_columns(rows: Rows, near: Near, own: Floats | None, target: Ints) -> tuple[Any, list[tuple[float, float]]]:
    """What a change of each capped user's own price takes from the exchanges, sparse (p, users), and its bounds.

    The price stays >= 0, and is 0 for a user who is given less than the cap.
    """
    from scipy import sparse

    p = len(near.row)
    if rows.user is None or own is None:
        return sparse.csr_matrix((p, 0)), []
    change = (near.offer > 0).astype(np.float64) - (near.instead > 0)
    user = rows.user[near.row]
    capped = (np.bincount(rows.user)[user] > rows.most) & (change != 0)
    names, first, where = np.unique(user[capped], return_index=True, return_inverse=True)
    matrix = sparse.csr_matrix((change[capped], (np.flatnonzero(capped), where)), shape=(p, len(names)))
    price = own[near.row[capped][first]]
    full = np.bincount(rows.user, target > 0)[names] >= rows.most
    return matrix, [(-float(at), math.inf if paid else -float(at)) for at, paid in zip(price, full, strict=True)]

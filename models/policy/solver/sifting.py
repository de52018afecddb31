"""The prices of any number of limits: the dual of the allocation's linear relaxation, solved on all rows.

The dual, ``most . price + sum over users of their best score``, is convex and piecewise linear. Around a guess of the
prices a box is drawn, as wide as lets only some thousand (user, offer) pairs change anybody's choice inside it; every
other user is settled there, whatever the prices in the box. The few exchanges that are left make a small linear
programme whose duals are the best prices *within the box*. Inside it they are the best everywhere, since the dual is
convex; on its edge the box moves there. First guesses come from samples of the users, each larger than the one before
(sifting: Bixby et al., "Very large-scale linear programming", Operations Research 40, 1992).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from models.policy.linear import minimum
from models.policy.price import Bools, Floats
from models.policy.solver.exchanges import Near, exchange_matrix, nearest, one_each
from models.policy.solver.rows import Look, Rows, dual, look
from models.policy.solver.terms import Terms

PAIRS = 12_000  # exchanges in one linear programme: tenths of a second
FIRST, GROWTH = 2_000, 8  # users in the smallest sample, and how much larger each next one is
SPREAD = 10.0  # a sample of n users is taken to be wrong by less than this over sqrt(n)
STEPS, SAMPLE_STEPS = 80, 12
FARTHEST = 100.0  # multiples of a typical price where the first box ends


@dataclass(frozen=True)
class Found:
    """Prices (m,) and whether they are proven the best; the last box (``start`` +- ``width``), the choices at its
    middle, its exchanges and their shares (p,) in the linear optimum."""

    price: Floats
    proven: bool
    start: Floats
    look: Look
    near: Near
    share: Floats
    width: Floats


def step(
    rows: Rows, terms: Terms, price: Floats, found: Look, near: Near, width: Floats
) -> tuple[Floats, Floats, Bools]:
    """The best prices in the box ``price +- width``, the shares (p,) of the exchanges, and which edges were hit."""
    from scipy import sparse

    low = np.maximum(price - width, 0.0)
    high = price + width
    matrix = exchange_matrix(rows, terms, near)
    room = terms.most - rows.used(terms, found.offer)
    gain = -near.loss + matrix.T @ (price - low)
    if found.own is not None:  # the programme has the users' caps as rows: their prices are its to find
        gain += ((near.offer > 0).astype(np.float64) - (near.instead > 0)) * found.own[near.row]
    # In units of the box: duals between 0 and 2, gains of order one, whatever the size of the box.
    unit = np.maximum(width, 1e-100)
    scale = float(np.abs(gain).max(initial=0.0)) or 1.0
    m, p = matrix.shape
    tops = (high - low) / unit
    if not p:  # nobody's choice depends on the prices: they go to the edge, or to zero
        moved = np.where(room < 0, tops, 0.0)
        return low + moved * unit, np.zeros(0), (room < 0) | ((room > 0) & (low > 0))
    one, at_most = one_each(rows, near, found.offer)
    scaled = sparse.diags(unit / scale) @ matrix
    blocks = [[scaled, -sparse.identity(m)], [one, None]] if one.shape[0] else [[scaled, -sparse.identity(m)]]
    answer = minimum(
        np.concatenate([-gain / scale, tops]),
        sparse.bmat(blocks, format="csr"),
        np.concatenate([room * unit / scale, at_most]),
        np.column_stack([np.zeros(p + m), np.append(np.ones(p), np.full(m, np.inf))]),
    )
    if answer.x is None:
        raise ArithmeticError(f"the linear programme of the prices failed: {answer.message}")
    moved = -answer.ineqlin.marginals[:m]
    # On the edge of the box a price is not the best one only if its limit is still exceeded, or not used up.
    size = abs(scaled).max(axis=1).toarray().ravel() * 1e-7 + 1e-15
    over, unused = answer.x[p:] > size, answer.ineqlin.residual[:m] > size
    hit = ((moved >= tops - 1e-7) & over) | ((moved <= 1e-7) & (low > 0) & unused)
    return low + np.clip(moved, 0.0, tops) * unit, answer.x[:p], hit


def farther(rows: Rows, terms: Terms, price: Floats, after: Floats, highest: Floats) -> Floats:
    """Prices farther on the way from ``price`` to ``after``, each time as far again, while the dual falls."""
    best, lowest = after, dual(rows, terms, after)
    for power in range(1, 40):
        trial = np.clip(price + 2.0**power * (after - price), 0.0, highest)
        value = dual(rows, terms, trial)
        if not value < lowest:
            break
        best, lowest = trial, value
    return best


def descend(
    rows: Rows,
    terms: Terms,
    price: Floats,
    width: Floats,
    pairs: int = PAIRS,
    steps: int = STEPS,
    highest: Floats | float = math.inf,
) -> Found:
    """From a guess of the prices to the best ones, box by box; every step is a descent of the dual.

    No price goes above ``highest``; one that wants to is not proven. Limits that contradict each other have no best
    prices.
    """
    ceiling = np.broadcast_to(np.asarray(highest, dtype=np.float64), price.shape)
    for _ in range(steps):
        found = look(rows, terms, price)
        near, reach = nearest(rows, terms, found, price, width, pairs)
        box = reach * width
        after, share, hit = step(rows, terms, price, found, near, box)
        start, price = price, np.minimum(after, ceiling)
        wanted = hit & (price < ceiling)
        if not wanted.any():
            return Found(price, not hit.any(), start, found, near, share, box)
        price = farther(rows, terms, start, price, ceiling)
        # No price loses its width faster than the others: a box thin in one price is blind to that limit.
        width = np.maximum(np.where(hit, 4 * box, box), width / 2)
    return Found(price, False, start, found, near, share, box)


def typical(rows: Rows, terms: Terms) -> Floats:
    """What a limit's price (m,) is in order of size: an offer's worth over what an offer uses of the limit."""
    goal = rows.value if rows.goal is None else rows.goal
    worth, cost, value = (_mean_size(table) for table in (goal, rows.cost, rows.value))
    uses = np.ones(len(terms.names) + 1)
    for places in (np.array([terms.budget]), terms.spend_most, terms.spend_least):
        uses[places] = cost
    uses[terms.returns] = value + abs(terms.roi_floor) * cost
    return worth / uses[:-1]


def best_prices(rows: Rows, terms: Terms, highest: float = math.inf) -> Found:
    """The dual's optimum over all rows, from ever larger samples of users.

    ``highest`` in multiples of typical prices is as for :func:`descend`; with it, some steps are tried only.
    """
    unit = typical(rows, terms)
    price, width = np.zeros(len(terms.names)), FARTHEST * unit
    rng = np.random.default_rng(0)
    drawn = rng.random(len(rows)) if rows.user is None else rng.random(int(rows.user.max()) + 1)[rows.user]
    size = FIRST
    while size < len(rows) / 2:
        sample = rows.take(np.flatnonzero(drawn < size / len(rows)))
        part = replace(terms, most=terms.most * (len(sample) / len(rows)))
        # A sample may have nobody of a rare segment, and then no best prices.
        price = descend(sample, part, price, width, PAIRS, SAMPLE_STEPS, FARTHEST * unit).price
        width, size = unit * (SPREAD / math.sqrt(size)), size * GROWTH
    steps = STEPS if math.isinf(highest) else SAMPLE_STEPS
    return descend(rows, terms, price, width, PAIRS, steps, highest * unit)


def _mean_size(table: Floats) -> float:
    """The mean size of the numbers that are not zero, as a power of two: no rounding when it scales something."""
    sizes = np.abs(table[:, 1:])
    count = int(np.count_nonzero(sizes))
    return 2.0 ** round(math.log2(float(sizes.sum()) / count)) if count else 1.0

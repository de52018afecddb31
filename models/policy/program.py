"""Who gets which coupon under all limits at once: budget, stock, per-user cap, segments and return.

Maximise the sum of ``value`` over choices of one offer per row, offer 0 (``none``) always allowed, within
:class:`models.policy.limits.Limits`. The linear relaxation's prices are found exactly
(``models.policy.solver.sifting``); with them comes a bound on every allocation, a rule that decides user by user and
keeps every limit on this round, and the best whole-coupon allocation found (``models.policy.solver.rounds``). A budget
alone takes the way of ``models.policy.knapsack``, which is faster for fewer users.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError
from models.policy.limits import Infeasible as Infeasible
from models.policy.limits import Limits
from models.policy.price import Floats, Ints, mask, matrix, offers
from models.policy.prices import draw, group_of
from models.policy.solver.rounds import SMALL_CELLS, TIE, Round
from models.policy.solver.rows import Rows
from models.policy.solver.solution import Solution as Solution
from models.policy.solver.solution import Use as Use
from models.policy.solver.terms import Terms


def solve(
    value: ArrayLike,
    cost: ArrayLike,
    limits: Limits,
    arms: Sequence[str],
    segment: Sequence[str] | NDArray[Any] | None = None,
    user: Sequence[str] | NDArray[Any] | None = None,
    eligible: ArrayLike | None = None,
    lots: ArrayLike | None = None,
) -> Solution:
    """Allocate offers to n rows (a user, or a user at one occasion) under all limits at once.

    Args:
        value: (n, K) expected profit in cents of each offer, after the coupon's cost; column 0 zero.
        cost: (n, K) expected cost in cents; column 0 zero. Both may be negative.
        limits: what the allocation may not exceed and must reach.
        arms: K names of the offers, the first of them none.
        segment: (n,) names; those that ``limits`` does not name are in no limited segment.
        user: (n,) ids, needed with ``limits.per_user``; without it every row is its own user.
        eligible: (n, K) booleans, by default all; ``none`` is always allowed.
        lots: (n,) numbers in [0, 1) that order users who are equal (``assign.lots``). Without them the place in the
            table does, which the service cannot know.

    Raises:
        InputError: for numbers that are not finite, shapes that do not fit, or names that are not there.
        Infeasible: when no allocation meets all limits; names limits that cannot be met together.
    """
    allowed = None if eligible is None else mask("eligible", eligible, matrix("value", value).shape)
    values, costs = (np.asfortranarray(table) for table in offers(value, cost, allowed))
    users, names = len(values), tuple(arms)
    if len(names) != values.shape[1] or len(set(names)) != len(names):
        raise InputError("arms", names, f"{values.shape[1]} distinct names, one per column of value")
    terms = Terms.of(limits, names)
    group = _groups(terms, limits, segment, users)
    drawn = _lots(lots, users)
    capped = None if limits.per_user is None else _users(user, users)
    if allowed is not None:
        allowed = np.asfortranarray(allowed)
        allowed[:, 0] = True
    rows = Rows(values, costs, allowed, group, capped, limits.per_user or 0)
    split, tie = _split(rows, drawn)
    solved = Round(rows, split, terms, tie, drawn)
    if not terms.names:
        return solved.unlimited()
    if limits.budget_only and values.size <= SMALL_CELLS:
        return solved.under_budget(float(limits.budget_cents or 0.0))
    return solved.under_all()


def _split(rows: Rows, lots: Floats) -> tuple[Rows, float]:
    """The rows with a draw per user and offer added to the values, and the size of the draws in cents."""
    sizes = np.abs(rows.value[:, 1:])
    count = np.count_nonzero(sizes)
    tie = TIE * 2.0 ** round(math.log2(float(sizes.sum()) / count)) if count else 0.0
    values = rows.value.copy(order="F")
    for offer in range(1, values.shape[1]):
        values[:, offer] += tie * draw(lots, offer)
    return replace(rows, value=values), tie


def _groups(terms: Terms, limits: Limits, segment: Any, users: int) -> Ints:
    if limits.segments and segment is None:
        raise InputError("segment", None, "a segment name per user, since segments have limits")
    return group_of(terms.segments, segment, users)


def _users(user: Any, users: int) -> Ints:
    if user is None:
        return np.arange(users)
    ids = np.asarray(user)
    if ids.shape != (users,):
        raise InputError("user", ids.shape, f"{users} ids, one per row of value")
    return np.unique(ids, return_inverse=True)[1]


def _lots(lots: ArrayLike | None, users: int) -> Floats:
    if lots is None:
        place = np.arange(users) * ((math.sqrt(5) - 1) / 2)
        return place - np.floor(place)
    try:
        drawn = np.asarray(lots, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("lots", lots, f"{users} numbers in [0, 1), one per user") from error
    if drawn.shape != (users,) or not ((drawn >= 0) & (drawn < 1)).all():
        raise InputError("lots", drawn.shape, f"{users} numbers in [0, 1), one per user")
    return drawn

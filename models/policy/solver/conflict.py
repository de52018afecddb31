"""Shows that limits contradict each other: which floor cannot be reached, how far one gets, and what stands in the way.

Giving nobody anything meets every cap, so only floors can be impossible. One floor after the other, the most that the
caps and the floors before it leave is the value of the same linear programme with another goal; its dual is a proof,
and the limits with a price in it are the ones that stand in the way (Farkas' lemma).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.policy.limits import Infeasible
from models.policy.price import Floats, Ints
from models.policy.prices import draw
from models.policy.solver.exchanges import Near
from models.policy.solver.rounding import whole
from models.policy.solver.rows import Rows, dual
from models.policy.solver.sifting import best_prices
from models.policy.solver.terms import Terms

PER_USER = "per_user"
SPLIT = 2.0**-26  # a draw per user and offer that keeps those who count the same from being all alike


def show_conflict(rows: Rows, terms: Terms, lots: Floats) -> None:
    """Raises :class:`Infeasible` if even fractions of coupons cannot meet all limits; returns otherwise."""
    kept = np.flatnonzero(terms.most >= 0)
    for floor in terms.floors:
        goal, need = _goal(rows, terms, int(floor)), -float(terms.most[floor])
        spread, tie = goal.copy(), SPLIT * (np.abs(goal).max(initial=0.0) or 1.0)
        for offer in range(1, goal.shape[1]):
            spread[:, offer] -= tie * draw(lots, offer)
        spread = np.asfortranarray(spread)
        most, needed = _most(rows, goal, spread, terms.keep(kept), need)
        if _short(most, need):
            _blame(rows, goal, spread, terms, int(floor), kept[needed])
        kept = np.sort(np.append(kept, floor))


def _blame(rows: Rows, goal: Floats, spread: Floats, terms: Terms, floor: int, blamed: Ints) -> None:
    """Raises :class:`Infeasible` with a least set of limits: each of them is let go once, to see if it is needed."""
    need = -float(terms.most[floor])
    for row in blamed:
        if row in blamed:
            fewer = blamed[blamed != row]
            most, needed = _most(rows, goal, spread, terms.keep(fewer), need)
            blamed = fewer[needed] if _short(most, need) else blamed
    names = [terms.names[row] for row in blamed]
    if rows.user is not None:
        alone = replace(rows, user=None)
        if _short(_most(alone, goal, spread, terms.keep(blamed), need)[0], need):
            rows = alone
        else:
            names.append(PER_USER)
    raise _infeasible(terms.names[floor], need, _most(rows, goal, spread, terms.keep(blamed), need)[0], names)


def _most(rows: Rows, goal: Floats, spread: Floats, within: Terms, need: float) -> tuple[float, Ints]:
    """The most of ``goal`` (n, K) within some limits, and the places of those that show it to be less than ``need``.

    ``spread`` is the goal with small draws, which keep those who count the same from being all alike.
    """
    if not within.names:
        return dual(replace(rows, goal=goal), within, np.zeros(0)), np.zeros(0, dtype=np.intp)
    price = best_prices(replace(rows, goal=spread), within).price
    exact = replace(rows, goal=goal)
    if _short(dual(exact, within, price), need):
        for row in np.argsort(price):  # what is not needed for the proof is not to blame
            less = price.copy()
            less[row] = 0.0
            if price[row] and _short(dual(exact, within, less), need):
                price = less
    return dual(exact, within, price), np.flatnonzero(price)


def _short(most: float, need: float) -> bool:
    """Whether the most that can be had is less than what is asked for, by more than rounding."""
    return most < need - 1e-9 * max(abs(need), 1.0)


def show_whole_conflict(rows: Rows, terms: Terms, everything: Near) -> Infeasible:
    """The error for limits that fractions of coupons meet and whole ones do not: a least set of them."""
    needed = np.arange(len(terms.names))
    nothing = np.zeros(len(rows), dtype=np.intp)
    for row in range(len(terms.names)):
        fewer = terms.keep(needed[needed != row])
        if whole(rows, fewer, nothing, everything, fewer.most, 1.0, 0.0) is None:
            needed = needed[needed != row]
    names = [terms.names[row] for row in needed]
    if rows.user is not None:
        alone, fewer = replace(rows, user=None), terms.keep(needed)
        if whole(alone, fewer, nothing, everything, fewer.most, 1.0, 0.0) is not None:
            names.append(PER_USER)
    floor = next((row for row in needed if terms.most[row] < 0), needed[0])
    others = [name for name in names if name != terms.names[floor]]
    return Infeasible(
        terms.names[floor],
        abs(float(terms.most[floor])),
        f"an amount that whole coupons reach together with {_listed(others)}",
        tuple(names),
    )


def _goal(rows: Rows, terms: Terms, floor: int) -> Floats:
    """What each choice adds to what the floor asks for (n, K)."""
    if floor == terms.returns:
        return rows.value - terms.roi_floor * rows.cost
    counted = floor in terms.users_least
    groups = terms.users_least if counted else terms.spend_least
    inside = rows.group == int(np.flatnonzero(groups == floor)[0])
    goal = np.ones_like(rows.cost) if counted else rows.cost.copy()
    goal[:, 0] = 0.0
    goal[~inside] = 0.0
    return goal


def _infeasible(floor: str, need: float, most: float, caps: list[str]) -> Infeasible:
    shown = np.floor(most + 1e-9) if floor.endswith("users") else round(most, 2)
    why = f"under {_listed(caps)}" if caps else "with all that its eligible users could get"
    return Infeasible(floor, need, f"at most {shown:.12g} {why}", (floor, *caps))


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "the offers there are"

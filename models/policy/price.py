"""Tables of values and costs, checked, and the passes over them that every allocation is made of.

A cent of budget has a price in cents of profit, and a user gets the offer that is best after paying it; the rule with
prices for other limits too is ``models.policy.prices``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

LARGEST = 1e12  # cents: more than any shop's turnover, and far from where float64 loses cents
SMALLEST = 1e-100
BLOCK = 16_384  # rows


def matrix(field: str, array: ArrayLike) -> Floats:
    """The array as a float64 matrix (n users, K offers) of sizes up to ``LARGEST``; :class:`InputError` otherwise.

    Sizes below ``SMALLEST`` become zero: their ratios would leave the range of float64.
    """
    try:
        checked = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(field, array, "numbers of shape (users, offers)") from error
    if checked.ndim != 2 or checked.shape[1] == 0:
        raise InputError(field, checked.shape, "shape (users, offers) with at least the offer none")
    size = np.abs(checked)
    fits = size <= LARGEST  # false for NaN too
    if not fits.all():
        row, column = np.argwhere(~fits)[0]
        wanted = f"a finite number of at most {LARGEST:g} in size"
        raise InputError(f"{field}[{row}, {column}]", float(checked[row, column]), wanted)
    vanishing = (size < SMALLEST) & (size > 0)
    return np.where(vanishing, 0.0, checked) if vanishing.any() else checked


def mask(field: str, array: ArrayLike | None, shape: tuple[int, ...]) -> Bools | None:
    """A mask checked to be boolean and of the given shape (None stays None)."""
    if array is None:
        return None
    checked = np.asarray(array)
    if checked.dtype != np.bool_ or checked.shape != shape:
        raise InputError(field, (str(checked.dtype), checked.shape), f"booleans of shape {shape}")
    return checked


def offers(
    value: ArrayLike, cost: ArrayLike, eligible: ArrayLike | None = None, spare: bool = False
) -> tuple[Floats, Floats]:
    """Value and cost (n, K) of what each user may get, checked; column 0 is ``none`` and must be worth and cost 0.

    An offer that a user may not get is turned into a second ``none``: equal in value and cost, later in order, and
    so never chosen (see :func:`best_offer`). With ``spare`` the caller's arrays may be overwritten.
    """
    values, costs = matrix("value", value), matrix("cost", cost)
    if values.shape != costs.shape:
        raise InputError("cost", costs.shape, f"the shape of value, {values.shape}")
    if values[:, 0].any() or costs[:, 0].any():
        raise InputError("value[:, 0]", "not all zero", "zero value and zero cost for offer 0, which is none")
    allowed = mask("eligible", eligible, values.shape)
    if allowed is None or allowed.all():
        return values, costs
    if not spare:
        values, costs = values.copy(), costs.copy()
    values[~allowed] = 0.0
    costs[~allowed] = 0.0
    return values, costs


def best_offer(value: Floats, cost: Floats, price: Floats | float) -> Ints:
    """The offer with the highest ``value - price * cost`` per user (n,); ties go to the cheaper, then the earlier.

    Offer by offer, because numpy's reductions along a short axis are many times slower than passes over columns.
    """
    best = np.zeros(len(value), dtype=np.intp)
    prices = np.broadcast_to(np.asarray(price, dtype=np.float64), len(value))
    for block in blocks(len(value)):
        its_best, its_price = best[block], prices[block]
        best_score = value[block, 0] - its_price * cost[block, 0]
        best_cost = cost[block, 0].copy()
        for offer in range(1, value.shape[1]):
            offer_cost = cost[block, offer]
            score = value[block, offer] - its_price * offer_cost
            better = (score > best_score) | ((score == best_score) & (offer_cost < best_cost))
            np.copyto(its_best, offer, where=better)
            np.copyto(best_score, score, where=better)
            np.copyto(best_cost, offer_cost, where=better)
    return best


def blocks(rows: int) -> Iterator[slice]:
    """Rows in pieces that stay in the processor's cache while every offer goes over them."""
    return (slice(start, start + BLOCK) for start in range(0, rows, BLOCK))


def pick(array: Floats, offer: Ints) -> Floats:
    """``array[i, offer[i]]`` for every user i."""
    return np.take_along_axis(array, offer[:, None], axis=1)[:, 0]


def total(column: Floats) -> float:
    """The correctly rounded sum, whatever the order: a budget is not exceeded by an accident of summation.

    Numbers are cut at a power of two so far above them that their upper parts add up without rounding; what is cut
    off is cut again until nothing is left (Rump, Ogita & Oishi, "Accurate floating-point summation", SIAM J. Sci.
    Comput. 31, 2008). A few exact sums are left for ``fsum``, which alone takes six times as long.
    """
    sums = list[float]()
    for block in blocks(len(column)):
        rest = column[block]
        while (top := float(max(rest.max(), -rest.min()))) > 0:
            cut = 2.0 ** (math.frexp(top)[1] + 1 + len(rest).bit_length())
            upper = (rest + cut) - cut
            sums.append(float(upper.sum()))
            rest = rest - upper
    return math.fsum(sums)

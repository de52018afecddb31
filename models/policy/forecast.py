"""Who may still come: known people, people who come evenly, or a day like an earlier one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.errors import InputError
from models.policy.price import Floats, Ints, offers

PRIOR_ARRIVALS = 50.0  # arrivals that the forecast's volume is worth until the day has shown its own
ROWS_A_GROUP = 200  # people alike in value, whose number the forecast is believed for


@dataclass(frozen=True)
class Seen:
    """What a pacer has seen: ``elapsed`` share of the horizon, ``arrivals`` so far, and ``absent`` (n,), 1 for the
    forecast's rows that have not come and 0 for those that have."""

    elapsed: float
    arrivals: int
    absent: Floats


@dataclass(frozen=True)
class Forecast:
    """Rows that may arrive, ``value`` and ``cost`` (n, K) in cents, and ``still``: the expected arrivals of each row
    (n,) from now on, given what was seen. ``certain`` says that every row comes, and once."""

    value: Floats
    cost: Floats
    still: Callable[[Seen], Floats]
    certain: bool = False

    @classmethod
    def population(cls, value: ArrayLike, cost: ArrayLike, chance: ArrayLike | None = None) -> Forecast:
        """Known users, each of whom comes at most once, at any time and in any order.

        ``chance`` (n,) in [0, 1] that a user comes at all; without it everybody comes. Chances are believed as sums
        over groups of users of like value: of a group that should send 90 and has sent 60, 30 are still expected.
        """
        values, costs = offers(value, cost)
        if chance is None:
            return cls(values, costs, lambda seen: seen.absent, certain=True)
        comes = _chances(chance, len(values))
        groups = max(1, len(values) // ROWS_A_GROUP)
        place = np.empty(len(values), dtype=np.intp)
        place[np.argsort(values.max(axis=1), kind="stable")] = np.arange(len(values))
        group = place * groups // max(len(values), 1)
        planned = np.bincount(group, comes, groups)

        def still(seen: Seen) -> Floats:
            come = np.bincount(group, 1 - seen.absent, groups)
            absent = np.bincount(group, seen.absent * comes, groups)
            share = np.maximum(planned - come, 0) / np.maximum(absent, 1e-12)
            return np.minimum(share[group] * comes, 1.0) * seen.absent

        return cls(values, costs, still)

    @classmethod
    def steady(cls, value: ArrayLike, cost: ArrayLike, chance: ArrayLike) -> Forecast:
        """Known users, each of whom comes at most once, evenly over the horizon; more or fewer than ``chance`` says
        is learnt on the way."""
        values, costs = offers(value, cost)
        comes = _chances(chance, len(values))

        def still(seen: Seen) -> Floats:
            later = comes * (1 - seen.elapsed) / np.maximum(1 - comes * seen.elapsed, 1e-12)
            return np.minimum(later * _volume(seen, float(comes.sum()) * seen.elapsed), 1.0) * seen.absent

        return cls(values, costs, still)

    @classmethod
    def earlier_day(cls, value: ArrayLike, cost: ArrayLike, at: ArrayLike) -> Forecast:
        """The arrivals of a day like this one; ``at`` (n,) when they came, as a share of the horizon in [0, 1].

        More or fewer arrivals than on that day are learnt on the way.
        """
        values, costs = offers(value, cost)
        times = column("at", at, len(values))
        if ((times < 0) | (times > 1)).any():
            raise InputError("at", float(times[(times < 0) | (times > 1)][0]), "shares of the horizon in [0, 1]")

        def still(seen: Seen) -> Floats:
            later = (times >= seen.elapsed).astype(np.float64)
            return later * _volume(seen, len(times) - float(later.sum()))

        return cls(values, costs, still)


def _volume(seen: Seen, expected: float) -> float:
    """How many times more arrivals than expected there are."""
    return (seen.arrivals + PRIOR_ARRIVALS) / (expected + PRIOR_ARRIVALS)


def _chances(chance: ArrayLike, rows: int) -> Floats:
    comes = column("chance", chance, rows)
    if ((comes < 0) | (comes > 1)).any():
        raise InputError("chance", float(comes[(comes < 0) | (comes > 1)][0]), "chances in [0, 1]")
    return comes


def column(field: str, array: ArrayLike, rows: int) -> Floats:
    """The array as ``rows`` finite numbers; :class:`InputError` otherwise."""
    try:
        numbers = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(field, array, f"{rows} finite numbers, one per row") from error
    if numbers.shape != (rows,) or not np.isfinite(numbers).all():
        raise InputError(field, numbers.shape, f"{rows} finite numbers, one per row")
    return numbers


def places(array: ArrayLike, rows: int, count: int | None = None) -> Ints:
    """The array as positions of forecast rows, ``count`` of them if given; :class:`InputError` otherwise."""
    found = np.asarray(array)
    if found.size and found.dtype.kind not in "iu":
        raise InputError("rows", str(found.dtype), "whole numbers, the positions of forecast rows")
    found = found.astype(np.intp).ravel()
    if count is not None and len(found) != count:
        raise InputError("rows", len(found), f"{count} positions, one per arrival")
    outside = (found < 0) | (found >= rows)
    if outside.any():
        raise InputError("rows", int(found[outside][0]), f"positions of forecast rows, from 0 to {rows - 1}")
    return found

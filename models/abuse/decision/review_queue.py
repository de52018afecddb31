"""A queue of cases and a few people: which cases are looked at on which day.

A case (a ring or a lone account) opens at a moment and waits. Each day the reviewers take the open cases with the
largest expected loss, as many as they can; the others stay in the queue. Days count from the start of the window.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.abuse.decision.actions import Floats

WAITING = -1


def reviewed_on(day: NDArray[np.int64], loss: Floats, per_day: int, days: int) -> NDArray[np.int64]:
    """The day (n,) on which each case is reviewed, WAITING for those that are not within ``days``.

    Args:
        day: the day (n,) on which each case opened, 0 to days − 1.
        loss: expected loss (n,) in cents; equal losses are taken in the order of the cases.
        per_day: cases that the reviewers can look at on one day.

    >>> reviewed_on(np.array([0, 0, 0, 1]), np.array([1.0, 3.0, 2.0, 9.0]), 1, 3).tolist()
    [-1, 0, 2, 1]
    """
    if per_day < 0:
        raise InputError("per_day", per_day, "cases a day, at least 0")
    done = np.full(len(day), WAITING, np.int64)
    order = np.argsort(day, kind="stable")
    waiting: list[tuple[float, int]] = []
    entering = 0
    for today in range(days):
        while entering < len(order) and day[order[entering]] <= today:
            case = int(order[entering])
            heapq.heappush(waiting, (-float(loss[case]), case))
            entering += 1
        for _ in range(min(per_day, len(waiting))):
            done[heapq.heappop(waiting)[1]] = today
    return done

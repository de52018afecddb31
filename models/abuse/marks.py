"""Sums of timed marks strictly before a moment: the one counting rule behind every linkage feature.

A *mark* is something that became known about a key (a device, an IP, an address, a user, a template) at a moment, with
additive weights: an account arrived, a claim was made, an order was paid. A *spine row* asks at a moment. The answer is
the sum of the weights of the key's marks in ``[moment - window, moment)``, without the asking user's own marks. A mark
at the very moment is not counted, and marks that are added later can never change an answer: leaks have no way in.

Weights are added as whole millionths: integer sums do not depend on the order in which an engine adds, so the same rows
always give the same bits. Times are int64 microseconds since 1970 (UTC). Rows and marks without a key take no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis
from ibis.expr.types import Table

from features.definition import MILLION, millionths

HOUR = 3_600_000_000
DAY = 24 * HOUR
WINDOWS: Mapping[str, int | None] = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "ever": None}


def sums_before(spine: Table, marks: Table, weights: Sequence[str], windows: Mapping[str, int | None]) -> Table:
    """Spine (row, key, us) and marks (key, us, *weights*) -> one line per spine row with ``weight_window`` columns.

    Spine rows whose key is null are left out (a left join fills them). ``row`` names a spine row: no two have the same.
    Cost: one sort of the marks and of as many moments per spine row as there are windows, however large a key is.
    """
    return _whole(_millionths_before(spine, marks, weights, windows))


def _millionths_before(spine: Table, marks: Table, weights: Sequence[str], windows: Mapping[str, int | None]) -> Table:
    # What lies in [t - length, t) is what had been told before t, less what had been told before t - length. Running
    # totals answer that for any key in one pass; frames over ranges of time search each partition again for every row.
    asked = spine.filter(spine.key.notnull())
    nothing = {w: ibis.literal(0, type="int64") for w in weights}
    lengths = sorted({0, *(length for length in windows.values() if length is not None)})
    moments = [
        asked.select(
            "row", "key", us=asked.us - back, back=ibis.literal(back, type="int64"), told=ibis.literal(0), **nothing
        )
        for back in lengths
    ]
    told = marks.filter(marks.key.notnull())
    weighed = {w: millionths(told[w].cast("float64")) for w in weights}
    tells = told.select(
        row=ibis.null("int64"), key="key", us="us", back=ibis.null("int64"), told=ibis.literal(1), **weighed
    )
    both = ibis.union(*moments, tells.select(*moments[0].columns))
    # A moment comes before the marks of the same microsecond.
    so_far = ibis.cumulative_window(group_by="key", order_by=["us", "told"])
    totals = both.mutate(**{w: both[w].sum().over(so_far).cast("int64") for w in weights})
    totals = totals.filter(totals.row.notnull())
    sums = {}
    for name, length in windows.items():
        for weight in weights:
            until = totals[weight].max(where=totals.back == 0)
            sums[f"{weight}_{name}"] = (
                until if length is None else until - totals[weight].max(where=totals.back == length)
            )
    return totals.group_by("row").aggregate(**sums)


def _whole(counted: Table) -> Table:
    return counted.mutate(**{n: counted[n] / float(MILLION) for n in counted.columns if n != "row"})


def others_before(spine: Table, marks: Table, weights: Sequence[str], windows: Mapping[str, int | None]) -> Table:
    """As ``sums_before``, for spine and marks with a ``user_id``, leaving out the asking user's own marks.

    Most keys of a shop (a phone, a front door) belong to one user; only rows on shared keys are sorted and summed.
    """
    spine, marks = spine.filter(spine.key.notnull()), marks.filter(marks.key.notnull())
    shared = _shared(spine, marks)
    asks, tells = spine.semi_join(shared, "key"), marks.semi_join(shared, "key")
    everyone = _millionths_before(asks, tells, weights, windows)
    mine = _own(asks, tells, weights, windows)
    names = [name for name in everyone.columns if name != "row"]
    others = everyone.left_join(mine, "row")
    others = others.select("row", **{n: others[n] - others[f"own_{n}"].fill_null(0) for n in names})
    every = spine.select("row").left_join(others, "row")
    return _whole(every.select("row", **{n: every[n].fill_null(0) for n in names}))


def _shared(spine: Table, marks: Table) -> Table:
    """(key): keys on which a row may see a mark of somebody else."""
    people = ibis.union(spine.select("key", "user_id"), marks.select("key", "user_id"))
    of_key = people.group_by("key").aggregate(
        first=people.user_id.min(), last=people.user_id.max(), nameless=people.user_id.isnull().any()
    )
    return of_key.filter((of_key.first != of_key.last) | of_key.nameless).select("key")


def _own(asks: Table, tells: Table, weights: Sequence[str], windows: Mapping[str, int | None]) -> Table:
    """The sums of the asking users' own marks, in millionths: (row, ``own_weight_window``) where there are any."""
    told = tells.select(
        "key", "user_id", mark_us="us", **{f"w_{w}": millionths(tells[w].cast("float64")) for w in weights}
    )
    own = asks.select("row", "key", "us", "user_id").join(told, ["key", "user_id"]).filter(lambda t: t.mark_us < t.us)
    sums = {}
    for name, length in windows.items():
        inside = None if length is None else own.mark_us >= own.us - length
        for weight in weights:
            sums[f"own_{weight}_{name}"] = own[f"w_{weight}"].sum(where=inside)
    return own.group_by("row").aggregate(**sums)


def firsts(touches: Table, key: str, by: Sequence[str] = ("user_id",)) -> Table:
    """The first time each (key, *by*) pair was seen: (key, *by*, us)."""
    seen = touches.filter(touches[key].notnull()).rename({"key": key}) if key != "key" else touches
    return seen.group_by(["key", *by]).aggregate(us=seen.us.min())

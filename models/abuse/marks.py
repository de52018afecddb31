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

    Spine rows whose key is null are left out (a left join fills them). Cost: one sort of both tables.
    """
    return _whole(_millionths_before(spine, marks, weights, windows))


def _millionths_before(spine: Table, marks: Table, weights: Sequence[str], windows: Mapping[str, int | None]) -> Table:
    asks = spine.filter(spine.key.notnull()).select(
        "row", "key", "us", **{w: ibis.literal(0, type="int64") for w in weights}
    )
    tells = marks.filter(marks.key.notnull()).select(
        "key", "us", row=ibis.null("int64"), **{w: millionths(marks[w].cast("float64")) for w in weights}
    )
    both = ibis.union(asks, tells.select(*asks.columns))
    sums = {}
    for name, length in windows.items():
        frame = ibis.range_window(group_by="key", order_by="us", preceding=(length, 1))
        for weight in weights:
            sums[f"{weight}_{name}"] = both[weight].sum().over(frame).fill_null(0).cast("int64")
    counted = both.mutate(**sums)
    return counted.filter(counted.row.notnull()).select("row", *sums)


def _whole(counted: Table) -> Table:
    return counted.mutate(**{n: counted[n] / float(MILLION) for n in counted.columns if n != "row"})


def others_before(spine: Table, marks: Table, weights: Sequence[str], windows: Mapping[str, int | None]) -> Table:
    """As ``sums_before``, for spine and marks with a ``user_id``, leaving out the asking user's own marks."""
    everyone = _millionths_before(spine, marks, weights, windows)
    asks = spine.filter(spine.key.notnull()).select("row", "key", "us", "user_id")
    own = asks.join(
        marks.select("key", "user_id", mark_us="us", **{f"w_{w}": marks[w] for w in weights}), ["key", "user_id"]
    ).filter(lambda t: t.mark_us < t.us)
    sums = {}
    for name, length in windows.items():
        inside = True if length is None else own.mark_us >= own.us - length
        for weight in weights:
            value = millionths(own[f"w_{weight}"].cast("float64"))
            sums[f"own_{weight}_{name}"] = value.sum() if inside is True else value.sum(where=inside)
    mine = own.group_by("row").aggregate(**sums)
    joined = everyone.left_join(mine, "row")
    names = [f"{weight}_{name}" for name in windows for weight in weights]
    return _whole(joined.select("row", **{n: joined[n] - joined[f"own_{n}"].fill_null(0) for n in names}))


def firsts(touches: Table, key: str, by: Sequence[str] = ("user_id",)) -> Table:
    """The first time each (key, *by*) pair was seen: (key, *by*, us)."""
    seen = touches.filter(touches[key].notnull()).rename({"key": key}) if key != "key" else touches
    return seen.group_by(["key", *by]).aggregate(us=seen.us.min())

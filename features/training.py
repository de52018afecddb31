"""Features for training: what the daily snapshot said at the midnight before each moment.

Online, a request sees the last materialised snapshot. A model must train on the same thing, so a training row for a
moment holds the features of the midnight (UTC) at or before it: the same as writing all daily snapshots and joining
them as of each moment, at a fraction of the work.
"""

from __future__ import annotations

from typing import Any

from features.definition import Tables
from features.groups import GROUPS, compute
from features.shop import prepare
from features.users import DEFAULT_ZONE


def training_frame(
    con: Any, tables: Tables, spine: Any, groups: tuple[str, ...] = ("user", "identity"), timezone: str = DEFAULT_ZONE
) -> Any:
    """Return ``spine`` (``user_id``, ``as_of``, …) with the features of the named user groups; an Ibis table.

    ``tables`` come from ``load_tables`` or ``prepare``. Users who were not registered by that midnight have nulls.
    """
    tables = prepare(con, tables)
    moments = spine.select("user_id", "as_of").distinct().mutate(midnight=lambda t: t.as_of.truncate("D"))
    midnights = moments.select("user_id", as_of="midnight").distinct()
    result = spine
    for name in groups:
        values = compute(GROUPS[name], tables, midnights, timezone)
        values = moments.left_join(values, [moments.user_id == values.user_id, moments.midnight == values.as_of]).drop(
            "user_id_right", "as_of_right", "midnight"
        )
        result = result.left_join(values, ["user_id", "as_of"]).drop("user_id_right", "as_of_right")
    return result

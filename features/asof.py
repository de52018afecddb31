"""Point-in-time join: the newest snapshot that was already known at each moment. The leak guard of training.

Written as an inequality join and a maximum, because Spark has no as-of join. Snapshots must be unique by key and
``event_timestamp``; a snapshot taken at exactly ``as_of`` counts as known, since it only holds rows before it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import ibis


def asof_join(spine: Any, snapshots: Any, by: str, max_age: timedelta | None = None) -> Any:
    """Return every row of ``spine`` (``by``, ``as_of``, …) with the columns of its newest earlier snapshot.

    ``snapshot_at`` is that snapshot's ``event_timestamp``; it and all features are null where there is none, or none
    within ``max_age``.
    """
    at = spine.select(by, "as_of").distinct()
    times = snapshots.select(by, "event_timestamp")
    conditions = [at[by] == times[by], times.event_timestamp <= at.as_of]
    if max_age is not None:
        conditions.append(times.event_timestamp >= at.as_of - ibis.interval(seconds=int(max_age.total_seconds())))
    newest = at.join(times, conditions).group_by([by, "as_of"]).aggregate(snapshot_at=lambda t: t.event_timestamp.max())
    values = newest.join(snapshots.rename(snapshot_at="event_timestamp"), [by, "snapshot_at"])
    return spine.left_join(values, [by, "as_of"]).drop(f"{by}_right", "as_of_right")

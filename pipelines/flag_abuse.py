"""Flag the abusers of a shop: tables in, one row per user out, with score, action, ring and reasons.

Works on any folder that keeps the table contract, with or without verdicts; needs ``users`` and at least one of
``coupons``, ``orders``, ``events``. Rows at or after ``as_of`` are not looked at, so running again later with the same
``as_of`` gives the same file.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.engine import connect
from features.errors import InputError
from models.abuse.actions import Thresholds
from models.abuse.cases import CaseInput, cases_of
from models.abuse.detect import detect
from models.abuse.flags import flags_of
from models.abuse.folder import open_folder
from models.abuse.shop import shop_before
from serving.settings import Risk

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("score", pa.float64()),
        ("flagged_at", pa.timestamp("us")),
        ("action", pa.string()),
        ("ring_id", pa.string()),
        ("reasons", pa.string()),
    ]
)
Progress = Callable[[str], None]


@dataclass(frozen=True)
class FlagReport:
    """What a run found: users seen, rows scored, accounts by action, rings, verdicts used, seconds."""

    out: Path
    users: int
    rows: int
    held: int
    withheld: int
    rings: int
    verdicts: int
    seconds: float

    def summary(self) -> str:
        """One line for people."""
        return (
            f"{self.users} users, {self.rows} claims and orders scored, {self.withheld} withheld, {self.held} held for review, "
            f"{self.rings} rings, {self.verdicts} verdicts used, {self.seconds:.0f} s -> {self.out}"
        )


def flag_abuse(
    tables: Path,
    out: Path,
    as_of: datetime | None = None,
    progress: Progress | None = None,
    *,
    key: str | None = None,
    thresholds: Thresholds | None = None,
    memory: str = "4GB",
) -> FlagReport:
    """Score every user of ``tables`` and write the flags to ``out`` (Parquet).

    Args:
        as_of: naive UTC (or with a zone); only rows strictly before it count. None: all rows.
        key: keys the hashes of identifiers in reasons; the setting ``risk.key`` by default.

    Raises InputError when a needed table or column is missing, or a file cannot be read.
    """
    started = time.perf_counter()
    tell = progress or (lambda _: None)
    bounds = thresholds or Thresholds()
    if out.suffix != ".parquet":
        raise InputError("out", str(out), "a path that ends in .parquet")
    if as_of is not None and as_of.tzinfo is not None:
        as_of = as_of.astimezone(UTC).replace(tzinfo=None)
    con = connect(memory=memory)
    try:
        tell("reading tables")
        shop = shop_before(con, open_folder(con, Path(tables)), as_of)
        found = detect(shop, bounds, step=tell)
    finally:
        con.disconnect()
    tell("writing reasons")
    flags = flags_of(found, bounds, key or Risk().key)
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(flags, schema=SCHEMA, preserve_index=False), out)
    actions = flags["action"].value_counts()
    return FlagReport(
        out=out,
        users=len(flags),
        rows=len(found.rows),
        held=int(actions.get("hold", 0)),
        withheld=int(actions.get("withhold", 0)),
        rings=int(flags["ring_id"].nunique()),
        verdicts=found.verdicts_used,
        seconds=time.perf_counter() - started,
    )


def cases_from_flags(flags: pd.DataFrame, coupons: pd.DataFrame | None = None) -> list[CaseInput]:
    """Flags as review cases, one per ring and one per lone account; ``coupons`` gives the amount at risk."""
    return cases_of(flags, coupons)

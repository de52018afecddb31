"""Flag the abusers of a shop: tables in, one row per user out, with score, action, ring and reasons.

Works on any folder that keeps the table contract, with or without verdicts; needs ``users`` and at least one of
``coupons``, ``orders``, ``events``. Rows at or after ``as_of`` are not looked at, so running again later with the same
``as_of`` gives the same file.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from prefect import flow, get_run_logger, task

from features.engine import connect
from features.errors import InputError
from models.abuse.actions import Thresholds
from models.abuse.cases import CaseInput, cases_of
from models.abuse.detect import detect
from models.abuse.flags import flags_of
from models.abuse.folder import open_folder
from models.abuse.shop import shop_before
from models.abuse.steps import Progress, steps
from serving.review.case import Flag, Reason
from serving.settings import Risk, Settings, load_settings

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
            f"{self.users} users, {self.rows} claims and orders scored, {self.withheld} withheld, "
            f"{self.held} held for review, "
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
    memory: str = "3GB",
) -> FlagReport:
    """Score every user of ``tables`` and write the flags to ``out`` (Parquet).

    Args:
        progress: told each step and its share done (0 or 1).
        as_of: naive UTC (or with a zone); only rows strictly before it count. None: all rows.
        key: keys the hashes of identifiers in reasons; the setting ``risk.key`` by default.

    Raises InputError when a needed table or column is missing, or a file cannot be read.
    """
    started = time.perf_counter()
    bounds = thresholds or Thresholds()
    if out.suffix != ".parquet":
        raise InputError("out", str(out), "a path that ends in .parquet")
    if as_of is not None and as_of.tzinfo is not None:
        as_of = as_of.astimezone(UTC).replace(tzinfo=None)
    con = connect(memory=memory)
    try:
        with steps(progress) as step:
            step("reading tables")
            shop = shop_before(con, open_folder(con, Path(tables)), as_of)
            found = detect(shop, bounds, step=step)
            step("writing reasons")
            flags = flags_of(found, bounds, key or Risk().key)
            out.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pandas(flags, schema=SCHEMA, preserve_index=False), out)
    finally:
        con.disconnect()
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


def review_flags(flags: pd.DataFrame) -> list[Flag]:
    """The flagged users of a flags table as the review store takes them, strongest first."""
    found = flags[flags["flagged_at"].notna()].sort_values(["score", "user_id"], ascending=[False, True])
    return [
        Flag(
            user_id=row.user_id,
            score=float(row.score),
            action=row.action,
            reasons=tuple(Reason(r["code"], r["en"], r["zh"]) for r in json.loads(row.reasons)),
            ring_id=row.ring_id if isinstance(row.ring_id, str) else None,
        )
        for row in found.itertuples(index=False)
    ]


@task(retries=2, retry_delay_seconds=10)
def flag_task(settings: Settings, tables: str | None, out: str | None, as_of: datetime | None) -> FlagReport:
    """``flag_abuse`` for an installation, tried again on failure; a second run writes the same file."""
    where = Path(out) if out else settings.home / "flags.parquet"
    return flag_abuse(Path(tables) if tables else settings.tables, where, as_of, key=settings.risk.key)


@flow(name="flag_abuse")
def flag_abuse_flow(
    profile: str | None = None, tables: str | None = None, out: str | None = None, as_of: datetime | None = None
) -> FlagReport:
    """Flag the abusers of the ingested tables (or of a folder) and write the flags."""
    logger = get_run_logger()
    logger.info("tables=%s out=%s as_of=%s", tables or "ingested", out or "home", as_of or "all")
    report = flag_task(load_settings(profile), tables, out, as_of)
    logger.info("%s", report.summary())
    return report

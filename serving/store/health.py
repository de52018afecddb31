"""What ``fairdeal doctor`` asks of the ledger; reads only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from serving.store.engine import reader_engine
from serving.store.migrate import current, head
from serving.store.schema import coupons, events


@dataclass(frozen=True)
class LedgerHealth:
    """The server's version, the schema's revision and whether it is the newest, and how much is in it."""

    server: str
    revision: str | None
    current: bool
    coupons: int
    events: int


def ledger_health(url: str) -> LedgerHealth:
    """Ask the ledger at ``url``; the driver's error when it cannot be reached."""
    engine = reader_engine(url)
    try:
        with engine.connect() as connection:
            version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
            revision = current(engine)
            if revision is None:
                return LedgerHealth(f"{engine.dialect.name} {version}", None, False, 0, 0)
            counts = [connection.scalar(select(func.count()).select_from(table)) or 0 for table in (coupons, events)]
    finally:
        engine.dispose()
    return LedgerHealth(f"{engine.dialect.name} {version}", revision, revision == head(), *counts)

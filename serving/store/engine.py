"""Connections to the ledger: one writer a process on SQLite that also checkpoints, readers that cannot write; a pool
on PostgreSQL.

SQLite comes from ``pysqlite3``, because the library that Python links is often older than 3.51.3, which fixed a
corruption at WAL reset: several processes may write and checkpoint. ``synchronous=FULL``: NORMAL loses acknowledged
coupons when the power goes. Automatic checkpoints are off, so that the log is folded back only by a process whose turn
it is (``serving.store.turn``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool, StaticPool

from features.errors import InputError

OLDEST_SQLITE = (3, 51, 3)
POSTGRES_WRITERS = 8
BUSY_SECONDS = 10


def is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def writer_engine(url: str) -> Engine:
    """The engine of a process that writes; on SQLite its only connection."""
    if not is_sqlite(url):
        return _postgres(url, POSTGRES_WRITERS)
    engine = create_engine(_sqlite_url(url), module=dbapi2, poolclass=StaticPool, connect_args=_CONNECT)
    _on_connect(engine, read_only=False)
    return engine


def reader_engine(url: str) -> Engine:
    """An engine for pages, reports and lists; on SQLite its connections refuse to write."""
    if not is_sqlite(url):
        return _postgres(url, 4)
    engine = create_engine(
        _sqlite_url(url), module=dbapi2, poolclass=QueuePool, pool_size=4, max_overflow=0, connect_args=_CONNECT
    )
    _on_connect(engine, read_only=True)
    return engine


_CONNECT: dict[str, Any] = {"check_same_thread": False, "timeout": BUSY_SECONDS, "isolation_level": None}


def database_file(url: str) -> Path:
    """The file of an SQLite ledger."""
    database = make_url(url).database
    if not database or database == ":memory:":
        raise InputError("ledger_url", url, "an SQLite file, because a ledger outlives its process")
    return Path(database)


def require_ledger(url: str) -> None:
    """Raise unless there is a ledger to read; opening an SQLite file that is not there would make an empty one."""
    if is_sqlite(url) and not database_file(url).exists():
        raise InputError("ledger", str(database_file(url)), "an existing ledger; fairdeal serve makes one")


def _sqlite_url(url: str) -> str:
    if dbapi2.sqlite_version_info < OLDEST_SQLITE:
        raise InputError("SQLite", dbapi2.sqlite_version, "at least 3.51.3, which fixed a corruption at WAL reset")
    database_file(url).parent.mkdir(parents=True, exist_ok=True)
    return url


def _on_connect(engine: Engine, *, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        if not read_only:  # who only reads must not race with a writer that makes the file
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA wal_autocheckpoint=0")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A deferred transaction that reads and then writes fails at once with "locked" when another one wrote.
        connection.connection.cursor().execute("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _postgres(url: str, size: int) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise InputError("ledger_url", parsed.get_backend_name(), "an sqlite or postgresql address")
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"), pool_size=size, max_overflow=0, isolation_level="READ COMMITTED"
    )


# Settings under which an acknowledged write can be lost or a page torn.
_LOSES: dict[str, dict[str, tuple[str, ...]]] = {
    "sqlite": {
        "journal_mode": ("memory", "off", "delete", "truncate", "persist"),
        "synchronous": ("0", "1"),
        "foreign_keys": ("0",),
    },
    "postgresql": {"fsync": ("off",), "full_page_writes": ("off",), "synchronous_commit": ("off",)},
}


def durability(engine: Engine) -> dict[str, str]:
    """The settings on which durability rests, by name, as the store itself reports them."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            names = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint")
            found = {name: str(connection.exec_driver_sql(f"PRAGMA {name}").scalar()) for name in names}
            return {"version": dbapi2.sqlite_version, **found}
        knobs = ("fsync", "full_page_writes", "synchronous_commit")
        setting = text("SELECT current_setting(:name)")
        found = {name: str(connection.execute(setting, {"name": name}).scalar()) for name in knobs}
        version = connection.execute(setting, {"name": "server_version"}).scalar()
        return {"version": str(version), **found}


def require_durable(engine: Engine) -> None:
    """Raise ``InputError`` unless the store keeps what it has acknowledged when the power goes (RELIABILITY G0)."""
    found = durability(engine)
    for name, lost in _LOSES[engine.dialect.name].items():
        if found[name] in lost:
            raise InputError(
                f"ledger {name}", found[name], f"not {' or '.join(lost)}: acknowledged coupons could be lost"
            )

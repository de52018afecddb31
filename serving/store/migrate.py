"""Bring the schema of a ledger up to date, from code: Alembic with the versions of ``migrations/``."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from serving.store.engine import writer_engine
from serving.store.turn import Turn

_MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 4_201_100_713  # any number that no other program of the database uses


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def head() -> str:
    """The version that this code expects."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(engine: Engine) -> str | None:
    """The version that the store has; None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: Engine, revision: str = "head") -> None:
    """Run what is missing, or undo what is newer, in one transaction; processes that start together wait for each
    other (on SQLite for the turn, which the caller holds)."""
    if revision == "head" and current(engine) == head():
        return
    config = _config()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config.attributes["connection"] = connection
        have = MigrationContext.configure(connection).get_current_revision()
        back = revision == "base" or (revision != "head" and have is not None and revision < have)
        (command.downgrade if back else command.upgrade)(config, revision)


def upgrade(url: str) -> str:
    """Bring the ledger at ``url`` up to date and return its version; waits for its turn where others write."""
    turn = Turn(url)
    engine = writer_engine(url)
    try:
        with turn:
            migrate(engine)
            return current(engine) or ""
    finally:
        engine.dispose()
        turn.close()

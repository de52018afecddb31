"""What people and cases have decided about accounts, as the scoring service reads it at the moment of a decision."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import inspect

from serving.review.flags import standings_of
from serving.settings import Settings
from serving.store.engine import database_file, is_sqlite, reader_engine
from serving.store.schema import flags

AT_ONCE = 5_000


def standings(settings: Settings, user_ids: Sequence[str]) -> dict[str, str]:
    """The strictest action that holds for each user, users who were never flagged left out; none without a ledger."""
    url = settings.ledger_url
    if is_sqlite(url) and not database_file(url).exists():
        return {}
    engine = reader_engine(url)
    try:
        if not inspect(engine).has_table(flags.name):
            return {}
        found: dict[str, str] = {}
        with engine.begin() as connection:
            for start in range(0, len(user_ids), AT_ONCE):
                found |= standings_of(connection, list(user_ids[start : start + AT_ONCE]))
        return found
    finally:
        engine.dispose()

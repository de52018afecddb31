"""The tables of webhooks: what the migration makes is what the code declares, and what cannot be is refused."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, inspect
from sqlalchemy.exc import IntegrityError

from serving.store import schema
from serving.store.engine import writer_engine
from serving.store.migrate import migrate
from serving.store.schema_webhooks import webhook_deliveries, webhook_endpoints

OURS = {"webhook_endpoints", "webhook_deliveries"}


def test_the_tables_go_up_down_and_up_and_are_as_declared(ledger_url: str) -> None:
    engine = writer_engine(ledger_url)
    for revision in ("head", "base", "head"):
        migrate(engine, revision)
        present = OURS & set(inspect(engine).get_table_names())
        assert present == (OURS if revision == "head" else set())
    with engine.connect() as connection:
        different = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    assert [change for change in different if "webhook" in str(change)] == []
    engine.dispose()


async def test_a_hand_at_the_database_cannot_write_what_cannot_be(hooks: Any) -> None:
    endpoint = {
        "webhook_id": "whk_1",
        "url": "https://a.example/",
        "events": "[]",
        "description": "",
        "state": "active",
        "reason": None,
        "generation": 1,
        "rotated_at": None,
        "created_at": hooks.clock(),
        "n": 1,
    }
    delivery = {
        "webhook_id": "whk_1",
        "event_id": "evt_1",
        "seq": 1,
        "state": "pending",
        "attempts": 0,
        "created_at": hooks.clock(),
        "next_at": hooks.clock(),
    }
    bad: list[tuple[Any, dict[str, Any]]] = [
        (webhook_endpoints, {"state": "sleeping"}),
        (webhook_endpoints, {"state": "disabled"}),
        (webhook_endpoints, {"reason": "by_hand"}),
        (webhook_endpoints, {"generation": 0}),
        (webhook_deliveries, {"state": "lost"}),
        (webhook_deliveries, {"state": "delivered"}),
        (webhook_deliveries, {"attempts": -1}),
        (webhook_deliveries, {"lease": "lse_1"}),
        (webhook_deliveries, {"claimed_until": hooks.clock()}),
    ]
    for table, values in bad:
        row = {**(endpoint if table is webhook_endpoints else delivery), **values}
        with pytest.raises(IntegrityError, match=r"(?i)check"), hooks.store._writer.begin() as connection:
            connection.execute(insert(table), row)

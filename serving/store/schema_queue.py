"""What people keep of the queue for themselves: filters under a name."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint

from serving.store.schema import Moment, metadata

queue_views = Table(
    "queue_views",
    metadata,
    Column("view_id", String(40), primary_key=True),
    Column("owner", String(80), nullable=False),
    Column("name", String(40), nullable=False),
    Column("query", Text, nullable=False),
    Column("saved_at", Moment, nullable=False),
    Column("n", Integer, nullable=False),
    UniqueConstraint("owner", "name"),
)

"""The tables of webhooks: endpoints are state that events rebuild; deliveries are the relay's own book.

A delivery says how far one event has come on its way to one endpoint. Like ``outbox.published_at`` it is no state of
the shop and no event of the ledger: an event for each attempt would itself have to be delivered.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, String, Table, Text

from serving.store.schema import Moment, metadata

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("webhook_id", String(40), primary_key=True),
    Column("url", String(500), nullable=False),
    Column("events", Text, nullable=False),  # a JSON list of kinds, or of "*"
    Column("description", String(200), nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", String(24)),  # why it is disabled
    Column("generation", Integer, nullable=False),
    Column("rotated_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("n", Integer, nullable=False),
    CheckConstraint("state IN ('active', 'disabled')", name="state"),
    CheckConstraint("(state = 'disabled') = (reason IS NOT NULL)", name="reason"),
    CheckConstraint("generation >= 1", name="generation"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("webhook_id", String(40), primary_key=True),
    Column("event_id", String(40), primary_key=True),
    Column("seq", BigInteger, nullable=False),  # of the event: the order of sending and of lists
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("lease", String(40)),
    Column("claimed_until", Moment),
    Column("attempted_at", Moment),
    Column("delivered_at", Moment),
    Column("status", Integer),  # of the last answer
    Column("error", String(24)),
    CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
    CheckConstraint("(state = 'delivered') = (delivered_at IS NOT NULL)", name="delivered"),
    CheckConstraint("(lease IS NULL) = (claimed_until IS NULL)", name="lease"),
    CheckConstraint("attempts >= 0", name="attempts"),
    Index("ix_webhook_deliveries_state_next_at", "state", "next_at"),
    Index("ix_webhook_deliveries_webhook_id_state_seq", "webhook_id", "state", "seq"),
    Index("ix_webhook_deliveries_webhook_id_seq", "webhook_id", "seq"),
    Index("ix_webhook_deliveries_webhook_id_delivered_at", "webhook_id", "delivered_at"),
    Index("ix_webhook_deliveries_event_id", "event_id"),
    Index("ix_webhook_deliveries_lease", "lease"),
)

"""Block and allow lists, appeals, and who had a raw value shown.

A value on a list is a keyed hash (a user id stays as it is); the raw value never gets here. ``prefix`` is the length of
a network whose hash is listed, NULL for a single thing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, Table, Text, text

from serving.store.schema import Moment, metadata

list_entries = Table(
    "list_entries",
    metadata,
    Column("entry_id", String(40), primary_key=True),
    Column("list", String(8), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("value", String(120), nullable=False),
    Column("prefix", Integer),
    Column("owner", String(80), nullable=False),
    Column("reason", Text, nullable=False),
    Column("case_id", String(40)),
    # How many accounts, and how many settled ones, had been seen on the value when it was listed.
    Column("accounts", Integer, nullable=False),
    Column("settled", Integer, nullable=False),
    Column("created_by", String(80), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("removed_at", Moment),
    Column("removed_by", String(80)),
    Column("removed_reason", Text),
    Column("n", Integer, nullable=False),
    CheckConstraint("list IN ('block', 'allow')", name="list"),
    CheckConstraint("kind IN ('user', 'device', 'ip', 'address', 'phone')", name="kind"),
    CheckConstraint("prefix IS NULL OR kind = 'ip'", name="prefix"),
    CheckConstraint("(removed_at IS NULL) = (removed_by IS NULL)", name="removed"),
    Index("ix_list_entries_value", "value"),
    # asked at every claim: is there any entry that holds?
    Index("ix_list_entries_live", "expires_at", sqlite_where=text("removed_at IS NULL"),
          postgresql_where=text("removed_at IS NULL")),
    Index("ix_list_entries_networks", "expires_at", sqlite_where=text("removed_at IS NULL AND prefix IS NOT NULL"),
          postgresql_where=text("removed_at IS NULL AND prefix IS NOT NULL")),
    # one entry per value and list; one that ran out is prolonged
    Index("ix_list_entries_once", "list", "kind", "value", unique=True, sqlite_where=text("removed_at IS NULL"),
          postgresql_where=text("removed_at IS NULL")),
)  # fmt: skip

appeals = Table(
    "appeals",
    metadata,
    Column("appeal_id", String(40), primary_key=True),
    Column("user_id", String(120), nullable=False),
    Column("text", Text, nullable=False),
    Column("contact", String(120), nullable=False),
    Column("state", String(8), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("decided_by", String(80)),
    Column("decided_at", Moment),
    Column("reason_code", String(40)),
    Column("note", Text, nullable=False),
    Column("answer_en", Text),
    Column("answer_zh", Text),
    # JSON: what a granted appeal gave back (cases, actions, entries)
    Column("returned", Text, nullable=False),
    Column("n", Integer, nullable=False),
    CheckConstraint("state IN ('open', 'granted', 'refused')", name="state"),
    CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided"),
    Index("ix_appeals_state_created_at", "state", "created_at"),
    Index("ix_appeals_user_id", "user_id"),
    # one open appeal per user
    Index("ix_appeals_open_user", "user_id", unique=True, sqlite_where=text("state = 'open'"),
          postgresql_where=text("state = 'open'")),
)  # fmt: skip

# Times of reveals by person, so that the limit per hour costs one look; what was asked is in the events.
reveals = Table(
    "reveals",
    metadata,
    Column("reveal_id", String(40), primary_key=True),
    Column("actor", String(80), nullable=False),
    Column("revealed_at", Moment, nullable=False),
    Index("ix_reveals_actor_revealed_at", "actor", "revealed_at"),
)

"""What the shop says of its users, over what they are linked, and what was done to accounts."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Date, Index, Integer, String, Table, Text

from serving.store.schema import Moment, metadata

users = Table(
    "users",
    metadata,
    Column("user_id", String(120), primary_key=True),
    Column("registered_at", Moment),
    Column("member_tier", String(80)),
    Column("birthday", Date),
    Column("tags", Text, nullable=False),
    Column("orders", Integer, nullable=False),
    Column("phone_verified", Boolean, nullable=False),
    Column("identity_verified", Boolean, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("n", Integer, nullable=False),
    CheckConstraint("orders >= 0", name="orders"),
)

# Keyed hashes only; the raw phone, identity, device or address never gets here.
user_links = Table(
    "user_links",
    metadata,
    Column("kind", String(12), primary_key=True),
    Column("value", String(64), primary_key=True),
    Column("user_id", String(120), primary_key=True),
    Column("first_seen", Moment, nullable=False),
    CheckConstraint("kind IN ('phone', 'identity', 'device', 'address')", name="kind"),
    Index("ix_user_links_user_id", "user_id"),
)

account_actions = Table(
    "account_actions",
    metadata,
    Column("action_id", String(40), primary_key=True),
    Column("user_id", String(120), nullable=False),
    Column("action", String(20), nullable=False),
    Column("reason", String(80), nullable=False),
    Column("note", Text, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("taken_at", Moment, nullable=False),
    Column("coupon_ids", Text, nullable=False),
    Column("hold_id", String(40)),
    Column("undone_at", Moment),
    Column("undone_by", String(80)),
    Column("n", Integer, nullable=False),
    Index("ix_account_actions_user_id", "user_id"),
)

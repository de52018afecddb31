"""Rounds in which redemptions that nothing had flagged were drawn to be looked at blind."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Float, Integer, Table

from serving.store.schema import Moment, metadata

# One row per round; ``since`` is the end of the round before, so that two processes never draw one round twice.
audit_rounds = Table(
    "audit_rounds",
    metadata,
    Column("since", Moment, primary_key=True),
    Column("until", Moment, nullable=False),
    Column("share", Float, nullable=False),
    Column("flagged", Integer, nullable=False),
    Column("unflagged", Integer, nullable=False),
    Column("drawn", Integer, nullable=False),
    Column("n", Integer, nullable=False),
    CheckConstraint("drawn >= 0 AND drawn <= unflagged AND flagged >= 0", name="drawn"),
)

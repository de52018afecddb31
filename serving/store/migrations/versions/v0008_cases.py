"""The life of a case (lease, snooze, proposal, undo), a row of ``flags`` for every member, and saved views."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OPEN = "state = 'open'"
_FRESH = "state = 'open' AND undone_at IS NULL"
# Columns that every case has, with what they are before its detail is read.
_FILLED = (
    ("source", sa.String(length=80), "flow"),
    ("members", sa.Integer(), "0"),
    ("first_reasons", sa.Text(), "[]"),
    ("blind", sa.Boolean(), sa.false()),
    ("life", sa.Text(), "{}"),
)
_MAYBE = (
    ("not_by", sa.String(length=80)),
    ("lease_by", sa.String(length=80)),
    ("lease_until", sa.BigInteger()),
    ("snoozed_until", sa.BigInteger()),
    ("proposal", sa.Text()),
    ("proposed_by", sa.String(length=80)),
    ("reason_code", sa.String(length=40)),
    ("undone_at", sa.BigInteger()),
)
_SHOWN = 3
# SQLite reads a row from its beginning: what may hold megabytes stands last, or every look at a lease walks past it.
_ORDER = (
    "case_id", "subject", "source", "state", "score", "action", "members", "blind", "not_by", "lease_by",
    "lease_until", "snoozed_until", "proposed_by", "verdict", "decided_action", "reason_code", "decided_by",
    "decided_at", "undone_at", "opened_at", "n", "first_reasons", "proposal", "life", "detail",
)  # fmt: skip


def upgrade() -> None:
    op.drop_index("ix_cases_open_subject", table_name="cases")
    with op.batch_alter_table("cases") as table:
        for name, kind, filled in _FILLED:
            table.add_column(sa.Column(name, kind, nullable=False, server_default=filled))
        for name, kind in _MAYBE:
            table.add_column(sa.Column(name, kind, nullable=True))
    with op.batch_alter_table("cases", partial_reordering=[_ORDER]) as table:
        for name, _, _ in _FILLED:
            table.alter_column(name, server_default=None)
    op.create_index("ix_cases_state_decided_at", "cases", ["state", "decided_at"], unique=False)
    _index_subjects(_FRESH)
    _refill_flags()
    op.create_table(
        "queue_views",
        sa.Column("view_id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("view_id", name=op.f("pk_queue_views")),
        sa.UniqueConstraint("owner", "name", name=op.f("uq_queue_views_owner_name")),
    )


def downgrade() -> None:
    op.drop_table("queue_views")
    op.execute("DELETE FROM flags WHERE standing IS NULL")
    op.drop_index("ix_flags_case_id_position", table_name="flags")
    with op.batch_alter_table("flags") as table:
        table.alter_column("standing", existing_type=sa.String(length=20), nullable=False)
        table.drop_column("position")
    op.create_index("ix_flags_case_id", "flags", ["case_id"], unique=False)
    op.drop_index("ix_cases_open_subject", table_name="cases")
    op.drop_index("ix_cases_state_decided_at", table_name="cases")
    with op.batch_alter_table("cases") as table:
        for name, *_ in (*_FILLED, *_MAYBE):
            table.drop_column(name)
    _index_subjects(_OPEN)


def _index_subjects(only: str) -> None:
    where = sa.text(only)
    op.create_index(
        "ix_cases_open_subject", "cases", ["subject"], unique=True, sqlite_where=where, postgresql_where=where
    )


def _refill_flags() -> None:
    """``flags`` anew with a row for every member, also those against whom nothing stands; cases say who they are."""
    connection = op.get_bind()
    standing: dict[tuple[str, str], str] = {}
    for user_id, case_id, stands in connection.execute(sa.text("SELECT user_id, case_id, standing FROM flags")):
        standing[user_id, case_id] = stands
    op.drop_table("flags")
    flags = op.create_table(
        "flags",
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("standing", sa.String(length=20), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("flagged_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "case_id", name=op.f("pk_flags")),
    )
    op.create_index("ix_flags_case_id_position", "flags", ["case_id", "position"], unique=False)
    told = sa.text("UPDATE cases SET source = :source, members = :members, first_reasons = :first WHERE case_id = :id")
    for case_id, flagged_at, detail in _cases(connection):
        found = detail["flags"]
        first = json.dumps(found[0]["reasons"][:_SHOWN], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        connection.execute(told, {"source": detail["source"], "members": len(found), "first": first, "id": case_id})
        op.bulk_insert(
            flags,
            [
                {
                    "user_id": flag["user_id"],
                    "case_id": case_id,
                    "score": flag["score"],
                    "action": flag["action"],
                    "standing": standing.get((flag["user_id"], case_id)),
                    "position": position,
                    "flagged_at": flagged_at,
                }
                for position, flag in enumerate(found)
            ],
        )


def _cases(connection: sa.Connection) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Every case with the moment of its last event and its detail; few are read at a time, for details may be large."""
    last = "SELECT MAX(e.at) FROM events e WHERE e.stream = 'case:' || c.case_id"
    page = sa.text(
        f"SELECT c.case_id, COALESCE(({last}), c.decided_at, c.opened_at), c.detail FROM cases c "  # noqa: S608
        "WHERE c.case_id > :after ORDER BY c.case_id LIMIT 200"
    )
    after = ""
    while rows := connection.execute(page, {"after": after}).all():
        for case_id, at, detail in rows:
            yield case_id, at, json.loads(detail)
        after = rows[-1][0]

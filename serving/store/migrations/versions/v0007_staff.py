"""People of the console, their sessions, and indexes by which the audit log is searched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "staff",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("role IN ('reviewer', 'lead', 'operator', 'analyst', 'admin')", name=op.f("ck_staff_role")),
        sa.CheckConstraint("state IN ('active', 'disabled')", name=op.f("ck_staff_state")),
        sa.CheckConstraint("origin IN ('local', 'oidc')", name=op.f("ck_staff_origin")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_staff")),
    )
    op.create_table(
        "staff_secrets",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_staff_secrets")),
    )
    op.create_table(
        "console_sessions",
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_hash", name=op.f("pk_console_sessions")),
    )
    op.create_index("ix_console_sessions_name", "console_sessions", ["name"])
    op.create_index("ix_console_sessions_ends_at", "console_sessions", ["ends_at"])
    op.create_table(
        "sign_in_links",
        sa.Column("link_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("link_hash", name=op.f("pk_sign_in_links")),
    )
    op.create_index("ix_sign_in_links_name", "sign_in_links", ["name"])
    op.create_table(
        "sign_in_tries",
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_sign_in_tries_failures")),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_sign_in_tries")),
    )
    op.create_index("ix_sign_in_tries_tried_at", "sign_in_tries", ["tried_at"])
    op.create_index("ix_events_actor_seq", "events", ["actor", "seq"])
    op.create_index("ix_events_kind_seq", "events", ["kind", "seq"])
    op.create_index("ix_events_at", "events", ["at"])


def downgrade() -> None:
    for name in ("ix_events_at", "ix_events_kind_seq", "ix_events_actor_seq"):
        op.drop_index(name, table_name="events")
    for name in ("sign_in_tries", "sign_in_links", "console_sessions", "staff_secrets", "staff"):
        op.drop_table(name)

"""Changes of the abuse rule: drafts, backtests, shadows and what was promoted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rule_changes",
        sa.Column("change_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("overlay", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("worker", sa.String(length=80), nullable=True),
        sa.Column("drafted_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("shadow_since", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'queued', 'running', 'tested', 'failed', 'shadow', 'promoted', 'rejected', "
            "'withdrawn')",
            name=op.f("ck_rule_changes_state"),
        ),
        sa.CheckConstraint("kind IN ('change', 'rollback')", name=op.f("ck_rule_changes_kind")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_rule_changes")),
    )
    op.create_index("ix_rule_changes_state_changed_at", "rule_changes", ["state", "changed_at"])
    op.create_table(
        "rule_versions",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("change_id", sa.String(length=40), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("promoted_by", sa.String(length=80), nullable=False),
        sa.Column("promoted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_rule_versions")),
    )
    op.create_table(
        "rules_acting",
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_rules_acting")),
    )
    op.create_table(
        "rule_shadow",
        sa.Column("change_id", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("limit_name", sa.String(length=24), nullable=False),
        sa.Column("effect", sa.String(length=12), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("effect IN ('stop', 'notice', 'release')", name=op.f("ck_rule_shadow_effect")),
        sa.PrimaryKeyConstraint("change_id", "day", "limit_name", "effect", "user_id", name=op.f("pk_rule_shadow")),
    )
    op.create_table(
        "rule_shadow_runs",
        sa.Column("change_id", sa.String(length=40), nullable=False),
        sa.Column("run", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("affected", sa.Integer(), nullable=False),
        sa.Column("released", sa.Integer(), nullable=False),
        sa.Column("users", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("change_id", "run", name=op.f("pk_rule_shadow_runs")),
    )
    op.create_table(
        "rule_progress",
        sa.Column("change_id", sa.String(length=40), nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.String(length=80), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_rule_progress")),
    )


def downgrade() -> None:
    for table in ("rule_progress", "rule_shadow_runs", "rule_shadow", "rules_acting", "rule_versions", "rule_changes"):
        op.drop_table(table)

"""Changes of the abuse rule, the promoted versions, what acts now, and what rules in shadow would have done."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Float, Index, Integer, String, Table, Text

from serving.store.schema import Moment, metadata

STATES = ("draft", "queued", "running", "tested", "failed", "shadow", "promoted", "rejected", "withdrawn")

rule_changes = Table(
    "rule_changes",
    metadata,
    Column("change_id", String(40), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("author", String(80), nullable=False),
    Column("reason", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("overlay", Text),
    Column("summary", Text),
    Column("failure", Text),
    Column("worker", String(80)),
    Column("drafted_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("shadow_since", Moment),
    Column("decided_by", String(80)),
    Column("decision", Text),
    Column("n", Integer, nullable=False),
    CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state"),
    CheckConstraint("kind IN ('change', 'rollback')", name="kind"),
    Index("ix_rule_changes_state_changed_at", "state", "changed_at"),
)

rule_versions = Table(
    "rule_versions",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("change_id", String(40), nullable=False),
    Column("fields", Text, nullable=False),
    Column("author", String(80), nullable=False),
    Column("promoted_by", String(80), nullable=False),
    Column("promoted_at", Moment, nullable=False),
)

# A row for what is promoted and one for each change in shadow: what the gate reads in every transaction.
rules_acting = Table(
    "rules_acting",
    metadata,
    Column("place", String(40), primary_key=True),
    Column("fields", Text, nullable=False),
)

rule_shadow = Table(
    "rule_shadow",
    metadata,
    Column("change_id", String(40), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("limit_name", String(24), primary_key=True),
    Column("effect", String(12), primary_key=True),
    Column("user_id", String(120), primary_key=True),
    Column("at", Moment, nullable=False),
    CheckConstraint("effect IN ('stop', 'notice', 'release')", name="effect"),
)

rule_shadow_runs = Table(
    "rule_shadow_runs",
    metadata,
    Column("change_id", String(40), primary_key=True),
    Column("run", String(40), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("affected", Integer, nullable=False),
    Column("released", Integer, nullable=False),
    Column("users", Text, nullable=False),  # the first of them as JSON: user_id, before, after, p, stake_cents
)

# Signs of life of a backtest: no state of the ledger, gone when the backtest is.
rule_progress = Table(
    "rule_progress",
    metadata,
    Column("change_id", String(40), primary_key=True),
    Column("worker", String(80), nullable=False),
    Column("beat_at", Moment, nullable=False),
    Column("step", String(80), nullable=False),
    Column("share", Float, nullable=False),
)

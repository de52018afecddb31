"""The people of the console. ``staff`` grows out of events; the other tables hold secrets and counters.

What is secret, or the book of a moment, is never in an event and is not rebuilt: hashes of passwords, of sessions and
of one-time links, and how often somebody guessed. Losing them signs everybody out and forgets passwords, nothing more.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, Table, Text

from serving.store.schema import Moment, metadata

staff = Table(
    "staff",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("role", String(12), nullable=False),
    Column("state", String(10), nullable=False),
    Column("origin", String(8), nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("n", Integer, nullable=False),
    CheckConstraint("role IN ('reviewer', 'lead', 'operator', 'analyst', 'admin')", name="role"),
    CheckConstraint("state IN ('active', 'disabled')", name="state"),
    CheckConstraint("origin IN ('local', 'oidc')", name="origin"),
)

# ``password`` is an argon2 hash, ``subject`` the hash of who this is at the identity provider.
staff_secrets = Table(
    "staff_secrets",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("password", Text),
    Column("subject", String(64)),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Index("ix_console_sessions_name", "name"),
    Index("ix_console_sessions_ends_at", "ends_at"),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("link_hash", String(64), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index("ix_sign_in_links_name", "name"),
)

# Wrong passwords by account and by client; both are keyed hashes, names that do not exist are counted alike.
sign_in_tries = Table(
    "sign_in_tries",
    metadata,
    Column("subject", String(40), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("tried_at", Moment, nullable=False),
    Column("locked_until", Moment),
    CheckConstraint("failures >= 0", name="failures"),
    Index("ix_sign_in_tries_tried_at", "tried_at"),
)

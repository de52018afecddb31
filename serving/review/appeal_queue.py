"""Appeals as they wait: oldest first for the desk, by id for the shop."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from serving.review.appeals import OPEN, Appeal, appeal_of
from serving.store.cursor import Cursor, Slice
from serving.store.schema_lists import appeals


def find_appeal(connection: Connection, appeal_id: str) -> Appeal | None:
    row = connection.execute(select(appeals).where(appeals.c.appeal_id == appeal_id)).one_or_none()
    return None if row is None else appeal_of(row)


def appeals_of(connection: Connection, cursor: Cursor, user_id: str | None = None) -> Slice[Appeal]:
    """A page of appeals by id, which is the order in which they came."""
    query = select(appeals)
    if user_id is not None:
        query = query.where(appeals.c.user_id == user_id)
    return cursor.fetch(connection, query, appeals.c.appeal_id).map(appeal_of)


def waiting(connection: Connection, limit: int, offset: int = 0) -> Sequence[Appeal]:
    """Open appeals, the oldest first."""
    rows = connection.execute(
        select(appeals)
        .where(appeals.c.state == OPEN)
        .order_by(appeals.c.created_at, appeals.c.appeal_id)
        .limit(limit)
        .offset(offset)
    )
    return [appeal_of(row) for row in rows]


def decided(connection: Connection, limit: int, offset: int = 0) -> Sequence[Appeal]:
    """Decided appeals, the latest first."""
    rows = connection.execute(
        select(appeals)
        .where(appeals.c.state != OPEN)
        .order_by(appeals.c.decided_at.desc(), appeals.c.appeal_id)
        .limit(limit)
        .offset(offset)
    )
    return [appeal_of(row) for row in rows]


def earlier(connection: Connection, appeal: Appeal, limit: int = 10) -> Sequence[Appeal]:
    """Other appeals of the same account, the latest first."""
    rows = connection.execute(
        select(appeals)
        .where(appeals.c.user_id == appeal.user_id, appeals.c.appeal_id != appeal.appeal_id)
        .order_by(appeals.c.created_at.desc())
        .limit(limit)
    )
    return [appeal_of(row) for row in rows]


def count_waiting(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).where(appeals.c.state == OPEN)).scalar_one())

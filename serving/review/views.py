"""Filters of the queue under a name: everybody keeps their own, and they follow to every browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from features.errors import InputError
from serving.coupons.refusals import Refuse
from serving.store.rows import insert_new
from serving.store.schema_queue import queue_views
from serving.store.unit import Answer, Command, StaleError, Transaction

SAVED, DELETED = "queue.view_saved", "queue.view_deleted"
MOST, MOST_NAME, MOST_QUERY = 20, 40, 1000


@dataclass(frozen=True, slots=True)
class View:
    """``query`` is what stands behind the ``?`` of the queue's address."""

    view_id: str
    owner: str
    name: str
    query: str
    saved_at: datetime
    n: int = 1


def save_view(owner: str, name: str, query: str) -> Command:
    """Keep filters under a name, over what had that name before; raises ``InputError`` for a name that cannot be."""
    name = name.strip()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise InputError("name", f"{len(name)} characters", f"1 to {MOST_NAME} characters")
    if len(query) > MOST_QUERY:
        raise InputError("query", f"{len(query)} characters", f"at most {MOST_QUERY} characters")

    def command(tx: Transaction) -> Answer | Refuse:
        mine = queue_views.c.owner == owner
        row = tx.connection.execute(
            select(queue_views).where(mine, queue_views.c.name == name).with_for_update()
        ).one_or_none()
        if row is None:
            if tx.connection.execute(select(func.count()).where(mine)).scalar_one() >= MOST:
                return Refuse("queue_views_full")
            view = View(tx.ids("view"), owner, name, query, tx.now)
            if not insert_new(tx.connection, queue_views, asdict(view)):
                raise StaleError(name)
        else:
            view = replace(_view(row), query=query, saved_at=tx.now, n=row.n + 1)
            written = tx.connection.execute(
                update(queue_views)
                .where(queue_views.c.view_id == row.view_id, queue_views.c.n == row.n)
                .values(asdict(view))
            )
            if written.rowcount != 1:
                raise StaleError(name)
        data = {**asdict(view), "saved_at": tx.now.isoformat()}
        tx.append(f"view:{view.view_id}", view.n, SAVED, data)
        return Answer(200, {"view_id": view.view_id})

    return command


def delete_view(owner: str, view_id: str) -> Command:
    """Forget a view of one's own."""

    def command(tx: Transaction) -> Answer | Refuse:
        mine = (queue_views.c.view_id == view_id, queue_views.c.owner == owner)
        row = tx.connection.execute(select(queue_views).where(*mine).with_for_update()).one_or_none()
        if row is None:
            return Refuse("queue_view_unknown")
        gone = tx.connection.execute(delete(queue_views).where(*mine, queue_views.c.n == row.n))
        if gone.rowcount != 1:
            raise StaleError(view_id)
        tx.append(f"view:{view_id}", row.n + 1, DELETED, {"view_id": view_id})
        return Answer(200, {"view_id": view_id})

    return command


def views_of(connection: Connection, owner: str) -> list[View]:
    """Somebody's views by name."""
    rows = connection.execute(select(queue_views).where(queue_views.c.owner == owner).order_by(queue_views.c.name))
    return [_view(row) for row in rows]


def view_row(data: Mapping[str, Any]) -> dict[str, Any]:
    """The state row that an event of saving says."""
    return {**data, "saved_at": datetime.fromisoformat(data["saved_at"])}


def _view(row: Row[Any]) -> View:
    return View(**row._asdict())

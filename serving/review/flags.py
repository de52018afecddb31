"""What stands against a user: read where coupons are decided and by the scoring service."""

from __future__ import annotations

from sqlalchemy import Connection, select

from serving.review.case import ACTIONS
from serving.store.schema import flags


def standing_of(connection: Connection, user_id: str) -> str | None:
    """The strictest action that holds for the user now; None for a user who was never flagged."""
    found = connection.execute(select(flags.c.standing).where(flags.c.user_id == user_id)).scalars().all()
    return max(found, key=ACTIONS.index, default=None)


def standings_of(connection: Connection, user_ids: list[str]) -> dict[str, str]:
    """``standing_of`` for many users; users who were never flagged are left out."""
    rows = connection.execute(select(flags.c.user_id, flags.c.standing).where(flags.c.user_id.in_(user_ids)))
    found: dict[str, str] = {}
    for user_id, standing in rows:
        found[user_id] = max(found.get(user_id, standing), standing, key=ACTIONS.index)
    return found

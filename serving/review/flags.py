"""What stands against a user: read where coupons are decided and by the scoring service."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from serving.review.case import ACTIONS
from serving.store.schema import flags

_STANDINGS = select(flags.c.user_id, flags.c.standing).where(flags.c.user_id.in_(bindparam("user_ids", expanding=True)))


def standing_of(connection: Connection, user_id: str) -> str | None:
    """The strictest action that holds for the user now; None for a user who was never flagged."""
    return standings_of(connection, [user_id]).get(user_id)


def standings_of(connection: Connection, user_ids: list[str]) -> dict[str, str]:
    """``standing_of`` for many users; users who were never flagged are left out."""
    found: dict[str, str] = {}
    for user_id, standing in connection.execute(_STANDINGS, {"user_ids": user_ids}):
        found[user_id] = max(found.get(user_id, standing), standing, key=ACTIONS.index)
    return found

"""What stands against a user: read where coupons are decided and by the scoring service."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select, union_all

from serving.people.account import ONCE
from serving.review.case import ACTIONS
from serving.store.schema import flags
from serving.store.schema_people import account_actions

_OF_USERS: BindParameter[Any] = bindparam("user_ids", expanding=True)
# Flags of cases, and what a person has done to the account and not undone.
_STANDINGS = union_all(
    select(flags.c.user_id, flags.c.standing).where(flags.c.user_id.in_(_OF_USERS)),
    select(account_actions.c.user_id, account_actions.c.action).where(
        account_actions.c.user_id.in_(_OF_USERS),
        account_actions.c.undone_at.is_(None),
        account_actions.c.action.not_in(ONCE),
    ),
)


def standing_of(connection: Connection, user_id: str) -> str | None:
    """The strictest action that holds for the user now; None for a user who was never flagged."""
    return standings_of(connection, [user_id]).get(user_id)


def standings_of(connection: Connection, user_ids: list[str]) -> dict[str, str]:
    """``standing_of`` for many users; users against whom nothing was ever said are left out."""
    found: dict[str, str] = {}
    for user_id, standing in connection.execute(_STANDINGS, {"user_ids": user_ids}):
        found[user_id] = max(found.get(user_id, standing), standing, key=ACTIONS.index)
    return found

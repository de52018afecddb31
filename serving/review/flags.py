"""What stands against a user: read where coupons are decided and by the scoring service."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Connection, and_, bindparam, select, true, union_all

from serving.people.account import ONCE
from serving.review.case import ACTIONS
from serving.store.rows import Prepared
from serving.store.schema import flags
from serving.store.schema_people import account_actions

# Flags of cases, and what a person has done to the account and not undone.
_FLAGS = select(flags.c.user_id, flags.c.standing)
_ACTIONS = select(account_actions.c.user_id, account_actions.c.action).where(
    account_actions.c.undone_at.is_(None), and_(true(), *(account_actions.c.action != action for action in ONCE))
)
_OF_USERS: BindParameter[Any] = bindparam("user_ids", expanding=True)
_STANDINGS = union_all(
    _FLAGS.where(flags.c.user_id.in_(_OF_USERS)), _ACTIONS.where(account_actions.c.user_id.in_(_OF_USERS))
)
_STANDING = Prepared(
    union_all(
        _FLAGS.where(flags.c.user_id == bindparam("of_user")),
        _ACTIONS.where(account_actions.c.user_id == bindparam("of_user")),
    )
)


def standing_of(connection: Connection, user_id: str) -> str | None:
    """The strictest action that holds for the user now; None for a user who was never flagged."""
    found = _STANDING.all(connection, {"of_user": user_id})
    return max((row.standing for row in found), key=ACTIONS.index, default=None)


def standings_of(connection: Connection, user_ids: list[str]) -> dict[str, str]:
    """``standing_of`` for many users; users against whom nothing was ever said are left out."""
    found: dict[str, str] = {}
    for user_id, standing in connection.execute(_STANDINGS, {"user_ids": user_ids}):
        found[user_id] = max(found.get(user_id, standing), standing, key=ACTIONS.index)
    return found

"""What stands against a user: read where coupons are decided and by the scoring service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, and_, bindparam, case, literal_column, select, true, union_all

from serving.clock import utc_now
from serving.people.account import ONCE
from serving.review.case import ACTIONS, DECIDED
from serving.review.listing import ALLOW, BLOCK, LIVE
from serving.store.rows import Prepared
from serving.store.schema import cases, flags
from serving.store.schema_lists import list_entries
from serving.store.schema_people import account_actions

# Whose word a row is: the state of its case (an open one is a machine's), or of a list.
_LISTED = "listed"
# Flags of cases, and what a person has done to the account and not undone.
_FLAGS = (
    select(flags.c.user_id, flags.c.standing, cases.c.state)
    .join(cases, cases.c.case_id == flags.c.case_id)
    .where(flags.c.standing.is_not(None))
)
_ACTIONS = select(account_actions.c.user_id, account_actions.c.action, literal_column(f"'{DECIDED}'")).where(
    account_actions.c.undone_at.is_(None), and_(true(), *(account_actions.c.action != action for action in ONCE))
)
_LISTS = select(list_entries.c.value, list_entries.c.list, literal_column(f"'{_LISTED}'")).where(
    list_entries.c.kind == "user", LIVE
)
# One row while any entry of any list holds; it says whether one of them is a network.
_NETWORK = "network"
_ANY_NETWORK = select(list_entries.c.entry_id).where(list_entries.c.prefix.is_not(None), LIVE).exists()
_ANY_LIST = select(
    literal_column("''"),
    case((_ANY_NETWORK, literal_column(f"'{_NETWORK}'")), else_=literal_column("'thing'")),
    literal_column(f"'{_LISTED}'"),
).where(select(list_entries.c.entry_id).where(LIVE).exists())
_OF_USERS: BindParameter[Any] = bindparam("user_ids", expanding=True)
_ONE_FLAGS = _FLAGS.where(flags.c.user_id == bindparam("of_user"))
_ONE_ACTIONS = _ACTIONS.where(account_actions.c.user_id == bindparam("of_user"))
_STANDINGS = union_all(
    _FLAGS.where(flags.c.user_id.in_(_OF_USERS)),
    _ACTIONS.where(account_actions.c.user_id.in_(_OF_USERS)),
    _LISTS.where(list_entries.c.value.in_(_OF_USERS)),
)
_STANDING = Prepared(union_all(_ONE_FLAGS, _ONE_ACTIONS))
_HOLDING = Prepared(union_all(_ONE_FLAGS, _ONE_ACTIONS, _ANY_LIST))


@dataclass(frozen=True, slots=True)
class Holding:
    """What stands against a user: the strictest of all, the strictest that a person has decided; ``lists`` when an
    entry of some list holds now, of whomever, and ``networks`` when one of them is a network."""

    standing: str | None
    by_person: str | None
    lists: bool
    networks: bool


def standing_of(connection: Connection, user_id: str) -> str | None:
    """The strictest action that holds for the user now; None for a user who was never flagged."""
    return _strictest(row.standing for row in _STANDING.all(connection, {"of_user": user_id}))


def holding_of(connection: Connection, user_id: str, now: datetime) -> Holding:
    """``standing_of``, told apart by who said it, with a look at the lists in the same query."""
    found = [tuple(row) for row in _HOLDING.all(connection, {"of_user": user_id, "now": now})]
    against = [(standing, word) for _, standing, word in found if word != _LISTED]
    return Holding(
        _strictest(standing for standing, _ in against),
        _strictest(standing for standing, word in against if word == DECIDED),
        len(against) != len(found),
        any(standing == _NETWORK and word == _LISTED for _, standing, word in found),
    )


def standings_of(connection: Connection, user_ids: list[str], now: datetime | None = None) -> dict[str, str]:
    """``standing_of`` for many users, and what the lists say of them at ``now`` (this moment unless it is given): a
    blocked user is blocked, for an allowed one only a person's word counts. Users of whom nothing was ever said are
    left out."""
    said: dict[str, list[tuple[str, str]]] = {}
    asked = {"user_ids": user_ids, "now": now or utc_now()}
    for user_id, standing, word in connection.execute(_STANDINGS, asked):
        said.setdefault(user_id, []).append((standing, word))
    return {user_id: _counted(rows) for user_id, rows in said.items()}


def _counted(rows: list[tuple[str, str]]) -> str:
    lists = {standing for standing, word in rows if word == _LISTED}
    if BLOCK in lists:
        return "block"
    counts = (standing for standing, word in rows if word == DECIDED or (word != _LISTED and ALLOW not in lists))
    return _strictest(counts) or "allow"


def _strictest(found: Iterable[str]) -> str | None:
    return max(found, key=ACTIONS.index, default=None)

"""Actions on accounts as commands on the ledger: taken with a reason, written as events, undone the same way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from serving.coupons import orders
from serving.coupons.coupon import REVOKED, UNUSED, Coupon
from serving.coupons.events import Expired, Restored, Revoked
from serving.coupons.order import RELEASED
from serving.coupons.refusals import Refuse
from serving.people.account import TAKEN, UNDONE, AccountAction, action_row, action_to_data
from serving.store import coupons as repository
from serving.store import orders as order_store
from serving.store.schema import coupons
from serving.store.schema_people import account_actions
from serving.store.unit import Answer, Command, StaleError, Transaction
from serving.views import moment

# Why an order was cancelled by a person who looked at its risk.
RISK = "risk"
# However late the undoing, the customer gets this long to pay.
LEAST = timedelta(minutes=5)


def take_action(user_id: str, action: str, reason: str, note: str, hold_id: str | None) -> Command:
    """Do something to an account: ``revoke`` recovers its unused coupons, ``cancel_order`` frees an unpaid order."""

    return lambda tx: act(tx, user_id, action, reason, note, hold_id)


def act(
    tx: Transaction, user_id: str, action: str, reason: str, note: str = "", hold_id: str | None = None
) -> Answer | Refuse:
    """``take_action`` inside a command, for a case whose verdict acts on many accounts."""
    taken: Sequence[str] = ()
    if action == "revoke":
        taken = revoke_unused(tx, user_id, reason)
    elif action == "cancel_order":
        refuse = _cancel(tx, user_id, hold_id or "")
        if refuse is not None:
            return refuse
    made = AccountAction(tx.ids("act"), user_id, action, reason, note, tx.request.principal, tuple(taken), hold_id)
    tx.connection.execute(insert(account_actions), action_row(made, tx.now))
    tx.append(f"action:{made.action_id}", 1, TAKEN, action_to_data(made))
    return Answer(201, _view(_find(tx, made.action_id)))


def undo_action(action_id: str, reason: str) -> Command:
    """Undo it: coupons come back (and expire at once if their time is over), a cancelled order is held again."""

    def command(tx: Transaction) -> Answer | Refuse:
        row = _find(tx, action_id)
        if row is None:
            return Refuse("action_unknown")
        if row.undone_at is not None:
            return Refuse("action_undone")
        if row.action == "revoke":
            restore(tx, json.loads(row.coupon_ids), reason)
        elif row.action == "cancel_order":
            refuse = _hold_again(tx, row.hold_id)
            if refuse is not None:
                return refuse
        written = tx.connection.execute(
            update(account_actions)
            .where(account_actions.c.action_id == action_id, account_actions.c.undone_at.is_(None))
            .values(undone_at=tx.now, undone_by=tx.request.principal, n=row.n + 1)
        )
        if written.rowcount != 1:
            raise StaleError(action_id)
        data = {"action_id": action_id, "actor": tx.request.principal, "reason": reason}
        tx.append(f"action:{action_id}", row.n + 1, UNDONE, data)
        return Answer(200, _view(_find(tx, action_id)))

    return command


def revoke_unused(tx: Transaction, user_id: str, reason: str) -> list[str]:
    """Take back every unused coupon of a user; returns their ids. Held ones belong to an order and are left."""
    ids = tx.connection.execute(
        select(coupons.c.coupon_id)
        .where(coupons.c.user_id == user_id, coupons.c.state == UNUSED)
        .order_by(coupons.c.coupon_id)
    ).scalars()
    taken = []
    for coupon_id in ids.all():
        coupon = repository.load(tx, coupon_id)
        if coupon is not None and coupon.state == UNUSED:
            _recorded(repository.record(tx, coupon, Revoked(coupon_id, tx.now, reason)))
            taken.append(coupon_id)
    return taken


def restore(tx: Transaction, coupon_ids: Sequence[str], reason: str) -> None:
    """Give revoked coupons back."""
    for coupon_id in sorted(coupon_ids):
        coupon = repository.load(tx, coupon_id)
        if coupon is None or coupon.state != REVOKED:
            continue
        back = _recorded(repository.record(tx, coupon, Restored(coupon_id, tx.now, reason)))
        if tx.now >= back.valid_until:
            _recorded(repository.record(tx, back, Expired(coupon_id, tx.now)))


def _cancel(tx: Transaction, user_id: str, hold_id: str) -> Refuse | None:
    """Free the coupons of an unpaid order; a paid one is undone by a rollback, with its refund."""
    found = order_store.find_order(tx.connection, hold_id)
    if found is None or found.user_id != user_id:
        return Refuse("hold_unknown")
    placed = order_store.lock(tx, found)
    events = orders.release(placed, RISK, tx.now)
    outcome = events if isinstance(events, Refuse) else order_store.record(tx, placed, events)
    return outcome if isinstance(outcome, Refuse) else None


def _hold_again(tx: Transaction, hold_id: str) -> Refuse | None:
    """Lock the coupons of a cancelled order once more, for as long as it had left to be paid."""
    found = order_store.find_order(tx.connection, hold_id)
    if found is None:
        return Refuse("hold_unknown")
    placed = order_store.lock(tx, found)
    order = placed.order
    free = all(coupon.state == UNUSED and tx.now < coupon.valid_until for coupon in placed.coupons)
    if order.state != RELEASED or order.reason != RISK or not free:
        return Refuse("hold_lost")
    cancelled_at = tx.connection.execute(
        select(func.max(account_actions.c.taken_at)).where(account_actions.c.hold_id == hold_id)
    ).scalar_one()
    left = max(order.deadline - cancelled_at, LEAST)
    events = orders.hold(order.receipt, order.user_id, hold_id, order.order_id, tx.now + left, tx.now)
    outcome = order_store.record(tx, placed, events)
    return outcome if isinstance(outcome, Refuse) else None


def _recorded(outcome: Coupon | Refuse) -> Coupon:
    """Giving and taking back never meets a limit: a refusal here is a fault of ours."""
    if isinstance(outcome, Refuse):
        raise StaleError(outcome.code)
    return outcome


def actions_of(connection: Connection, user_id: str) -> list[dict[str, Any]]:
    """All actions ever taken on an account, the latest first."""
    rows = connection.execute(
        select(account_actions)
        .where(account_actions.c.user_id == user_id)
        .order_by(account_actions.c.taken_at.desc(), account_actions.c.action_id)
    )
    return [_view(row) for row in rows]


def _find(tx: Transaction, action_id: str) -> Row[Any] | None:
    return tx.connection.execute(
        select(account_actions).where(account_actions.c.action_id == action_id).with_for_update()
    ).one_or_none()


def _view(row: Row[Any] | None) -> dict[str, Any]:
    if row is None:
        raise StaleError("account_actions")
    return {
        "action_id": row.action_id,
        "user_id": row.user_id,
        "action": row.action,
        "reason": row.reason,
        "note": row.note,
        "actor": row.actor,
        "taken_at": moment(row.taken_at),
        "coupon_ids": json.loads(row.coupon_ids),
        "hold_id": row.hold_id,
        "undone_at": moment(row.undone_at) if row.undone_at else None,
        "undone_by": row.undone_by,
    }

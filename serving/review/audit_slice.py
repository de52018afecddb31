"""The blind audit: a random slice of the redemptions that nothing flagged becomes cases, so that misses can be counted.

Which redemptions are drawn depends on a keyed hash of their ids alone: nobody can predict it, and drawing again gives
the same. A drawn case shows neither score nor source (``blind``), like the second looks among which it stands.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Exists, exists, func, select

from serving.coupons.refusals import Refuse
from serving.review.case import Flag
from serving.review.store import put
from serving.store.rebuild_feedback import DRAWN
from serving.store.rows import insert_new
from serving.store.schema import cases, flags, orders
from serving.store.schema_feedback import audit_rounds
from serving.store.unit import Answer, Command, StaleError, Transaction

SOURCE, SECOND = "audit", "second"
LAG = timedelta(minutes=5)
"""A transaction that began before may still commit: the newest minutes wait for the next round."""
FIRST = timedelta(days=1)
"""How far the first round of an installation looks back."""


def draw(share: float, secret: bytes) -> Command:
    """Draw ``share`` of the unflagged redemptions since the last round and open a blind case for each.

    A round that was drawn meanwhile by another process is left alone; an empty one leaves no trace.
    """

    def command(tx: Transaction) -> Answer | Refuse:
        until = tx.now - LAG
        last, rounds = tx.connection.execute(select(func.max(audit_rounds.c.until), func.count())).one()
        since = last if last is not None else until - FIRST
        if since >= until:
            return Answer(200, {"drawn": 0})
        paid = _redemptions(tx.connection, since, until)
        flagged = sum(known for _, _, known in paid)
        drawn = {name: user for name, user, known in paid if not known and chosen(name, share, secret)}
        if not paid:
            return Answer(200, {"drawn": 0})
        row = {
            "since": since,
            "until": until,
            "share": share,
            "flagged": flagged,
            "unflagged": len(paid) - flagged,
            "drawn": len(drawn),
            "n": rounds + 1,
        }
        if not insert_new(tx.connection, audit_rounds, row):
            raise StaleError("audit_rounds")
        data = {name: row[name] for name in ("share", "flagged", "unflagged")}
        ends = {"since": since.isoformat(), "until": until.isoformat(), "redemptions": sorted(drawn)}
        tx.append("audit_slice", rounds + 1, DRAWN, {**data, **ends})
        for name in sorted(drawn):
            put(tx, f"{SOURCE}:{name}", (Flag(drawn[name], 0.0, "allow"),), SOURCE, blind=True)
        return Answer(200, {"drawn": len(drawn)})

    return command


def chosen(name: str, share: float, secret: bytes) -> bool:
    """Whether an id falls into a share of all ids.

    >>> sum(chosen(f"red_{n}", 0.1, b"key") for n in range(10_000))
    1033
    """
    digest = hmac.digest(secret, f"slice\0{name}".encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") < share * 2**64


def flagged_by(user: ColumnElement[str], until: Any) -> Exists:
    """SQL: whether the user was in a case of the detectors (not of an audit) that was opened by then."""
    return exists(
        select(flags.c.user_id)
        .join(cases, cases.c.case_id == flags.c.case_id)
        .where(flags.c.user_id == user, cases.c.opened_at <= until, cases.c.source.not_in((SOURCE, SECOND)))
    )


def _redemptions(connection: Connection, since: datetime, until: datetime) -> list[tuple[str, str, bool]]:
    """Redemptions of the round in the order of their ids: id, user, whether the user was flagged by its end."""
    rows = connection.execute(
        select(orders.c.redemption_id, orders.c.user_id, flagged_by(orders.c.user_id, until).label("known"))
        .where(orders.c.redeemed_at > since, orders.c.redeemed_at <= until)
        .order_by(orders.c.redemption_id)
    )
    return [(row.redemption_id, row.user_id, bool(row.known)) for row in rows]

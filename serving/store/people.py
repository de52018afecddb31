"""Users in the store: what the shop says of them, and who else is the same person.

A link to an older account is evidence of its kind (F066, F208): a phone or an identity belongs to one person, so any
account that had it before counts as old; a device or an address is shared in households and dormitories, so only an
account that has ordered or taken a coupon counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, or_, select, union, update

from serving.coupons.audience import Shopper
from serving.coupons.order import REDEEMED
from serving.people.profile import PROFILED, Profile, profile_to_data
from serving.store.rows import Prepared, insert_new
from serving.store.schema import coupons, orders
from serving.store.schema_people import user_links, users
from serving.store.unit import StaleError, Transaction, canonical

PERSONAL = ("phone", "identity")
SHARED = ("device", "address")


def put_profile(tx: Transaction, profile: Profile) -> int:
    """Write what the shop says now, over what it said before; links only grow. Returns how often it has spoken."""
    before = tx.connection.execute(
        select(users.c.n).where(users.c.user_id == profile.user_id).with_for_update()
    ).scalar_one_or_none()
    row = profile_row(profile, tx.now, (before or 0) + 1)
    if before is None:
        if not insert_new(tx.connection, users, row):
            raise StaleError(profile.user_id)
    else:
        tx.connection.execute(update(users).where(users.c.user_id == profile.user_id).values(row))
    for link in link_rows(profile, tx.now):
        insert_new(tx.connection, user_links, link)
    tx.append(f"user:{profile.user_id}", row["n"], PROFILED, profile_to_data(profile))
    return int(row["n"])


def profile_row(profile: Profile, at: datetime, n: int) -> dict[str, Any]:
    return {
        "user_id": profile.user_id,
        "registered_at": profile.registered_at,
        "member_tier": profile.member_tier,
        "birthday": profile.birthday,
        "tags": canonical(sorted(set(profile.tags))),
        "orders": profile.orders,
        "phone_verified": profile.phone_verified,
        "identity_verified": profile.identity_verified,
        "updated_at": at,
        "n": n,
    }


def link_rows(profile: Profile, at: datetime) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "value": value, "user_id": profile.user_id, "first_seen": at}
        for kind, values in sorted(profile.links.items())
        for value in sorted(set(values))
    ]


_OF_USER = Prepared(select(users).where(users.c.user_id == bindparam("of_user")))
_LINKS = Prepared(select(user_links.c.kind, user_links.c.value).where(user_links.c.user_id == bindparam("of_user")))
_PAID = Prepared(
    select(func.count().label("paid"))
    .select_from(orders)
    .where(orders.c.user_id == bindparam("of_user"), orders.c.state == REDEEMED)
)


_EARLIER, _MINE = user_links.alias(), user_links.alias()
# One identity is one account (F066): that of the user of whom the shop said it first.
_TAKEN = Prepared(
    select(_EARLIER.c.user_id)
    .join(_MINE, and_(_MINE.c.kind == _EARLIER.c.kind, _MINE.c.value == _EARLIER.c.value))
    .where(
        _MINE.c.user_id == bindparam("of_user"),
        _MINE.c.kind == "identity",
        or_(
            _EARLIER.c.first_seen < _MINE.c.first_seen,
            and_(_EARLIER.c.first_seen == _MINE.c.first_seen, _EARLIER.c.user_id < _MINE.c.user_id),
        ),
    )
    .limit(1)
)


def shopper_of(connection: Connection, user_id: str, hashed: Mapping[str, str | None], now: datetime) -> Shopper:
    """What is known of a user at ``now``; ``hashed`` are the keyed hashes (device, ip, address) of this request."""
    row = _OF_USER.one(connection, {"of_user": user_id})
    paid = _PAID.one(connection, {"of_user": user_id}).paid
    linked = _linked_old(connection, user_id, hashed, row.registered_at if row is not None else None, now)
    if row is None:
        return Shopper(user_id, orders=paid, linked_old=linked)
    return Shopper(
        user_id,
        True,
        row.registered_at,
        frozenset(json.loads(row.tags)),
        row.member_tier,
        row.birthday,
        max(row.orders, paid),
        row.phone_verified,
        row.identity_verified,
        linked,
        bool(row.identity_verified) and _TAKEN.one(connection, {"of_user": user_id}) is not None,
    )


def _linked_old(
    connection: Connection,
    user_id: str,
    hashed: Mapping[str, str | None],
    registered_at: datetime | None,
    now: datetime,
) -> frozenset[str]:
    """Kinds of link over which an older account is the same person."""
    own = _LINKS.all(connection, {"of_user": user_id})
    things = {(row.kind, row.value) for row in own}
    things |= {(kind, value) for kind in SHARED if (value := hashed.get(kind)) is not None}
    found = {
        kind for kind, value in sorted(things) if _old_account(connection, user_id, kind, value, registered_at, now)
    }
    return frozenset(found)


def _old_account(
    connection: Connection, user_id: str, kind: str, value: str, registered_at: datetime | None, now: datetime
) -> bool:
    """Whether another account with this thing is an old one."""
    named = select(user_links.c.user_id).where(
        user_links.c.kind == kind, user_links.c.value == value, user_links.c.user_id != user_id
    )
    if kind in SHARED:
        column = coupons.c[kind]
        claimed = select(coupons.c.user_id).where(column == value, coupons.c.user_id != user_id)
        named = union(named, claimed)  # type: ignore[assignment]
    others = named.subquery()
    active = or_(
        select(coupons.c.coupon_id).where(coupons.c.user_id == others.c.user_id).exists(),
        select(users.c.user_id).where(users.c.user_id == others.c.user_id, users.c.orders > 0).exists(),
        select(orders.c.hold_id).where(orders.c.user_id == others.c.user_id, orders.c.state == REDEEMED).exists(),
    )
    if kind in PERSONAL:
        before = registered_at if registered_at is not None else now
        earlier = select(users.c.user_id).where(
            users.c.user_id == others.c.user_id, or_(users.c.registered_at.is_(None), users.c.registered_at <= before)
        )
        active = or_(active, earlier.exists())
    return connection.execute(select(others.c.user_id).where(active).limit(1)).first() is not None

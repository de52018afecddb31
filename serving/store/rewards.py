"""What has been rewarded, runs of sign-ins, and whether two accounts are one person: the store behind rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from serving.coupons.rewards import Deed, next_streak
from serving.store.rows import count_up, insert_new
from serving.store.schema import coupons
from serving.store.schema_claims import reward_days, rewards, sign_ins
from serving.store.schema_people import user_links
from serving.store.unit import StaleError, Transaction

GIVEN, SEEN = "reward.given", "sign_in.seen"
# Over these an invited account is the inviter's own; an address is shared by families.
_PERSONAL = ("phone", "identity", "device")


def take_reward(tx: Transaction, deed: Deed, day: date) -> str | None:
    """Take every subject of the deed, once for ever; None when one of them was rewarded before."""
    reward_id = tx.ids("rwd")
    for subject in deed.subjects(day):
        row = reward_row(deed.kind, subject, reward_id, deed.user_id, tx.now)
        if not insert_new(tx.connection, rewards, row):
            return None
    return reward_id


def reward_row(kind: str, subject: str, reward_id: str, user_id: str, at: datetime) -> dict[str, Any]:
    return {"kind": kind, "subject": subject, "reward_id": reward_id, "user_id": user_id, "rewarded_at": at}


def take_day(tx: Transaction, deed: Deed, day: date, cap: int) -> bool:
    """Count one reward of this kind on this shop-local day; False when the day has had its share (F063)."""
    key = {"kind": deed.kind, "user_id": deed.user_id, "day": day.isoformat()}
    return count_up(tx.connection, reward_days, key, "rewarded", cap)


def add_reward(
    tx: Transaction, reward_id: str, deed: Deed, day: date, claimed: Sequence[str], *, counted: bool
) -> None:
    """The event of a reward; ``counted`` when it was counted against its day."""
    data = {
        "reward_id": reward_id,
        "kind": deed.kind,
        "user_id": deed.user_id,
        "ref": deed.ref,
        "subjects": list(deed.subjects(day)),
        "members": list(deed.members),
        "day": day.isoformat() if counted else None,
        "claimed": list(claimed),
    }
    tx.append(f"reward:{reward_id}", 1, GIVEN, data)


_RUN = (
    select(sign_ins.c.last_day, sign_ins.c.streak, sign_ins.c.n)
    .where(sign_ins.c.user_id == bindparam("of_user"))
    .with_for_update()
)


def sign_in(tx: Transaction, user_id: str, day: date) -> int | None:
    """Record a sign-in; days in a row with it, None when this day was recorded before (F064)."""
    row = tx.connection.execute(_RUN, {"of_user": user_id}).one_or_none()
    streak = next_streak(row.last_day, row.streak, day) if row is not None else next_streak(None, 0, day)
    if streak is None:
        return None
    values = {"last_day": day, "streak": streak, "n": row.n + 1 if row is not None else 1}
    if row is None:
        if not insert_new(tx.connection, sign_ins, {"user_id": user_id, **values}):
            raise StaleError(user_id)
    else:
        tx.connection.execute(update(sign_ins).where(sign_ins.c.user_id == user_id).values(values))
    data = {"user_id": user_id, "day": day.isoformat(), "streak": streak, "n": values["n"]}
    tx.append(f"sign_in:{tx.ids('sgn')}", 1, SEEN, data)
    return streak


def same_person(connection: Connection, one: str, other: str, hashed: Mapping[str, str | None]) -> bool:
    """Whether two accounts share a phone, an identity or a device; ``hashed`` came with a request of ``one``."""
    if one == other:
        return True
    mine, theirs = user_links.alias(), user_links.alias()
    same = and_(mine.c.kind == theirs.c.kind, mine.c.value == theirs.c.value)
    shared = (
        select(theirs.c.kind)
        .join(mine, same)
        .where(mine.c.user_id == one, theirs.c.user_id == other, mine.c.kind.in_(_PERSONAL))
    )
    if connection.execute(shared.limit(1)).first() is not None:
        return True
    device = hashed.get("device")
    if device is None:
        return False
    named = select(user_links.c.user_id).where(
        user_links.c.kind == "device", user_links.c.value == device, user_links.c.user_id == other
    )
    claimed = select(coupons.c.user_id).where(coupons.c.device == device, coupons.c.user_id == other)
    return connection.execute(select(or_(named.exists(), claimed.exists()))).scalar_one() in (True, 1)

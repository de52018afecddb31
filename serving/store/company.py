"""The company that an account is in at the moment it claims or pays, as the ledger knows it: figures for the scorecard.

In: claims of others on the same device, address or IP (``serving.store.links``). Out: numbers by name, only those that
are not zero; nothing where nobody else is near. An account counts once, where its link says most (device before
address before IP), and as far as it is new: 1 for one that registered within a week, less for one that may be older,
nothing for one that has ordered for itself, was cleared by a person or is old. What came to be known after ``now``
does not count.

=================== =========================================================================================
``device_10m``      new accounts that claimed the same coupon, in windows of 10m, 1h, 24h, 7d; alike for address, ip
``device_other_7d`` new accounts that claimed other coupons
``device_settled``  accounts that live there: cleared, with orders of their own (1) or old (0.3)
``device_flagged``  accounts that are held or worse by now
``device_accounts`` accounts and minutes behind the sentence "3 new accounts … within 12 minutes"
``ip_doors``        share of different addresses among the accounts on the IP, this one included; alike for device
``once``            1 where the coupon is one that an account may take but once
``age_days``        of the asking account, with ``orders`` of its own
=================== =========================================================================================
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Executable, Integer, String, bindparam, cast, func, literal, null, select, union_all

from serving.coupons.order import REDEEMED
from serving.coupons.template import Template
from serving.people.account import ONCE
from serving.review.case import ACTIONS
from serving.store.links import KINDS, Seen
from serving.store.rows import Listed
from serving.store.schema import coupons, flags, orders
from serving.store.schema_people import account_actions, users
from serving.store.versions import find_version

STEPS = {
    "10m": timedelta(minutes=10),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
NEW, OLD = timedelta(days=7), timedelta(days=30)
UNSURE = 0.4  # how far an account counts as new of which nothing says how old it is: a family takes a coupon too
PEOPLE = 32
"""Most accounts that are looked at one by one, the closest first."""
_HELD = frozenset(ACTIONS[ACTIONS.index("hold") :])


@dataclass(slots=True)
class _Person:
    """What the ledger knows of an account: ``orders`` by the shop's word, ``paid`` with coupons by its own."""

    registered: datetime | None = None
    first: datetime | None = None
    orders: int = 0
    paid: int = 0
    held: bool = False
    cleared: bool = False

    def since(self) -> datetime | None:
        """From when the account is known."""
        known = [moment for moment in (self.registered, self.first) if moment is not None]
        return min(known, default=None)

    def settled(self, at: datetime) -> float:
        """How far the account is one that lives here rather than one made for a coupon."""
        if self.cleared or self.orders > self.paid:
            return 1.0
        since = self.since()
        return 0.3 if since is not None and at - since >= OLD else 0.0

    def new(self, at: datetime, once: bool) -> float:
        """How far the account was new when it claimed, from 0 to 1."""
        since = self.since()
        if self.settled(at) or (since is not None and at - since >= OLD):
            return 0.0
        if since is not None and at - since >= NEW:
            return UNSURE
        # Who takes a coupon for newcomers is one; at any other coupon only a registration that is known tells.
        return 1.0 if once or self.registered is not None else UNSURE


def company(
    connection: Connection,
    user_id: str,
    seen: Sequence[Seen],
    now: datetime,
    address: str | None = None,
    template: Template | None = None,
) -> dict[str, float]:
    """Figures of the others in ``seen`` (newest first) and of the account itself.

    ``template`` is what is claimed; without it the coupon that most of the closest others took. ``address`` is the hash
    of the account's own.
    """
    if not seen:
        return {}
    wanted = template.template_id if template is not None else _usual(seen)
    version = next((row.template_version for row in seen if row.template_id == wanted), None)
    of = template or (find_version(connection, wanted, version) if version is not None else None)
    once = of is not None and for_one_time(of)
    nearest: dict[str, str] = {}
    for kind in KINDS:
        for row in seen:
            if row.kind == kind:
                nearest.setdefault(row.user_id, kind)
    closest = list(nearest)[:PEOPLE]
    people = _people(connection, [user_id, *closest], now)
    found: defaultdict[str, float] = defaultdict(float)
    counted: set[tuple[str, str]] = set()
    for row in seen:
        if row.user_id not in people:
            continue
        person, same = people[row.user_id], row.template_id == wanted
        if (row.kind, row.user_id) not in counted:
            counted.add((row.kind, row.user_id))
            found[f"{row.kind}_settled"] += person.settled(now)
            found[f"{row.kind}_flagged"] += person.held
        if row.kind != nearest[row.user_id] or (row.user_id, "same" if same else "other") in counted:
            continue
        counted.add((row.user_id, "same" if same else "other"))
        weight = person.new(row.at, once)
        if not same:
            found[f"{row.kind}_other_7d"] += weight
            continue
        for step, length in STEPS.items():
            if row.at >= now - length:
                found[f"{row.kind}_{step}"] += weight
        if weight and row.at >= now - STEPS["24h"]:
            found[f"{row.kind}_accounts"] += 1
            minutes = max(1, round((now - row.at).total_seconds() / 60))
            found[f"{row.kind}_minutes"] = max(found[f"{row.kind}_minutes"], float(minutes))
    for kind in ("device", "ip"):
        doors = [door for door in _doors(seen, kind, address) if door is not None]
        if len(doors) > 1:
            found[f"{kind}_doors"] = (len(set(doors)) - 1) / (len(doors) - 1)
    return {**{name: value for name, value in found.items() if value}, **_self(people[user_id], now, once)}


def for_one_time(template: Template) -> bool:
    """Whether a template is what farms farm: a coupon that an account takes once, best with a new account."""
    audience = template.audience
    first = audience.newcomer or audience.first_order or template.coupon_class == "newcomer"
    return first or template.limits.per_user == 1


def _doors(seen: Sequence[Seen], kind: str, own: str | None) -> list[str | None]:
    """Where each account on the thing goes home to, the asking one first."""
    return [own, *{row.user_id: row.address for row in seen if row.kind == kind}.values()]


def _usual(seen: Sequence[Seen]) -> str:
    """The coupon that most accounts took on the closest kind of thing; ties by id."""
    closest = next(kind for kind in KINDS if any(row.kind == kind for row in seen))
    takers = {(row.template_id, row.user_id) for row in seen if row.kind == closest}
    counts = Counter(template_id for template_id, _ in takers)
    return min(counts, key=lambda name: (-counts[name], name))


def _self(person: _Person, now: datetime, once: bool) -> dict[str, float]:
    found = {"once": 1.0} if once else {}
    since = person.registered if person.registered is not None else person.first
    if since is not None:
        found["age_days"] = max((now - since).total_seconds() / 86400, 0.0)
    engaged = person.orders - person.paid
    return found | ({"orders": float(engaged)} if engaged > 0 else {})


def _people(connection: Connection, user_ids: Collection[str], now: datetime) -> dict[str, _Person]:
    people = {user_id: _Person() for user_id in user_ids}
    for row in _PEOPLE.all(connection, {"of_users": list(people)}, {"now": now}):
        person = people[row.user_id]
        if row.what == "user":
            person.registered, person.orders = row.at, int(row.number)
        elif row.what == "first":
            person.first = row.at
        elif row.what == "paid":
            person.paid = int(row.number)
        elif row.word == "allow":
            person.cleared = True
        else:
            person.held = person.held or row.word in _HELD
    return people


def _statement(lists: Mapping[str, list[Any]]) -> Executable:
    of_users, now = lists["of_users"], bindparam("now", type_=coupons.c.claimed_at.type)
    text, number = cast(null(), String(20)), cast(literal(0), Integer)
    said = select(
        literal("user").label("what"),
        users.c.user_id,
        users.c.registered_at.label("at"),
        users.c.orders.label("number"),
        text.label("word"),
    ).where(users.c.user_id.in_(of_users), users.c.updated_at <= now)
    first = (
        select(literal("first"), coupons.c.user_id, func.min(coupons.c.claimed_at), number, text)
        .where(coupons.c.user_id.in_(of_users), coupons.c.claimed_at <= now)
        .group_by(coupons.c.user_id)
    )
    paid = (
        select(literal("paid"), orders.c.user_id, func.min(orders.c.redeemed_at), func.count(), text)
        .where(orders.c.user_id.in_(of_users), orders.c.state == REDEEMED, orders.c.redeemed_at <= now)
        .group_by(orders.c.user_id)
    )
    flagged = select(literal("flag"), flags.c.user_id, flags.c.flagged_at, number, flags.c.standing).where(
        flags.c.user_id.in_(of_users), flags.c.standing.is_not(None), flags.c.flagged_at <= now
    )
    done = select(
        literal("act"), account_actions.c.user_id, account_actions.c.taken_at, number, account_actions.c.action
    ).where(
        account_actions.c.user_id.in_(of_users),
        account_actions.c.taken_at <= now,
        account_actions.c.undone_at.is_(None),
        *(account_actions.c.action != action for action in ONCE),
    )
    return union_all(said, first, paid, flagged, done)


_PEOPLE = Listed({"of_users": users.c.user_id.type}, _statement)

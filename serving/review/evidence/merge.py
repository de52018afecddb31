"""The ledger's view of a case and what a run brought from the shop's tables, put together; plain values in and out.

The same device has one hash in both worlds, and a coupon one id: sights are united (first of the first, last of the
last), a coupon that the ledger has is the ledger's, of others on a thing the larger count stands, because both worlds
count some of the same people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from serving.review.evidence import hubs
from serving.review.evidence.brought import Brought, Cents, Place
from serving.review.evidence.others import NOBODY, Others
from serving.review.evidence.parts import Member, Moment, Sight, Thing
from serving.review.evidence.people import Whole
from serving.review.evidence.shared import Shared, most_shared

Key = tuple[str, str]


def within(brought: Brought, users: Collection[str]) -> Brought:
    """What was brought, without accounts that are not in the case; things are counted anew where some are not."""
    if all(member.user_id in users for member in brought.members):
        return brought
    sights = tuple(sight for sight in brought.sights if sight.user_id in users)
    seen: defaultdict[Key, set[str]] = defaultdict(set)
    for sight in sights:
        seen[sight.kind, sight.value].add(sight.user_id)
    things = tuple(
        replace(place, members=len(here), outsiders=place.outsiders + max(place.members - len(here), 0))
        for place in brought.things
        if (here := seen.get((place.kind, place.value)))
    )
    members = tuple(member for member in brought.members if member.user_id in users)
    coupons = tuple(coupon for coupon in brought.coupons if coupon.user_id in users)
    timeline = tuple(line for line in brought.timeline if line.user_id in users)
    claims = [line.at for line in timeline if line.what == "claim"]
    totals = replace(
        brought.totals,
        accounts=len(members),
        old=0,  # of whom the run did not say
        ordering=0,
        coupons=len(coupons),
        unused_cents=sum(coupon.unused_cents for coupon in coupons),
        redeemed_cents=sum(coupon.redeemed_cents for coupon in coupons),
        refunded_cents=sum(coupon.refunded_cents for coupon in coupons),
        templates=len({line.template_id for line in timeline if line.what == "claim"}),
        things=sum(place.members > 1 for place in things),
        first=min(claims, default=None),
        last=max(claims, default=None),
    )
    return replace(
        brought, members=members, coupons=coupons, sights=sights, things=things, timeline=timeline, totals=totals
    )


def merged_whole(figures: Whole, brought: Brought, here: Collection[str]) -> tuple[Whole, bool]:
    """Figures of both worlds, and whether the sums are exact; ``here`` are brought coupons that the ledger has.

    Where the list of coupons was cut, the sums are exact only if none of those listed is in the ledger: then the two
    worlds have nothing in common. Otherwise they are at least so much.
    """
    totals = brought.totals
    cut = totals.coupons > len(brought.coupons)
    if cut and not here:
        more = (totals.coupons, totals.unused_cents, totals.redeemed_cents, totals.refunded_cents)
    else:
        fresh = [coupon for coupon in brought.coupons if coupon.coupon_id not in here]
        more = (
            len(fresh),
            sum(coupon.unused_cents for coupon in fresh),
            sum(coupon.redeemed_cents for coupon in fresh),
            sum(coupon.refunded_cents for coupon in fresh),
        )
    templates = max(figures.templates, totals.templates)
    template_id = figures.template_id
    claimed = {line.template_id for line in brought.timeline if line.what == "claim"} | {template_id} - {None}
    if templates == 1 and len(claimed) == 1:
        template_id = claimed.pop()
    elif templates == 1 and claimed:
        templates = len(claimed)
    return replace(
        figures,
        old=max(figures.old, totals.old),
        ordering=max(figures.ordering, totals.ordering),
        coupons=figures.coupons + more[0],
        unused_cents=figures.unused_cents + more[1],
        redeemed_cents=figures.redeemed_cents + more[2],
        refunded_cents=figures.refunded_cents + more[3],
        first=_least(figures.first, totals.first),
        last=_most(figures.last, totals.last),
        templates=templates,
        template_id=template_id,
    ), not (cut and here)


def merged_members(members: Mapping[str, Member], brought: Brought, here: Collection[str]) -> dict[str, Member]:
    """Members with what the tables know of them added to what the ledger knows."""
    found = dict(members)
    for account in brought.members:
        if (member := found.get(account.user_id)) is not None:
            registered = member.registered_at or account.registered_at
            found[member.user_id] = replace(member, registered_at=registered, orders=max(member.orders, account.orders))
    for coupon in brought.coupons:
        if coupon.coupon_id not in here and (member := found.get(coupon.user_id)) is not None:
            risk = member.at_risk_cents + _at_risk(coupon)
            found[member.user_id] = replace(member, coupons=member.coupons + 1, at_risk_cents=risk)
    return found


def merged_sights(sights: Sequence[Sight], brought: Iterable[Sight], users: Collection[str]) -> tuple[Sight, ...]:
    """The sights of both worlds; ``times`` of the one that saw more, because a claim may be in both."""
    found = {(sight.user_id, sight.kind, sight.value): sight for sight in sights}
    for sight in brought:
        key = (sight.user_id, sight.kind, sight.value)
        if sight.user_id not in users:
            continue
        if (old := found.get(key)) is not None:
            first, last = min(old.first_seen, sight.first_seen), max(old.last_seen, sight.last_seen)
            sight = replace(old, first_seen=first, last_seen=last, times=max(old.times, sight.times))
        found[key] = sight
    return tuple(found[key] for key in sorted(found))


def merged_shared(
    shared: Iterable[Shared], sights: Iterable[Sight], brought: Iterable[Place], least: int
) -> tuple[Shared, ...]:
    """Things shared in either world or only in both together, with the most members that any of them counts."""
    found = {(thing.kind, thing.value): thing for thing in shared}
    for place in brought:
        if place.members >= least:
            _put(found, place.kind, place.value, place.members, place.first_seen, place.last_seen)
    seen: defaultdict[Key, list[Sight]] = defaultdict(list)
    for sight in sights:
        seen[sight.kind, sight.value].append(sight)
    for (kind, value), on in seen.items():
        if len(on) >= least:  # one sight is of one member
            first, last = min(sight.first_seen for sight in on), max(sight.last_seen for sight in on)
            _put(found, kind, value, len(on), first, last)
    counts: defaultdict[str, list[int]] = defaultdict(list)
    for thing in found.values():
        counts[thing.kind].append(thing.members)
    return most_shared(
        replace(
            thing,
            of_kind=max(thing.of_kind, len(counts[thing.kind])),
            on_kind=max(thing.on_kind, sum(counts[thing.kind])),
        )
        for thing in found.values()
    )


def thing_of(shared: Shared, there: Others | None, place: Place | None) -> Thing:
    """A thing with the others on it, in the ledger and in the tables; a hub that the run named stands."""
    there = there or NOBODY
    outsiders = max(there.accounts, place.outsiders if place else 0)
    settled = min(max(there.settled, place.settled if place else 0), outsiders)
    named = hubs.hub(place.hub) if place else None
    return Thing(
        shared.kind,
        shared.value,
        shared.members,
        outsiders,
        settled,
        named or hubs.guess(shared.kind, there),
        min(shared.first_seen, there.first_seen or shared.first_seen),
        max(shared.last_seen, there.last_seen or shared.last_seen),
        there.at_least,
    )


def merged_lines(lines: Iterable[Moment], brought: Iterable[Moment], users: Collection[str]) -> list[Moment]:
    """Lines of both worlds; what both tell of a coupon, or of a registration, is told once, as the ledger has it."""
    found = list(lines)
    told = {(line.what, line.user_id, line.coupon_id) for line in found}
    found += [
        line
        for line in brought
        if line.user_id in users
        and not ((line.coupon_id or line.what == "registered") and (line.what, line.user_id, line.coupon_id) in told)
    ]
    return found


def _put(found: dict[Key, Shared], kind: str, value: str, members: int, first: datetime, last: datetime) -> None:
    old = found.get((kind, value))
    if old is None:
        found[kind, value] = Shared(kind, value, members, first, last, 1, members)
    else:
        first, last = min(old.first_seen, first), max(old.last_seen, last)
        found[kind, value] = replace(old, members=max(old.members, members), first_seen=first, last_seen=last)


def _at_risk(coupon: Cents) -> int:
    return coupon.unused_cents + coupon.redeemed_cents - coupon.refunded_cents


def _least(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _most(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)

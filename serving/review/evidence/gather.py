"""Everything about one case, from the ledger and from what a run brought, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from serving.review.case import Case, Flag
from serving.review.evidence import forest, merge, words
from serving.review.evidence.alike import similar
from serving.review.evidence.brought import Brought
from serving.review.evidence.history import history
from serving.review.evidence.keeping import kept_for, known_coupons
from serving.review.evidence.others import others
from serving.review.evidence.parts import Evidence, Hold, Member, Sight, Thing, Totals
from serving.review.evidence.people import Whole, shown_members, whole
from serving.review.evidence.shared import Shared, shared
from serving.review.evidence.sights import claims_of, sights_of
from serving.review.evidence.timeline import cut, told_lines
from serving.store.versions import find_versions

TIMEZONE = "Asia/Shanghai"
SAID = ("flag", "verdict", "action", "revoked", "restored")
"""Lines that tell what was thought of a member."""


def evidence_of(
    connection: Connection, case: Case, now: datetime, limit: int = 200, timezone: str = TIMEZONE
) -> Evidence:
    """What is known of a case at ``now``: claims, orders and links after it do not count.

    The first ``limit`` members are told one by one; totals, things and what speaks for the members are of all.
    ``timezone`` is the shop's, for office hours. Of a case that is looked at blind, nothing is told of what anybody
    thought of its members: neither scores nor reasons, flags, verdicts, actions, or how other cases ended.
    """
    flags = case.flags[: max(limit, 0)]
    user_ids = [flag.user_id for flag in flags]
    brought = kept_for(connection, case, now)
    figures, exact = whole(connection, case.case_id, now), True
    least = 1 if figures.accounts < 2 else 2
    found = shared(connection, case.case_id, now, least)
    members = shown_members(connection, case.case_id, user_ids, now)
    claims = claims_of(connection, user_ids, now)
    sights = sights_of(connection, claims, user_ids, now)
    lines = told_lines(connection, members, claims, now)
    if brought is not None:
        brought = merge.within(brought, set(case.users))
        here = known_coupons(connection, [coupon.coupon_id for coupon in brought.coupons])
        figures, exact = merge.merged_whole(figures, brought, here)
        members = merge.merged_members(members, brought, here)
        sights = merge.merged_sights(sights, brought.sights, members)
        found = merge.merged_shared(found, sights, brought.things, least)
        lines = merge.merged_lines(lines, brought.timeline, members)
    if case.hidden:
        lines = [line for line in lines if line.what not in SAID]
        figures = replace(figures, cleared=0)
    things = _things(connection, case.case_id, found, brought, now, timezone)
    if least == 1:
        things = tuple(thing for thing in things if thing.outsiders)
    by_kind = _by_kind(found, things, least)
    count = sum(number for number, _ in by_kind.values())
    timeline, timeline_cut = cut(lines)
    told = _told(figures, by_kind, _class_of(connection, figures))
    return Evidence(
        case.case_id,
        tuple(_member(members.get(flag.user_id), flag, case.hidden) for flag in flags),
        max(figures.accounts, len(case.flags)),
        sights,
        things,
        _holding(sights, things),
        timeline,
        _totals(figures, count, exact),
        words.headline(told, things),
        words.against(told, things),
        () if case.hidden else similar(connection, case, figures.accounts, {thing.kind for thing in things}, now),
        () if case.hidden else history(connection, case, now),
        timeline_cut or (brought is not None and brought.timeline_cut),
        len(things) < count,
        brought.models if brought is not None and not case.hidden else (),
    )


def _member(known: Member | None, flag: Flag, hidden: bool) -> Member:
    member = known or Member(flag.user_id, 0.0, "", None, None, 0, 0, 0)
    if hidden:
        return replace(member, action="allow", standing=None)
    return replace(member, score=flag.score, action=flag.action, reasons=flag.reasons)


def _things(
    connection: Connection,
    case_id: str,
    found: Sequence[Shared],
    brought: Brought | None,
    now: datetime,
    timezone: str,
) -> tuple[Thing, ...]:
    ahead = now.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(timezone)).utcoffset() or timedelta()
    keys = [(thing.kind, thing.value) for thing in found]
    seen = others(connection, case_id, keys, now, int(ahead.total_seconds()))
    places = {(place.kind, place.value): place for place in brought.things} if brought is not None else {}
    return tuple(merge.thing_of(thing, seen.get(key), places.get(key)) for key, thing in zip(keys, found, strict=True))


def _holding(sights: Collection[Sight], things: Collection[Thing]) -> tuple[Hold, ...]:
    strengths = {
        (thing.kind, thing.value): forest.strength(thing.kind, thing.outsiders, thing.settled) for thing in things
    }
    return forest.holding(((sight.user_id, (sight.kind, sight.value)) for sight in sights), strengths)


def _by_kind(found: Sequence[Shared], things: Sequence[Thing], least: int) -> dict[str, tuple[int, int]]:
    """(things shared, members on them) by kind; for a lone account what it shares with others."""
    if least == 1:
        return {kind: (sum(thing.kind == kind for thing in things), 1) for kind in {thing.kind for thing in things}}
    return {thing.kind: (thing.of_kind, thing.on_kind) for thing in found}


def _class_of(connection: Connection, figures: Whole) -> str | None:
    """What the coupon is for, where all claimed the same."""
    if figures.templates != 1 or figures.template_id is None:
        return None
    key = (figures.template_id, figures.template_version or 1)
    template = find_versions(connection, [key]).get(key)
    return template.coupon_class if template is not None else None


def _told(figures: Whole, by_kind: Mapping[str, tuple[int, int]], coupon_class: str | None) -> words.Told:
    return words.Told(
        figures.accounts,
        by_kind,
        figures.coupons,
        figures.templates,
        coupon_class,
        figures.first,
        figures.last,
        figures.old,
        figures.ordering,
        figures.cleared,
        figures.addresses,
        figures.housed,
    )


def _totals(figures: Whole, things: int, exact: bool) -> Totals:
    lasted = figures.last - figures.first if figures.first is not None and figures.last is not None else timedelta()
    return Totals(
        figures.coupons,
        figures.unused_cents,
        figures.redeemed_cents,
        figures.refunded_cents,
        figures.unused_cents + figures.redeemed_cents - figures.refunded_cents,
        figures.accounts,
        things,
        round(lasted / timedelta(minutes=1)),
        exact,
    )

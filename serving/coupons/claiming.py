"""Whether a user may have a coupon of a template now: rules as frozen values with permanent tags, in a fixed order.

The first rule that does not hold is the answer. Nothing is counted here: limits are conditional writes of the store.
Issuer, coupon centre and triggers ask the same ladder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import ClassVar, Protocol

from serving.coupons.audience import Shopper
from serving.coupons.refusals import PASS, Refuse, Verdict
from serving.coupons.slots import closed
from serving.coupons.template import Template
from serving.coupons.validity import local_day
from serving.coupons.windows import open_slot

# What the user does to take a coupon (F023, F056); the caller says which.
TAKEN = ("claim", "game", "social", "live_stream", "membership", "search")
# What the shop gives of itself (F057, F063-F065, F020, F021).
GIVEN = ("push", "sign_in", "review", "share", "invite", "group_buy", "game_reward")
CODE, AUTOMATIC = "code", "automatic"
SOURCES = (*TAKEN, *GIVEN, CODE, AUTOMATIC)

REFUSE, LOOK = "refuse", "look"


@dataclass(frozen=True, slots=True)
class NewcomerLinks:
    """What a link of each kind to an older account means for a newcomer coupon: ``refuse`` it or only ``look`` (F208).

    A phone, an identity and a device are mostly one person's; an address is shared by whole dormitories.
    """

    phone: str = REFUSE
    identity: str = REFUSE
    device: str = REFUSE
    address: str = LOOK

    def refused(self, linked: frozenset[str]) -> frozenset[str]:
        return frozenset(kind for kind in linked if getattr(self, kind, LOOK) == REFUSE)


@dataclass(frozen=True, slots=True)
class Ask:
    """A coupon of ``template`` for ``shopper`` at ``now`` (UTC).

    ``decided``: a stored decision offers it. ``part``: it comes out of a pack or a draw, whose own access, delivery and
    place were asked already.
    """

    template: Template
    shopper: Shopper
    now: datetime
    zone: tzinfo
    source: str = "claim"
    place: str | None = None
    decided: bool = False
    part: bool = False
    links: NewcomerLinks = NewcomerLinks()


class ClaimRule(Protocol):
    """One rule of the ladder."""

    TAG: ClassVar[str]

    def check(self, ask: Ask) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Open:
    """A template gives nothing until somebody opens it; ``decision`` opens it to stored decisions and to the shop."""

    TAG: ClassVar[str] = "open"

    def check(self, ask: Ask) -> Verdict:
        if ask.template.access == "closed":
            return Refuse("template_closed")
        alone = ask.source in TAKEN or ask.source == AUTOMATIC
        if ask.template.access == "decision" and alone and not (ask.decided or ask.part):
            return Refuse("decision_required")
        return PASS


@dataclass(frozen=True, slots=True)
class Delivered:
    """How the template reaches its users (F030, F056, F057): a coupon that is taken may be pushed too (F042)."""

    TAG: ClassVar[str] = "delivered"

    def check(self, ask: Ask) -> Verdict:
        delivery = ask.template.delivery
        if ask.source in (CODE, AUTOMATIC):
            return PASS if ask.part or delivery == ask.source else Refuse("not_claimable")
        if delivery in (CODE, AUTOMATIC):
            return Refuse("not_claimable" if ask.source in TAKEN else "not_pushable")
        if delivery == "push" and ask.source in TAKEN and not (ask.decided or ask.part):
            return Refuse("not_claimable")
        return PASS


@dataclass(frozen=True, slots=True)
class Placed:
    """Taken where the template is shown (F050, F058); a caller that names no place is not a place."""

    TAG: ClassVar[str] = "placed"

    def check(self, ask: Ask) -> Verdict:
        if ask.place is None or ask.part or ask.template.shown_at(ask.place):
            return PASS
        return Refuse("place_mismatch")


@dataclass(frozen=True, slots=True)
class InTime:
    """Fixed dates that have passed would give a coupon that is dead already (F204)."""

    TAG: ClassVar[str] = "in_time"

    def check(self, ask: Ask) -> Verdict:
        _, until = ask.template.validity.window(ask.now, ask.zone)
        return PASS if ask.now < until else Refuse("claim_over")


@dataclass(frozen=True, slots=True)
class Known:
    """A template that asks about its users is not for those of whom the shop has said nothing."""

    TAG: ClassVar[str] = "known"

    def check(self, ask: Ask) -> Verdict:
        return Refuse("profile_required") if ask.template.audience.asks and not ask.shopper.known else PASS


@dataclass(frozen=True, slots=True)
class Tagged:
    """Any of the wanted tags and none of the unwanted (F025, F070)."""

    TAG: ClassVar[str] = "tagged"

    def check(self, ask: Ask) -> Verdict:
        audience, tags = ask.template.audience, ask.shopper.tags
        wanted = not audience.tags or not tags.isdisjoint(audience.tags)
        return PASS if wanted and tags.isdisjoint(audience.without_tags) else Refuse("audience_mismatch")


@dataclass(frozen=True, slots=True)
class Tier:
    """Members of the named tiers (F022)."""

    TAG: ClassVar[str] = "tier"

    def check(self, ask: Ask) -> Verdict:
        tiers = ask.template.audience.member_tiers
        return PASS if not tiers or ask.shopper.member_tier in tiers else Refuse("tier_mismatch")


@dataclass(frozen=True, slots=True)
class Birthday:
    """In the month of the birthday, by the shop's calendar (F026)."""

    TAG: ClassVar[str] = "birthday"

    def check(self, ask: Ask) -> Verdict:
        if not ask.template.audience.birthday_month:
            return PASS
        born = ask.shopper.birthday
        if born is not None and born.month == local_day(ask.now, ask.zone).month:
            return PASS
        return Refuse("birthday_mismatch")


@dataclass(frozen=True, slots=True)
class Verified:
    """A bound phone and one identity for one account, where the template asks for them (F066)."""

    TAG: ClassVar[str] = "verified"

    def check(self, ask: Ask) -> Verdict:
        audience, shopper = ask.template.audience, ask.shopper
        if audience.phone_verified and not shopper.phone_verified:
            return Refuse("phone_unverified")
        if audience.identity_verified and not shopper.identity_verified:
            return Refuse("identity_unverified")
        if audience.identity_verified and shopper.identity_taken:
            return Refuse("identity_taken")
        return PASS


@dataclass(frozen=True, slots=True)
class Newcomer:
    """No order yet, and no older account of the same person (F011, F066, F208)."""

    TAG: ClassVar[str] = "newcomer"

    def check(self, ask: Ask) -> Verdict:
        if not ask.template.audience.newcomer:
            return PASS
        if ask.shopper.orders > 0:
            return Refuse("newcomer_only")
        return Refuse("newcomer_linked") if ask.links.refused(ask.shopper.linked_old) else PASS


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """No paid order yet (F013, F025)."""

    TAG: ClassVar[str] = "first_order"

    def check(self, ask: Ask) -> Verdict:
        first = ask.template.audience.first_order
        return Refuse("first_order_only") if first and ask.shopper.orders > 0 else PASS


@dataclass(frozen=True, slots=True)
class InSlot:
    """Within one of the claim windows of the day (F060); otherwise the seconds until the next one."""

    TAG: ClassVar[str] = "in_slot"

    def check(self, ask: Ask) -> Verdict:
        slots = ask.template.limits.slots
        if not slots or open_slot(slots, ask.now, ask.zone) is not None:
            return PASS
        return closed(slots, ask.now, ask.zone)


LADDER: tuple[ClaimRule, ...] = (
    Open(),
    Delivered(),
    Placed(),
    InTime(),
    Known(),
    Tagged(),
    Tier(),
    Birthday(),
    Verified(),
    Newcomer(),
    FirstOrder(),
    InSlot(),
)


def check_claim(ask: Ask) -> Verdict:
    """The first refusal of the ladder, or a pass."""
    for rule in LADDER:
        verdict = rule.check(ask)
        if isinstance(verdict, Refuse):
            return verdict
    return PASS


def to_look_at(ask: Ask) -> tuple[str, ...]:
    """Kinds of link to an older account that do not refuse a newcomer coupon but are a reason to look (F208)."""
    if not ask.template.audience.newcomer:
        return ()
    return tuple(sorted(ask.shopper.linked_old - ask.links.refused(ask.shopper.linked_old)))

"""How lists and campaigns sort coupons: the four ways of F030 and the levers of F062."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serving.coupons.classes import Names
from serving.coupons.kinds import CategoryPercent, Percent, RandomAmount, ThresholdCut, TieredCut
from serving.coupons.template import Template

# What a coupon is meant to do, by its class; classes not named here promote sales.
FUNCTIONS: Mapping[str, Names] = {
    "acquire": Names("Win new customers", "拉新"),
    "retain": Names("Keep customers", "促活留存"),
    "win_back": Names("Win customers back", "召回"),
    "launch": Names("Make goods known", "推品"),
    "promote": Names("Promote sales", "促销"),
}
_FUNCTION_OF = {
    **dict.fromkeys(("newcomer", "first_order", "viral"), "acquire"),
    **dict.fromkeys(("member", "vip", "special_care", "birthday", "member_day", "game", "social"), "retain"),
    **dict.fromkeys(("return_gift", "churn"), "win_back"),
    **dict.fromkeys(("new_product", "category_zone", "trial", "sample"), "launch"),
}

LEVERS: Mapping[str, Names] = {
    "limited_time": Names("Limited time", "限时"),
    "limited_quantity": Names("Limited quantity", "限量"),
    "deep_discount": Names("Deep discount", "大额"),
}
# From here on a discount is deep: 7折, or 30 off 100.
DEEP_PERCENT = 30


@dataclass(frozen=True, slots=True)
class Facets:
    """A coupon in four ways (F030): stackable or not, active or pushed, claim places, function."""

    stackable: bool
    issue: str
    places: tuple[str, ...]
    function: str


def facets(template: Template) -> Facets:
    """``issue`` is ``active`` where the user does something for the coupon, ``pushed`` where the shop does."""
    issue = "active" if template.delivery in ("claim", "code") else "pushed"
    function = _FUNCTION_OF.get(template.coupon_class, "promote")
    return Facets(template.stackable, issue, template.card.places, function)


def levers(template: Template) -> tuple[str, ...]:
    """What makes people hurry (F062): time, quantity, depth."""
    limits = template.limits
    found = {
        "limited_time": bool(limits.slots or template.windows) or template.validity.length_days <= 3,
        "limited_quantity": limits.quantity is not None or limits.day_quota is not None or bool(limits.slots),
        "deep_discount": depth_percent(template) >= DEEP_PERCENT,
    }
    return tuple(lever for lever, used in found.items() if used)


def depth_percent(template: Template) -> int:
    """The largest percentage that the coupon takes off an order of its minimum, rounded up.

    100 without a minimum for a fixed amount, 0 for kinds whose depth only the prices of a cart tell.
    """
    match template.kind:
        case Percent(percent_off=percent):
            return percent
        case CategoryPercent(rates=rates):
            return max(rate.percent_off for rate in rates)
        case ThresholdCut(minimum_cents=minimum, face_cents=face):
            return -(-face * 100 // minimum)
        case TieredCut(steps=steps):
            return max(-(-step.face_cents * 100 // step.minimum_cents) for step in steps)
        case RandomAmount(high_cents=high, minimum_cents=minimum):
            return -(-high * 100 // minimum) if minimum else 100
        case kind:
            return 100 if kind.TAG == "no_threshold" else 0

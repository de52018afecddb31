"""Rules of thumb for whoever sets up a template: warnings, never errors (F008, F009, F038–F043, F052–F055, F176, F204).

What a rule knows of the shop comes as ``ShopFacts``; without the fact there is no advice. Amounts are cents, and texts
say them in the shop's currency unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from serving.coupons.kinds import CategoryPercent, NoThreshold, Percent, ThresholdCut, TieredCut, minimum_of, prices
from serving.coupons.money import percent_of
from serving.coupons.shop_facts import Guide, ShopFacts, margin_after, said, suggested_threshold
from serving.coupons.template import Template
from serving.coupons.validity import DaysFromClaim, FixedDates, MinutesFromClaim, Validity

__all__ = ["Advice", "Guide", "ShopFacts", "advise", "validity_use"]


@dataclass(frozen=True, slots=True)
class Advice:
    """A warning in two languages; ``requirement`` is the number of the rule."""

    code: str
    en: str
    zh: str
    requirement: str


# Days that suit a class (F038), and the most that suit one (F204).
DAYS_OF_CLASS = {"newcomer": (3, 7), "general": (7, 14)}
MOST_DAYS_OF_CLASS = {"limited_time": 3, "flash": 3, "member": 30, "vip": 30}
ON_FIXED_DATES = ("festival", "anniversary")


def advise(template: Template, facts: ShopFacts | None = None, guide: Guide | None = None) -> tuple[Advice, ...]:
    """Every rule that the template does not follow, in the order of the rules."""
    found = (rule(template, facts or ShopFacts(), guide or Guide()) for rule in RULES)
    return tuple(advice for advice in found if advice is not None)


def validity_use(validity: Validity) -> str:
    """What a validity is good for (F204).

    >>> [validity_use(DaysFromClaim(days)) for days in (3, 7, 15, 30)]
    ['timed_event', 'newcomer', 'time_to_decide', 'member_right']
    """
    if isinstance(validity, FixedDates):
        return "festival"
    days = validity.length_days
    return next(
        (use for most, use in ((3, "timed_event"), (7, "newcomer"), (15, "time_to_decide")) if days <= most),
        "member_right",
    )


def _no_threshold_many(template: Template, _: ShopFacts, guide: Guide) -> Advice | None:
    quantity = template.limits.quantity
    if not isinstance(template.kind, NoThreshold) or (quantity is not None and quantity <= guide.no_threshold_quantity):
        return None
    most = guide.no_threshold_quantity
    return Advice(
        "no_threshold_many",
        f"A coupon without a minimum is best given out in small number: at most {most}.",
        f"无门槛券宜少量发放：建议不超过 {most} 张。",
        "F008",
    )


def _face_over_cheapest(template: Template, facts: ShopFacts, _: Guide) -> Advice | None:
    cheapest = facts.cheapest_item_cents
    if not isinstance(template.kind, NoThreshold) or cheapest is None or template.kind.face_cents < cheapest:
        return None
    return Advice(
        "face_over_cheapest",
        f"The coupon pays for the cheapest item ({said(cheapest)}) in full: take a little less than that.",
        f"面额不低于最低价商品（{said(cheapest)} 元），建议略低于该价格。",
        "F009",
    )


def _days_of_class(template: Template, _: ShopFacts, __: Guide) -> Advice | None:
    if template.coupon_class not in DAYS_OF_CLASS or isinstance(template.validity, MinutesFromClaim):
        return None
    least, most = DAYS_OF_CLASS[template.coupon_class]
    days = template.validity.length_days
    # Fixed dates may end soon after a claim, so only their whole length can be too long.
    too_short = days < least and isinstance(template.validity, DaysFromClaim)
    if days <= most and not too_short:
        return None
    return Advice(
        "validity_unusual",
        f"{days} days: {template.coupon_class} coupons do best with {least} to {most} days.",
        f"有效期 {days} 天：此类券建议 {least}–{most} 天。",
        "F038",
    )


def _unlimited(template: Template, _: ShopFacts, __: Guide) -> Advice | None:
    if template.limits.quantity is not None or template.delivery == "automatic":
        return None
    return Advice(
        "quantity_unlimited",
        "A limited quantity that people can see is used about three times as much as an unlimited one.",
        "限量发放并展示剩余数量，使用率约为不限量的 3 倍。",
        "F040",
    )


def _per_account(template: Template, _: ShopFacts, guide: Guide) -> Advice | None:
    limits = template.limits
    limit = limits.per_user if limits.per_user is not None else limits.per_user_day
    if template.delivery == "automatic" or (limit is not None and limit <= guide.per_account):
        return None
    return Advice(
        "per_account_high",
        f"Let an account claim 1 to {guide.per_account} of these coupons.",
        f"建议每个账号限领 1–{guide.per_account} 张。",
        "F043",
    )


def _face_over_value(template: Template, facts: ShopFacts, _: Guide) -> Advice | None:
    value, margin = facts.user_value_cents, facts.gross_margin_percent
    if value is None or margin is None or not prices(template.kind):
        return None
    most = percent_of(value, margin)
    if template.kind.most_cents * template.uses <= most:
        return None
    return Advice(
        "face_over_value",
        f"At a margin of {margin} % a user who spends {said(value)} earns {said(most)}: give no more than that.",
        f"毛利率 {margin}%，用户价值 {said(value)} 元，面额建议不超过 {said(most)} 元。",
        "F052",
    )


def _margin_thin(template: Template, facts: ShopFacts, guide: Guide) -> Advice | None:
    rate = margin_after(template.kind, facts)
    if rate is None or rate >= guide.least_margin_percent:
        return None
    return Advice(
        "margin_thin",
        f"A typical sale earns {rate:.1f} % after this coupon, less than {guide.least_margin_percent} %.",
        f"典型订单用券后利润率为 {rate:.1f}%，低于 {guide.least_margin_percent}%。",
        "F053",
    )


def _threshold_unfit(template: Template, facts: ShopFacts, _: Guide) -> Advice | None:
    average, minimum = facts.average_order_cents, minimum_of(template.kind)
    if average is None or not isinstance(template.kind, ThresholdCut | TieredCut):
        return None
    wanted, face = suggested_threshold(average)
    if average * 11 <= minimum * 10 and minimum <= wanted:
        return None
    return Advice(
        "threshold_unfit",
        f"With an average order of {said(average)}, ask for {said(wanted)} and take {said(face)} off.",
        f"客单价 {said(average)} 元，建议满 {said(wanted)} 减 {said(face)}。",
        "F054",
    )


def _percent_deep(template: Template, facts: ShopFacts, _: Guide) -> Advice | None:
    margin = facts.gross_margin_percent
    match template.kind:
        case Percent(percent_off=percent):
            deepest = percent
        case CategoryPercent(rates=rates):
            deepest = max(rate.percent_off for rate in rates)
        case _:
            return None
    if margin is None or deepest <= margin:
        return None
    return Advice(
        "percent_deep",
        f"{deepest} % off is more than the gross margin of {margin} %: every sale would lose money.",
        f"优惠 {deepest}% 超过毛利率 {margin}%，将亏本销售。",
        "F055",
    )


def _validity_long(template: Template, _: ShopFacts, guide: Guide) -> Advice | None:
    days = template.validity.length_days
    if days <= guide.longest_days:
        return None
    return Advice(
        "validity_long",
        f"{days} days: coupons are used best within 7 days, and clearly less above {guide.longest_days}.",
        f"有效期 {days} 天：7 天内效果最佳，超过 {guide.longest_days} 天明显变差。",
        "F176",
    )


def _validity_use(template: Template, _: ShopFacts, __: Guide) -> Advice | None:
    most = MOST_DAYS_OF_CLASS.get(template.coupon_class)
    fixed = template.coupon_class in ON_FIXED_DATES
    unfit = template.validity.length_days > most if most is not None else False
    if not unfit and not (fixed and not isinstance(template.validity, FixedDates)):
        return None
    en, zh = ("fixed dates", "固定日期") if fixed else (f"at most {most} days", f"不超过 {most} 天")
    return Advice(
        "validity_use",
        f"{template.coupon_class} coupons do best with {en}: 3 days for an event, 7 for newcomers, 15 to decide, "
        "30 for members, fixed dates for a festival.",
        f"此类券建议{zh}：3 天用于限时活动，7 天用于新人，15 天供考虑，30 天为会员权益，固定日期用于节日。",
        "F204",
    )


RULES: tuple[Callable[[Template, ShopFacts, Guide], Advice | None], ...] = (
    _no_threshold_many,
    _face_over_cheapest,
    _days_of_class,
    _unlimited,
    _per_account,
    _face_over_value,
    _margin_thin,
    _threshold_unfit,
    _percent_deep,
    _validity_long,
    _validity_use,
)

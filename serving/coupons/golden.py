"""The five golden rules as a checklist that is shown when a template is saved (F177).

Depth, threshold, deadline, quantity and scene fit: each rule holds when none of its advice was given, and is open
(None) where the facts that it needs are not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serving.coupons.advice import Advice, advise
from serving.coupons.classes import Names
from serving.coupons.kinds import NoThreshold, prices
from serving.coupons.shop_facts import Guide, ShopFacts
from serving.coupons.template import Template

GOLDEN_RULES: Mapping[str, Names] = {
    "depth": Names("The discount is worth having and leaves a margin.", "力度：优惠有吸引力且保有利润。"),
    "threshold": Names("The minimum lies a little above what people spend anyway.", "门槛：略高于客单价。"),
    "deadline": Names("It ends soon enough to be used.", "时效：期限紧凑，促使尽快使用。"),
    "quantity": Names("It is limited, in all and per account.", "数量：总量与每人限领。"),
    "scene": Names("It fits an occasion, certain people or certain goods.", "场景：匹配时机、人群或商品。"),
}
_RULE_OF = {
    "face_over_cheapest": "depth",
    "face_over_value": "depth",
    "margin_thin": "depth",
    "percent_deep": "depth",
    "threshold_unfit": "threshold",
    "validity_unusual": "deadline",
    "validity_long": "deadline",
    "validity_use": "deadline",
    "no_threshold_many": "quantity",
    "quantity_unlimited": "quantity",
    "per_account_high": "quantity",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One golden rule: ``holds`` is None where it is not known; ``advice`` says what speaks against it."""

    rule: str
    holds: bool | None
    en: str
    zh: str
    advice: tuple[Advice, ...] = ()


def checklist(template: Template, facts: ShopFacts | None = None, guide: Guide | None = None) -> tuple[Check, ...]:
    """The five rules, in their order."""
    facts = facts or ShopFacts()
    given = advise(template, facts, guide)
    return tuple(_check(rule, template, facts, given) for rule in GOLDEN_RULES)


def _check(rule: str, template: Template, facts: ShopFacts, given: tuple[Advice, ...]) -> Check:
    against = tuple(advice for advice in given if _RULE_OF[advice.code] == rule)
    holds: bool | None = not against
    if rule == "scene":
        holds = fits_a_scene(template)
    elif not against and not _known(rule, template, facts):
        holds = None
    names = GOLDEN_RULES[rule]
    return Check(rule, holds, names.en, names.zh, against)


def _known(rule: str, template: Template, facts: ShopFacts) -> bool:
    """Whether enough is known of the shop to judge a rule."""
    if rule == "depth":
        return facts.sale is not None or facts.gross_margin_percent is not None or not prices(template.kind)
    if rule == "threshold":
        return facts.average_order_cents is not None or isinstance(template.kind, NoThreshold)
    return True


def fits_a_scene(template: Template) -> bool:
    """Whether it is for an occasion, for certain users, goods or hours: a coupon for everything fits nothing."""
    return (
        template.coupon_class != "general"
        or template.audience.asks
        or template.scope.of != "all"
        or bool(template.windows or template.limits.slots)
    )

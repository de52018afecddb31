"""What the class of a coupon promises must be what its other fields do (F031): a newcomer coupon asks for newcomers.

Otherwise a form would show "newcomer" over a coupon that everybody can take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from serving.coupons.classes import check_class
from serving.coupons.kinds import CategoryPercent
from serving.coupons.money import InvalidError
from serving.coupons.validity import FixedDates

if TYPE_CHECKING:
    from serving.coupons.template import Template

# A timed event lasts three days at most (F204).
EVENT_DAYS = 3


class Promise(NamedTuple):
    """What must hold for a class, and the field that says so."""

    field: str
    holds: Callable[[Template], bool]
    expected: str


def _on_days(template: Template) -> bool:
    """Usable on certain days of the calendar only."""
    return isinstance(template.validity, FixedDates) or any(window.month_days for window in template.windows)


def _short(template: Template) -> bool:
    return template.validity.length_days <= EVENT_DAYS or bool(template.windows or template.limits.slots)


PROMISES: Mapping[str, Promise] = {
    "newcomer": Promise("audience.newcomer", lambda t: t.audience.newcomer, "true"),
    "first_order": Promise("audience.first_order", lambda t: t.audience.first_order, "true"),
    "member": Promise("audience.member_tiers", lambda t: bool(t.audience.member_tiers), "the tiers of the members"),
    "vip": Promise(
        "audience.tags", lambda t: bool(t.audience.tags or t.audience.member_tiers), "tags or tiers of the VIPs"
    ),
    "special_care": Promise("audience.tags", lambda t: bool(t.audience.tags), "the tags of these users"),
    "return_gift": Promise("audience.tags", lambda t: bool(t.audience.tags), "the tags of returning users"),
    "churn": Promise("audience.tags", lambda t: bool(t.audience.tags), "the tags of lost users"),
    "birthday": Promise("audience.birthday_month", lambda t: t.audience.birthday_month, "true"),
    "member_day": Promise("windows", _on_days, "a window with month_days, or fixed dates"),
    "festival": Promise("validity", _on_days, "fixed dates, or a window with month_days"),
    "anniversary": Promise("validity", _on_days, "fixed dates, or a window with month_days"),
    "shop": Promise("owner", lambda t: t.owner == "merchant", "merchant"),
    "category_zone": Promise("scope", lambda t: t.scope.of == "category", "a scope of categories"),
    "new_product": Promise("scope", lambda t: t.scope.of in ("tag", "sku"), "a scope of tags or SKUs"),
    "early_bird": Promise("windows", lambda t: bool(t.windows), "the hours of the early birds"),
    "limited_time": Promise("validity", _short, "at most 3 days, or windows, or slots"),
}


def check_purpose(template: Template) -> None:
    """Refuse a class that the kind does not have, and one whose promise the template does not keep."""
    check_class(template.kind.TAG, template.coupon_class)
    promise = PROMISES.get(template.coupon_class)
    if promise is not None and not promise.holds(template):
        given = attrgetter(promise.field)(template)
        raise InvalidError(promise.field, given, f"{promise.expected} for the class {template.coupon_class}")
    if isinstance(template.kind, CategoryPercent) and template.owner == "platform":
        _check_rated(template, template.kind)


def _check_rated(template: Template, kind: CategoryPercent) -> None:
    """Every line that counts for the minimum has a rate: lines of other categories are not part of it (F045)."""
    rated = [f"{rate.category}/" for rate in kind.rates]
    inside = all(any(f"{name}/".startswith(root) for root in rated) for name in template.scope.names)
    if template.scope.of != "category" or not inside:
        raise InvalidError("scope", str(template.scope), "a scope of categories that the rates name")

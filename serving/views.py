"""How coupons, quotes, holds and redemptions look in an answer: JSON values, moments with a Z, units in full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from serving.coupons.apportion import unit_share
from serving.coupons.coupon import HELD, UNUSED, Coupon
from serving.coupons.events import LineSplit
from serving.coupons.kinds import kind_to_data
from serving.coupons.pricing import Priced, Quote
from serving.coupons.refusals import Refuse
from serving.coupons.template import Template
from serving.coupons.validity import validity_to_data


def moment(at: datetime) -> str:
    return at.isoformat() + "Z"


def coupon_view(coupon: Coupon, template: Template) -> dict[str, Any]:
    """A user's coupon; people see unused, used and expired, and a lock as ``held_until``."""
    return {
        "coupon_id": coupon.coupon_id,
        "user_id": coupon.user_id,
        "template": template_view(template),
        "campaign_id": coupon.campaign_id,
        "decision_id": coupon.decision_id,
        "state": UNUSED if coupon.state == HELD else coupon.state,
        "held_until": moment(coupon.hold.deadline) if coupon.hold else None,
        "claimed_at": moment(coupon.claimed_at),
        "valid_from": moment(coupon.valid_from),
        "valid_until": moment(coupon.valid_until),
    }


def template_view(template: Template, issued: int | None = None) -> dict[str, Any]:
    shelf = {} if issued is None else {"issued": issued}
    return {
        "template_id": template.template_id,
        "version": template.version,
        "name": template.name,
        **kind_to_data(template.kind),
        "scope": str(template.scope),
        "without": list(template.scope.without),
        "terminals": list(template.terminals),
        "validity": validity_to_data(template.validity),
        "quantity": template.quantity,
        "per_user": template.per_user,
        "per_user_day": template.per_user_day,
        "campaign_id": template.campaign_id,
        "access": template.access,
        **shelf,
    }


def split_view(split: Sequence[LineSplit]) -> list[dict[str, Any]]:
    """Per line: its share of the discount and the share of each unit, in unit order."""
    return [
        {
            "line_no": line.line_no,
            "quantity": line.quantity,
            "unit_price_cents": line.unit_price_cents,
            "share_cents": line.share_cents,
            "unit_share_cents": [unit_share(line.share_cents, line.quantity, n + 1) for n in range(line.quantity)],
        }
        for line in split
    ]


def refusal_view(refuse: Refuse) -> dict[str, Any]:
    view: dict[str, Any] = {"code": refuse.code, "detail": refuse.text("en"), "detail_zh": refuse.text("zh")}
    if refuse.distance is not None:
        view["distance"] = {"amount": refuse.distance, "unit": refuse.unit}
    return view


def priced_view(priced: Priced) -> dict[str, Any]:
    return {
        "coupon_id": priced.coupon.coupon_id,
        "template_id": priced.coupon.template_id,
        "discount_cents": priced.discount_cents,
        "lines": split_view(priced.split),
    }


def quote_view(quote: Quote) -> dict[str, Any]:
    return {
        "goods_cents": quote.cart.goods_cents,
        "freight_cents": quote.cart.freight_cents,
        "payable_cents": quote.payable_cents,
        "best": priced_view(quote.best) if quote.best else None,
        "usable": [priced_view(priced) for priced in quote.usable],
        "unusable": [
            {"coupon_id": coupon.coupon_id, "template_id": coupon.template_id, **refusal_view(refuse)}
            for coupon, refuse in quote.unusable
        ],
    }

"""How templates, coupons, quotes and receipts look in an answer: JSON values, moments with a Z, money in cents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from serving.coupons.advice import Advice
from serving.coupons.catalogue import template_to_data
from serving.coupons.classes import CLASS_NAMES, KIND_NAMES
from serving.coupons.coupon import EXPIRED, HELD, REVOKED, UNUSED, Coupon
from serving.coupons.golden import Check
from serving.coupons.margin import Thin
from serving.coupons.pricing import Candidate, Quote
from serving.coupons.receipt import BEARERS, Applied, Receipt
from serving.coupons.refusals import Refuse
from serving.coupons.template import Template
from serving.wording import condition

_VISIBLE = {HELD: UNUSED, REVOKED: EXPIRED}


def moment(at: datetime) -> str:
    return at.isoformat() + "Z"


def visible_state(coupon: Coupon, now: datetime | None = None) -> str:
    """Unused, used or expired: the only states that people see (F098).

    A lock is shown beside it as ``held_until`` and a coupon that was taken back counts as expired. With ``now``, what
    time has ended and the sweeper has not visited yet is expired too.
    """
    if now is not None and coupon.state == UNUSED and coupon.valid_until <= now:
        return EXPIRED
    return _VISIBLE.get(coupon.state, coupon.state)


def coupon_view(coupon: Coupon, template: Template) -> dict[str, Any]:
    """A user's coupon with the version of the template under which it was issued."""
    return {
        "coupon_id": coupon.coupon_id,
        "user_id": coupon.user_id,
        "template": template_view(template),
        "campaign_id": coupon.campaign_id,
        "decision_id": coupon.decision_id,
        "state": visible_state(coupon),
        "held_until": moment(coupon.hold.deadline) if coupon.hold else None,
        "face_cents": coupon.face_cents,
        "uses": coupon.uses,
        "used": coupon.used,
        "source": coupon.source,
        "claimed_at": moment(coupon.claimed_at),
        "valid_from": moment(coupon.valid_from),
        "valid_until": moment(coupon.valid_until),
    }


def template_view(template: Template, issued: int | None = None) -> dict[str, Any]:
    """A template as operators see it; ``kind`` is the tag by which lists are filtered, ``deduction`` all of the kind.

    With ``issued``, how many coupons are out and how many are left; None is unlimited.
    """
    data = template_to_data(template)
    deduction = data.pop("kind")
    view = {**data, "kind": deduction["kind"], "deduction": deduction, "access": template.access}
    if issued is not None:
        view["issued"] = issued
        view["remaining"] = remaining(template, issued)
    return view


def remaining(template: Template, issued: int) -> int | None:
    quantity = template.limits.quantity
    return None if quantity is None else max(0, quantity - issued)


def card_view(coupon: Coupon, template: Template, now: datetime | None = None) -> dict[str, Any]:
    """A wallet card: name, type tag, validity, image, use-now link, condition and description (F096)."""
    return {
        "coupon_id": coupon.coupon_id,
        "template_id": coupon.template_id,
        **face_view(template, coupon.face_cents),
        "state": visible_state(coupon, now),
        "held_until": moment(coupon.hold.deadline) if coupon.hold else None,
        "uses_left": coupon.uses - coupon.used,
        "claimed_at": moment(coupon.claimed_at),
        "valid_from": moment(coupon.valid_from),
        "valid_until": moment(coupon.valid_until),
    }


def face_view(template: Template, drawn_cents: int | None = None) -> dict[str, Any]:
    """What a card says of its template before anybody has it; ``drawn_cents`` is the face of a random amount."""
    return {
        "name": template.name,
        "kind": template.kind.TAG,
        "type": KIND_NAMES[template.kind.TAG]._asdict(),
        "class": {"code": template.coupon_class, **CLASS_NAMES[template.coupon_class]._asdict()},
        "condition": _said(template, drawn_cents),
        "description": template.card.description,
        "image": template.card.image,
        "use_link": template.card.link,
        "scope": str(template.scope),
        "terminals": list(template.terminals),
        "stackable": template.stackable,
    }


def _said(template: Template, drawn_cents: int | None) -> dict[str, str]:
    en, zh = condition(template.kind, drawn_cents)
    return {"en": en, "zh": zh}


def refusal_view(refuse: Refuse) -> dict[str, Any]:
    view: dict[str, Any] = {"code": refuse.code, "detail": refuse.text("en"), "detail_zh": refuse.text("zh")}
    if refuse.distance is not None:
        view["distance"] = {"amount": refuse.distance, "unit": refuse.unit}
    return view


def advice_view(advice: Advice) -> dict[str, Any]:
    """A warning: nothing is refused, and ``requirement`` numbers the rule of thumb behind it."""
    return {
        "code": advice.code,
        "detail": advice.en,
        "detail_zh": advice.zh,
        "requirement": advice.requirement,
    }


def check_view(check: Check) -> dict[str, Any]:
    """One golden rule (F177): ``holds`` is null where too little is known of the shop."""
    return {
        "rule": check.rule,
        "holds": check.holds,
        "detail": check.en,
        "detail_zh": check.zh,
        "warnings": [advice.code for advice in check.advice],
    }


def totals_view(receipt: Receipt) -> dict[str, int]:
    """Payable = goods + freight − discount (F112); discount = activities + coupons + points (F113)."""
    return {
        "goods_cents": receipt.goods_cents,
        "freight_cents": receipt.freight_cents,
        "activity_cents": receipt.activity_cents,
        "coupon_cents": receipt.coupon_cents,
        "points_cents": receipt.points_cents,
        "discount_cents": receipt.discount_cents,
        "payable_cents": receipt.payable_cents,
    }


def receipt_view(receipt: Receipt) -> dict[str, Any]:
    """The frozen price of an order: totals, lines down to what each unit paid, coupons in the order applied."""
    dealt = [
        [receipt.unit_components(index, unit + 1) for unit in range(line.quantity)]
        for index, line in enumerate(receipt.lines)
    ]
    return {
        **totals_view(receipt),
        "freight_paid_cents": receipt.freight_paid_cents,
        "points": receipt.points,
        "lines": [
            {
                "line_no": line.line_no,
                "sku": line.sku,
                "quantity": line.quantity,
                "unit_price_cents": line.unit_price_cents,
                "price_cents": line.price_cents,
                "activity_cents": line.activity_cents,
                "coupon_cents": sum(coupon.shares[index] for coupon in receipt.coupons),
                "points_cents": line.points_cents,
                "paid_cents": receipt.line_paid_cents(index),
                "unit_paid_cents": [line.unit_price_cents - sum(unit) for unit in dealt[index]],
            }
            for index, line in enumerate(receipt.lines)
        ],
        "coupons": [_applied(receipt, dealt, number, coupon) for number, coupon in enumerate(receipt.coupons, 1)],
    }


def _applied(receipt: Receipt, dealt: list[list[tuple[int, ...]]], number: int, coupon: Applied) -> dict[str, Any]:
    """One coupon of an order; ``number`` is its turn, and so its place among the components of a unit."""
    return {
        "coupon_id": coupon.coupon_id,
        "template_id": coupon.template_id,
        "template_version": coupon.template_version,
        "kind": coupon.kind,
        "discount_cents": coupon.discount_cents,
        "freight_cents": coupon.freight_cents,
        "lines": [
            {
                "line_no": line.line_no,
                "share_cents": coupon.shares[index],
                "unit_share_cents": [unit[number] for unit in dealt[index]],
                "borne": dict(zip(BEARERS, coupon.borne[index], strict=True)) if coupon.borne else {},
            }
            for index, line in enumerate(receipt.lines)
            if coupon.shares[index]
        ],
        "gifts": [{"sku": sku, "quantity": quantity} for sku, quantity in coupon.gifts],
        "points": coupon.points,
        "red_packet_cents": coupon.red_packet_cents,
    }


def quote_view(quote: Quote) -> dict[str, Any]:
    """Every coupon of a wallet against one cart: usable with its saving, unusable with the reason, and the best set.

    The totals are those of the best set. ``best`` lists its coupons in the order applied; ``exact`` says whether
    nothing better exists, and ``bound_cents`` is a saving that no set can exceed.
    """
    best = quote.best
    return {
        **totals_view(best.receipt or quote.plain),
        "best": None
        if best.receipt is None
        else {
            "coupon_ids": [coupon.coupon_id for coupon in best.receipt.coupons],
            "saving_cents": best.saving_cents,
            "bound_cents": best.bound_cents,
            "exact": best.exact,
            **receipt_view(best.receipt),
        },
        "usable": [{**_candidate(use.candidate), "saving_cents": use.saving_cents} for use in quote.usable],
        "unusable": [{**_candidate(candidate), **refusal_view(refuse)} for candidate, refuse in quote.unusable],
        "warnings": margin_view(quote.warnings),
    }


def margin_view(thin: Sequence[Thin]) -> list[dict[str, Any]]:
    """Lines that earn too little after coupons (F053)."""
    return [{"line_no": line.line_no, "detail": line.text("en"), "detail_zh": line.text("zh")} for line in thin]


def _candidate(candidate: Candidate) -> dict[str, Any]:
    coupon, template = candidate.coupon, candidate.template
    return {
        "coupon_id": coupon.coupon_id,
        "template_id": template.template_id,
        "name": template.name,
        "kind": template.kind.TAG,
        "condition": _said(template, coupon.face_cents),
        "valid_until": moment(coupon.valid_until),
    }

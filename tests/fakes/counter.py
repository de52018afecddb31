"""A counter without a store: coupons are made as a claim makes them, and carts priced as the product does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from serving.coupons.cart import Cart, Line
from serving.coupons.coupon import Coupon
from serving.coupons.kinds import Kind
from serving.coupons.pricing import Candidate, Rates, price_set
from serving.coupons.receipt import Receipt
from serving.coupons.refusals import Refuse
from serving.coupons.template import Template
from serving.coupons.validity import DaysFromClaim

ZONE = ZoneInfo("Asia/Shanghai")
RATES = Rates(zone=ZONE)


def local(text: str, zone: ZoneInfo = ZONE) -> datetime:
    """The moment (UTC, naive) of a time of the shop's clock: ``local("2026-05-01 10:00")``."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


NOON = local("2026-05-01 12:00")


def template(kind: Kind, **values: Any) -> Template:
    return Template(**{"template_id": "t", "name": "t", "validity": DaysFromClaim(7), **values, "kind": kind})


def coupon(of: Template, claimed: datetime = NOON, face: int | None = None, coupon_id: str = "c") -> Candidate:
    valid_from, valid_until = of.validity.window(claimed, ZONE)
    drawn = of.kind.most_cents if face is None else face
    made = Coupon(coupon_id, "u", of.template_id, of.version, None, None, drawn, claimed, valid_from, valid_until)
    return Candidate(made, of)


def goods(*prices: int, freight: int = 0, **values: Any) -> Cart:
    """A cart with a line per price; ``values`` hold for every line."""
    lines = [
        Line(
            **{"sku": f"sku{n}", "category": "shoes", "quantity": 1, **values, "line_no": n, "unit_price_cents": price}
        )
        for n, price in enumerate(prices, 1)
    ]
    return Cart(tuple(lines), freight_cents=freight)


def line(line_no: int, price: int, **values: Any) -> Line:
    given = {"sku": f"sku{line_no}", "category": "shoes", "quantity": 1, **values}
    return Line(line_no=line_no, unit_price_cents=price, **given)


def order(cart: Cart, *coupons: Candidate, at: datetime = NOON) -> Receipt | Refuse:
    return price_set(coupons, "u", cart, at, RATES)


def pays(
    of: Template | Kind, cart: Cart, at: datetime = NOON, claimed: datetime = NOON, face: int | None = None
) -> Any:
    """What the customer pays with one coupon of a template, or the code of the refusal."""
    made = of if isinstance(of, Template) else template(of)
    answer = order(cart, coupon(made, claimed, face), at=at)
    return answer.payable_cents if isinstance(answer, Receipt) else answer.code

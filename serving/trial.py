"""Quotes that try something out: another moment, coupons that the user does not have, and what a refund would give.

They run on the same prices, rules and refunds as real orders, and nothing of them is kept: there is no command here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection

from serving import automatic
from serving.coupons import orders
from serving.coupons.events import Event, OrderEvent, OrderRefunded
from serving.coupons.kinds import prices
from serving.coupons.money import InvalidError
from serving.coupons.order import Order, apply_order
from serving.coupons.orders import Placed
from serving.coupons.pricing import Candidate, Quote
from serving.coupons.refusals import Refuse
from serving.order_views import refund_view
from serving.store.shelf import find_template

PREFIX = "try:"
"""What the id of a coupon begins with that nobody has; no order takes one."""


@dataclass(frozen=True, slots=True)
class Return:
    """Units (line_no, number from 1) that come back, and whether the freight does too."""

    units: tuple[tuple[int, int], ...] = ()
    freight: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: the moment ``at`` (naive UTC; None is now), coupons of these templates, and a return."""

    at: datetime | None = None
    templates: tuple[str, ...] = ()
    back: Return | None = None


NO_TRIAL = Trial()


def tried(
    connection: Connection, template_ids: Sequence[str], user_id: str, at: datetime, zone: tzinfo
) -> list[Candidate]:
    """One coupon of each template, as if it were issued at that moment; a random amount counts with its most.

    Raises ``InvalidError`` for a template that does not exist, or that is a pack or a draw and prices nothing itself.
    """
    found = []
    for n, template_id in enumerate(template_ids):
        template = find_template(connection, template_id)
        if template is None or not prices(template.kind):
            raise InvalidError(f"with_templates.{n}", template_id, "a template that takes something off a cart")
        made = automatic.candidate(template, user_id, at, zone)
        coupon = replace(made.coupon, coupon_id=f"{PREFIX}{template_id}", source="trial")
        found.append(Candidate(coupon, template))
    return found


def refund_of(
    quote: Quote, wallet: Sequence[Candidate], user_id: str, back: Return, at: datetime
) -> dict[str, Any] | Refuse:
    """What would come back if this cart were paid at its best price and these units were returned.

    The order is placed, paid and refunded by the rules of real orders, in memory alone.
    """
    receipt = quote.best.receipt or quote.plain
    by_id = {candidate.coupon.coupon_id: candidate.coupon for candidate in wallet}
    coupons = tuple(by_id[applied.coupon_id] for applied in receipt.coupons)
    held = _fold(None, orders.hold(receipt, user_id, "trial", "trial", at + timedelta(hours=1), at))
    paying = orders.redeem(Placed(held, coupons), "trial", at)
    if isinstance(paying, Refuse):
        return paying
    paid = _fold(held, paying)
    returning = orders.refund(Placed(paid, coupons), "trial", back.units, at, freight=back.freight)
    if isinstance(returning, Refuse):
        return returning
    (refunded,) = (event for event in returning if isinstance(event, OrderRefunded))
    view = refund_view(_fold(paid, returning), refunded)
    return {name: value for name, value in view.items() if name not in ("refund_id", "redemption_id")}


def _fold(order: Order | None, events: Sequence[Event]) -> Order:
    """The order after its own events; those of its coupons change nothing that is priced."""
    for event in events:
        if isinstance(event, OrderEvent):
            order = apply_order(order, event)
    if order is None:
        raise AssertionError("an order begins with its hold")
    return order

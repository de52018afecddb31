"""A day of shoppers over HTTP: a trigger, a decision, a claim, a cart, a hold, a payment; some cancel, some return.

Each visitor answers the offer as the simulated shop says. The shop's clock follows the visits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipelines.demo.shop_client import Answer, ShopClient
from pipelines.shop.live import CartLine, Response, Shoppers, Visit

NEWCOMER = "new_15"
AT_ONCE = 4
"""Visitors who are in the shop at the same time."""


@dataclass(frozen=True)
class Order:
    """What an order brought: the discount it carries and the margin before it; not ``kept`` when undone."""

    order_id: str
    placed_at: datetime
    cart: tuple[CartLine, ...]
    discounts: tuple[int, ...]
    kept: bool

    @property
    def discount_cents(self) -> int:
        return sum(self.discounts)

    @property
    def margin_cents(self) -> int:
        """Margin before the discount."""
        return sum(line.quantity * (line.unit_price_cents - line.unit_cost_cents) for line in self.cart)


@dataclass(frozen=True)
class Outcome:
    """One visit from trigger to order; ``decision`` is the service's answer (none at a registration: a newcomer claims
    the welcome coupon without being asked), ``coupon_id`` what was claimed."""

    visit: Visit
    decision: Answer | None
    offer: str
    coupon_id: str | None
    withheld: bool
    order: Order | None

    @property
    def value_cents(self) -> int:
        return self.order.margin_cents if self.order and self.order.kept else 0

    @property
    def cost_cents(self) -> int:
        return self.order.discount_cents if self.order and self.order.kept else 0


async def live_a_day(
    client: ShopClient,
    shoppers: Shoppers,
    visits: Sequence[Visit],
    campaign_id: str,
    set_clock: Callable[[datetime], None],
    progress: Callable[[float], None],
) -> list[Outcome]:
    """Play the visits in the order of time, ``AT_ONCE`` of them side by side."""
    outcomes: list[Outcome] = []
    for start in range(0, len(visits), AT_ONCE):
        together = visits[start : start + AT_ONCE]
        set_clock(together[-1].at)
        outcomes += await asyncio.gather(*(_visit(client, shoppers, visit, campaign_id) for visit in together))
        progress((start + len(together)) / len(visits))
    return outcomes


async def _visit(client: ShopClient, shoppers: Shoppers, visit: Visit, campaign_id: str) -> Outcome:
    name = f"{visit.user_id}:{visit.at:%Y%m%dT%H%M%S}"
    who = {"user_id": visit.user_id, "device_id": visit.device_id, "ip": visit.ip, "address": visit.address,
           "terminal": visit.terminal}  # fmt: skip
    decision: Answer | None = None
    if visit.trigger == "registered":
        offer, claim = NEWCOMER, {**who, "template_id": NEWCOMER}
    else:
        trigger = {**who, "trigger": visit.trigger, "campaign_id": campaign_id}
        decision = await client.insist("issuance", "/v1/triggers", f"{name}:trigger", trigger)
        offer, claim = decision["offer"], {**who, "decision_id": decision["decision_id"]}
    coupon, withheld = None, False
    if offer != "none":
        coupon = await client.post("issuance", "/v1/claims", f"{name}:claim", claim)
        withheld = coupon is None
    response = shoppers.respond(visit, offer if coupon else "none")
    order = await _order(client, visit, name, response, coupon) if response.buys else None
    return Outcome(visit, decision, offer, coupon["coupon_id"] if coupon else None, withheld, order)


async def _order(client: ShopClient, visit: Visit, name: str, response: Response, coupon: Answer | None) -> Order:
    order_id = f"o{name}"
    cart = _cart(response.cart, visit.terminal)
    plain = Order(order_id, visit.at, response.cart, (0,) * len(response.cart), not response.cancels)
    if coupon is None or not response.redeem:
        return plain
    body = {"user_id": visit.user_id, "cart": cart}
    quote = await client.insist("checkout", "/v1/quotes", f"{name}:quote", body)
    if quote["best"] is None:
        return plain
    chosen = {"coupon_ids": quote["best"]["coupon_ids"], "order_id": order_id}
    held = await client.post("checkout", "/v1/holds", f"{name}:hold", {**body, **chosen})
    if held is None:
        return plain
    if response.cancels and hash_half(name):
        undo = {"user_id": visit.user_id, "scene": "order_cancelled", "hold_id": held["hold_id"]}
        await client.insist("checkout", "/v1/rollbacks", f"{name}:rollback", undo)
        return plain
    pay = {"user_id": visit.user_id, "hold_id": held["hold_id"]}
    paid = await client.insist("checkout", "/v1/redemptions", f"{name}:redeem", pay)
    discounts = tuple(line["coupon_cents"] for line in paid["lines"])
    order = Order(order_id, visit.at + timedelta(minutes=1), response.cart, discounts, not response.cancels)
    if response.cancels:
        lines = [{"line_no": line["line_no"], "units": list(range(1, line["quantity"] + 1))} for line in paid["lines"]]
        back = {"user_id": visit.user_id, "redemption_id": paid["redemption_id"], "lines": lines}
        await client.insist("checkout", "/v1/refunds", f"{name}:refund", back)
    return order


def hash_half(name: str) -> bool:
    """Half of those who change their mind do so before they pay; by name, so that a replay is the same."""
    return sum(name.encode()) % 2 == 0


def _cart(lines: Sequence[CartLine], terminal: str) -> dict[str, Any]:
    return {
        "terminal": terminal,
        "lines": [
            {
                "line_no": number,
                "sku": line.sku,
                "category": line.category,
                "quantity": line.quantity,
                "unit_price_cents": line.unit_price_cents,
            }
            for number, line in enumerate(lines, start=1)
        ],
    }

"""The laws of the ledger, asked of its stored rows and of nothing else: an independent statement of what must hold.

Each broken law is told as (table, key, law, what was found). Receipts are read as the JSON that they are, with
arithmetic of their own here, so that a fault in the domain does not hide itself.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from serving.store import schema
from serving.store.rebuild import Rows

Broken = tuple[str, str, str, str]


def broken_laws(connection: Connection, stored: Mapping[str, Rows]) -> Iterator[Broken]:
    """Every law that does not hold; nothing when the ledger is sound."""
    yield from _coupons(stored)
    yield from _campaigns(stored)
    yield from _templates(stored)
    for order in stored["orders"].values():
        try:
            yield from _order(order, stored)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            yield "orders", order["hold_id"], "a receipt that can be read", f"{type(error).__name__}: {error}"
    yield from _outbox(connection)


def _coupons(stored: Mapping[str, Rows]) -> Iterator[Broken]:
    """uses ≤ limit; a use is one redeemed order of which it did not come back; a lock is one open order."""
    redeemed: Counter[str] = Counter()
    open_in: dict[str, list[str]] = defaultdict(list)
    for hold_id, coupon_id in stored["order_coupons"]:
        state = stored["orders"][hold_id,]["state"] if (hold_id,) in stored["orders"] else None
        redeemed[coupon_id] += state in ("redeemed", "undone")
        if state == "open":
            open_in[coupon_id].append(hold_id)
    for (coupon_id,), row in stored["coupons"].items():
        if not 0 <= row["used"] <= row["uses"]:
            yield "coupons", coupon_id, "uses within the limit", f"{row['used']} of {row['uses']}"
        if row["used"] > redeemed[coupon_id]:
            yield "coupons", coupon_id, "a use is a redeemed order", f"{row['used']} uses, {redeemed[coupon_id]} orders"
        held = [row["hold_id"]] if row["state"] == "held" else []
        if open_in[coupon_id] != held:
            yield "coupons", coupon_id, "held by exactly one open order", f"{held} and {open_in[coupon_id]}"


def _campaigns(stored: Mapping[str, Rows]) -> Iterator[Broken]:
    """Budget: committed is what open and redeemed orders take and have not got back; live is what could be taken."""
    committed: Counter[str] = Counter()
    live: Counter[str] = Counter()
    payer = {coupon_id: row["campaign_id"] for (coupon_id,), row in stored["coupons"].items()}
    for (hold_id, coupon_id), row in stored["order_coupons"].items():
        order = stored["orders"].get((hold_id,))
        if order is not None and order["state"] in ("open", "redeemed"):
            committed[payer.get(coupon_id) or ""] += row["discount_cents"] - row["refunded_share_cents"]
    for row in stored["coupons"].values():
        if row["state"] in ("unused", "held"):
            live[row["campaign_id"] or ""] += row["face_cents"] * (row["uses"] - row["used"])
    for (campaign_id,), row in stored["campaigns"].items():
        if row["committed_cents"] != committed[campaign_id]:
            found = f"{row['committed_cents']}, orders say {committed[campaign_id]}"
            yield "campaigns", campaign_id, "budget taken is what orders take", found
        if not 0 <= row["committed_cents"] <= row["budget_cents"]:
            yield "campaigns", campaign_id, "within the budget", f"{row['committed_cents']} of {row['budget_cents']}"
        if row["live_cents"] != live[campaign_id]:
            found = f"{row['live_cents']}, coupons say {live[campaign_id]}"
            yield "campaigns", campaign_id, "liability is the worth of live coupons", found


def _templates(stored: Mapping[str, Rows]) -> Iterator[Broken]:
    """issued ≤ quantity, and at least as many as there are coupons (packs and draws are issued too)."""
    issued = Counter(row["template_id"] for row in stored["coupons"].values())
    for (template_id,), row in stored["templates"].items():
        if row["quantity"] is not None and row["issued"] > row["quantity"]:
            yield "templates", template_id, "issued within the quantity", f"{row['issued']} of {row['quantity']}"
        if row["issued"] < issued[template_id]:
            yield (
                "templates",
                template_id,
                "every coupon was counted",
                f"{row['issued']}, {issued[template_id]} coupons",
            )


def _order(order: Mapping[str, Any], stored: Mapping[str, Rows]) -> Iterator[Broken]:
    """Shares sum up to discounts and stay within prices; refunds follow them and never exceed what was paid."""
    receipt = json.loads(order["receipt"])
    hold_id = order["hold_id"]
    for law, found in _receipt(order, receipt):
        yield "orders", hold_id, law, found
    taken = [stored["order_coupons"].get((hold_id, coupon["coupon_id"])) for coupon in receipt["coupons"]]
    said = [sum(coupon["shares"]) + coupon["freight_cents"] for coupon in receipt["coupons"]]
    if [row and row["discount_cents"] for row in taken] != said:
        yield "order_coupons", hold_id, "sum of line shares is the discount", f"{said}"
    units = [tuple(unit) for unit in json.loads(order["refunded"])]
    bought = {line["line_no"]: line for line in receipt["lines"]}
    if len(set(units)) != len(units) or any(n > bought[line_no]["quantity"] for line_no, n in units):
        yield "orders", hold_id, "each unit is refunded once", order["refunded"]
        return
    money, given_up = _back(receipt, units)
    if order["refunded_cents"] != money + order["refunded_freight_cents"]:
        yield "orders", hold_id, "refunds follow the frozen shares", f"{order['refunded_cents']}, units say {money}"
    if order["refunded_cents"] > order["payable_cents"]:
        found = f"{order['refunded_cents']} of {order['payable_cents']}"
        yield "orders", hold_id, "refunds within what was paid", found
    if [row["refunded_share_cents"] for row in taken if row] != given_up:
        yield "order_coupons", hold_id, "shares given up follow the units", f"{given_up}"
    occupied = stored["order_slots"].get((order["order_id"],), {}).get("hold_id") == hold_id
    if occupied != (order["state"] in ("open", "redeemed")):
        yield "order_slots", order["order_id"], "an order has one hold at a time", f"{hold_id} is {order['state']}"


def _receipt(order: Mapping[str, Any], receipt: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    goods = discount = 0
    for index, line in enumerate(receipt["lines"]):
        price = line["quantity"] * line["unit_price_cents"]
        parts = [line["activity_cents"], *(c["shares"][index] for c in receipt["coupons"]), line["points_cents"]]
        goods, discount = goods + price, discount + sum(parts)
        if min(parts) < 0 or sum(parts) > price:
            yield "shares within the line's price", f"line {line['line_no']}: {parts} of {price}"
        for coupon in receipt["coupons"]:
            if coupon["borne"] and sum(coupon["borne"][index]) != coupon["shares"][index]:
                yield "bearers pay the share", f"line {line['line_no']}: {coupon['borne'][index]}"
    freight = sum(coupon["freight_cents"] for coupon in receipt["coupons"])
    if not 0 <= freight <= receipt["freight_cents"]:
        yield "freight discounts within the freight", f"{freight} of {receipt['freight_cents']}"
    payable = goods + receipt["freight_cents"] - discount - freight
    said = (order["goods_cents"], order["discount_cents"], order["payable_cents"])
    if said != (goods, discount + freight, payable):
        yield "the price is what the receipt says", f"{said}, receipt says {(goods, discount + freight, payable)}"


def _back(receipt: Mapping[str, Any], units: list[tuple[int, int]]) -> tuple[int, list[int]]:
    """Money of the refunded units and what each coupon gives up: every component deals its cents on in turn."""
    back = 0
    given_up = [0] * len(receipt["coupons"])
    for index, line in enumerate(receipt["lines"]):
        quantity = line["quantity"]
        wanted = {unit for line_no, unit in units if line_no == line["line_no"]}
        parts = [line["activity_cents"], *(c["shares"][index] for c in receipt["coupons"]), line["points_cents"]]
        turn = 0
        for number, part in enumerate(parts):
            whole, odd = divmod(part, quantity)
            for unit in wanted:
                share = whole + (1 if (unit - 1 - turn) % quantity < odd else 0)
                back -= share
                if 1 <= number <= len(given_up):
                    given_up[number - 1] += share
            turn = (turn + odd) % quantity
        back += len(wanted) * line["unit_price_cents"]
    return back, given_up


def _outbox(connection: Connection) -> Iterator[Broken]:
    """One outbox row per event and no other."""
    alone = (
        select(func.count())
        .select_from(schema.outbox.outerjoin(schema.events, schema.events.c.event_id == schema.outbox.c.event_id))
        .where(schema.events.c.event_id.is_(None))
    )
    spare = connection.execute(alone).scalar_one()
    if spare:
        yield "outbox", "*", "one row per event", f"{spare} without an event"

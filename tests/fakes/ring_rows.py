"""Rows of a ledger written by hand: coupons, orders and flags as plain tuples, for tests that need many or odd ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert

from serving.review.case import OPENED, Case, Flag, flags_to_data
from serving.review.case_rows import case_row, flag_rows
from serving.store.schema import cases, coupons, events, flags, order_coupons, orders
from serving.store.schema_people import account_actions, user_links, users
from serving.store.unit import canonical

NOW = datetime(2026, 5, 1, 4)
TABLES = (coupons, orders, order_coupons, flags, cases, events, users, user_links, account_actions)


@dataclass
class Rows:
    """Rows to write; every method adds some and gives back what they are called."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {table.name: [] for table in TABLES})

    def coupon(
        self, user_id: str, at: datetime = NOW, face: int = 800, uses: int = 1, used: int = 0, **more: Any
    ) -> str:
        coupon_id = more.pop("coupon_id", f"c{len(self.rows['coupons'])}")
        state = more.pop("state", "used" if used == uses else "unused")
        row = {
            "coupon_id": coupon_id,
            "user_id": user_id,
            "template_id": "welcome",
            "template_version": 1,
            "campaign_id": None,
            "decision_id": None,
            "face_cents": face,
            "claimed_at": at,
            "valid_from": at,
            "valid_until": at + timedelta(days=7),
            "state": state,
            "hold_id": "h" if state == "held" else None,
            "uses": uses,
            "used": used,
            "source": "claim",
            "ref": None,
            "place": None,
            "device": None,
            "ip": None,
            "address": None,
            "n": 1,
            **more,
        }
        self.rows["coupons"].append(row)
        return str(coupon_id)

    def order(
        self, user_id: str, given: dict[str, tuple[int, int]], state: str = "redeemed", at: datetime = NOW
    ) -> str:
        """``given``: by coupon what it took off and how much of that was refunded."""
        name = f"h{len(self.rows['orders'])}"
        paid = state in ("redeemed", "undone")
        row = {
            "hold_id": name,
            "order_id": f"o{name}",
            "user_id": user_id,
            "held_at": at,
            "deadline": at,
            "goods_cents": 10_000,
            "discount_cents": sum(cents for cents, _ in given.values()),
            "payable_cents": 10_000,
            "receipt": "{}",
            "state": state,
            "reason": None,
            "redemption_id": f"r{name}" if paid else None,
            "redeemed_at": at if paid else None,
            "late": False,
            "refunded": "[]",
            "refunded_cents": 0,
            "refunded_freight_cents": 0,
            "refunded_shares": "[]",
            "n": 1,
        }
        self.rows["orders"].append(row)
        for position, (coupon_id, (cents, back)) in enumerate(given.items()):
            share = {"discount_cents": cents, "refunded_share_cents": back}
            self.rows["order_coupons"].append({"hold_id": name, "coupon_id": coupon_id, "position": position, **share})
        return name

    def user(self, user_id: str, registered_at: datetime | None = None, bought: int = 0) -> None:
        row = {"user_id": user_id, "registered_at": registered_at, "member_tier": None, "birthday": None}
        known = {"tags": "[]", "orders": bought, "phone_verified": False, "identity_verified": False}
        self.rows["users"].append({**row, **known, "updated_at": NOW, "n": 1})

    def link(self, user_id: str, kind: str, value: str, at: datetime = NOW) -> None:
        self.rows["user_links"].append({"kind": kind, "value": value, "user_id": user_id, "first_seen": at})

    def case(self, found: list[Flag], case_id: str = "case_1", at: datetime = NOW, **more: Any) -> Case:
        """A case with a row for each of its members, and the event that opened it."""
        subject, source = more.pop("subject", found[0].subject), more.pop("source", "flow")
        case = Case(case_id, subject, source, tuple(found), at, **more)
        self.rows["cases"].append({"case_id": case_id, **case_row(case)})
        self.rows["flags"] += flag_rows(case, at)
        data = {"case_id": case_id, "source": source, "flags": flags_to_data(found), "at": at.isoformat()}
        self.event(f"case:{case_id}", OPENED, data, at)
        return case

    def event(self, stream: str, kind: str, data: dict[str, Any], at: datetime = NOW) -> None:
        number = len(self.rows["events"])
        n = 1 + sum(row["stream"] == stream for row in self.rows["events"])
        whose = {"event_id": f"e{number}", "stream": stream, "n": n, "kind": kind, "at": at}
        self.rows["events"].append({**whose, "actor": "t", "request_key": "k", "data": canonical(data)})

    def write(self, connection: Connection) -> None:
        """Replace whatever was there."""
        for table in TABLES:
            connection.execute(delete(table))
            if self.rows[table.name]:
                connection.execute(insert(table), self.rows[table.name])


def hashed(number: int) -> str:
    """Something that looks like a keyed hash."""
    return f"{number:032x}"

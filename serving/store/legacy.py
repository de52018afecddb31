"""Events of the first ledger, read as those of today.

Until schema 0003 an order had one coupon and no events of its own: a hold carried its split, a refund its units, and a
rollback did not say what went back to the budget. Stored events are never changed; each is read as the coupon's event
of today followed by the order's event that it implied. The event ``ledger.upgraded`` stands where the old ones end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from serving.store.rebuild import EventRow
from serving.store.schema import events

UPGRADED = "ledger.upgraded"


def old_until(connection: Connection) -> int:
    """The place (``seq``) of the event before which all are old; 0 in a ledger that began with today's schema."""
    place = connection.execute(select(events.c.seq).where(events.c.kind == UPGRADED)).scalar_one_or_none()
    return int(place or 0)


class Legacy:
    """Reads old events in the order in which they were written; it remembers what they leave unsaid."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, int], str] = {}
        self._coupons: dict[str, Mapping[str, Any]] = {}
        self._holds: dict[str, Mapping[str, Any]] = {}
        self._paid: dict[str, str] = {}
        self._given: dict[str, int] = {}
        self._n: dict[str, int] = {}

    def read(self, row: EventRow) -> Iterator[EventRow]:
        """The events of today that an old one means."""
        data = row.data
        if row.kind == "template.created":
            self._kinds[data["spec"]["template_id"], data["spec"]["version"]] = data["spec"]["kind"]["kind"]
        elif row.kind == "coupon.claimed":
            self._coupons[data["coupon_id"]] = data
        reader = _READERS.get(row.kind)
        if reader is None:
            yield row
        else:
            yield from reader(self, row, data)

    def _held(self, row: EventRow, data: Mapping[str, Any]) -> Iterator[EventRow]:
        coupon = self._coupons[data["coupon_id"]]
        template = (coupon["template_id"], coupon["template_version"])
        self._holds[data["hold_id"]] = data
        yield replace(row, data={name: data[name] for name in data if name not in ("split", "goods_cents")})
        yield self._order(
            row,
            "order.held",
            data["hold_id"],
            order_id=data["order_id"],
            user_id=coupon["user_id"],
            deadline=data["deadline"],
            receipt=_receipt(data["split"], data["coupon_id"], *template, self._kinds[template]),
        )

    def _released(self, row: EventRow, data: Mapping[str, Any]) -> Iterator[EventRow]:
        yield row
        yield self._order(row, "order.released", data["hold_id"], reason=data["reason"])

    def _redeemed(self, row: EventRow, data: Mapping[str, Any]) -> Iterator[EventRow]:
        redemption_id = data["redemption_id"]
        self._paid[redemption_id] = data["hold_id"]
        self._given[redemption_id] = self._holds[data["hold_id"]]["discount_cents"]
        yield row
        yield self._order(row, "order.redeemed", data["hold_id"], redemption_id=redemption_id, late=data["late"])

    def _refunded(self, row: EventRow, data: Mapping[str, Any]) -> Iterator[EventRow]:
        redemption_id = data["redemption_id"]
        share = sum(unit[3] for unit in data["units"])
        self._given[redemption_id] -= share
        said = {name: data[name] for name in data if name != "units"}
        yield replace(row, data={**said, "share_cents": share})
        yield self._order(
            row,
            "order.refunded",
            self._paid[redemption_id],
            redemption_id=redemption_id,
            refund_id=data["refund_id"],
            units=[[line_no, unit, paid, 0, [cents]] for line_no, unit, paid, cents in data["units"]],
            freight_cents=0,
        )

    def _rolled_back(self, row: EventRow, data: Mapping[str, Any]) -> Iterator[EventRow]:
        redemption_id = data["redemption_id"]
        yield replace(row, data={**data, "spent_cents": self._given[redemption_id]})
        yield self._order(
            row, "order.rolled_back", self._paid[redemption_id], redemption_id=redemption_id, scene=data["scene"]
        )

    def _order(self, row: EventRow, kind: str, hold_id: str, **data: Any) -> EventRow:
        self._n[hold_id] = self._n.get(hold_id, 0) + 1
        said = {"hold_id": hold_id, "at": row.data["at"], **data}
        return EventRow(f"order:{hold_id}", self._n[hold_id], kind, row.at, row.actor, said)


_READERS: Mapping[str, Callable[[Legacy, EventRow, Mapping[str, Any]], Iterator[EventRow]]] = {
    "coupon.held": Legacy._held,
    "coupon.released": Legacy._released,
    "coupon.redeemed": Legacy._redeemed,
    "coupon.refunded": Legacy._refunded,
    "coupon.rolled_back": Legacy._rolled_back,
}


def _receipt(
    split: Sequence[Sequence[int]], coupon_id: str, template_id: str, version: int, kind: str
) -> dict[str, Any]:
    """The receipt of an order that had one coupon and whose lines had no names: (line, quantity, price, share)."""
    return {
        "lines": [
            {
                "line_no": line_no,
                "sku": "",
                "quantity": quantity,
                "unit_price_cents": price,
                "activity_cents": 0,
                "points_cents": 0,
                "merchant_id": None,
                "supplier_id": None,
            }
            for line_no, quantity, price, _ in split
        ],
        "coupons": [
            {
                "coupon_id": coupon_id,
                "template_id": template_id,
                "template_version": version,
                "kind": kind,
                "shares": [share for *_, share in split],
                "freight_cents": 0,
                "borne": [[share, 0, 0] for *_, share in split],
                "gifts": [],
                "points": 0,
                "red_packet_cents": 0,
            }
        ],
        "freight_cents": 0,
        "points": 0,
    }

"""The redeemer: what orders do with coupons, each as one command on the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from serving.coupons import orders
from serving.coupons.cart import Cart
from serving.coupons.coupon import Coupon
from serving.coupons.pricing import Quote, quote
from serving.coupons.refusals import Refuse
from serving.coupons.rules import Use
from serving.store import coupons as repository
from serving.store.shelf import find_version
from serving.store.unit import Answer, Command, Store, Transaction
from serving.views import moment, quote_view, split_view


@dataclass(frozen=True, slots=True)
class Redeemer:
    """Quote, hold, redeem, roll back and refund; ``hold_minutes`` is how long an unpaid order keeps its coupon."""

    store: Store
    hold_minutes: int

    async def quote(self, user_id: str, cart: Cart) -> dict[str, Any]:
        """What the user's coupons do to this cart now. It promises nothing: the hold decides."""
        now = self.store.clock()

        def ask(connection: Any) -> Quote:
            return quote(repository.usable_wallet(connection, user_id), user_id, cart, now)

        return quote_view(await self.store.fetch(ask))

    def hold(self, user_id: str, coupon_id: str, order_id: str, cart: Cart) -> Command:
        """Lock a coupon for an order and freeze its price and split."""

        def command(tx: Transaction) -> Answer | Refuse:
            held = self._hold(tx, user_id, coupon_id, order_id, cart)
            return held if isinstance(held, Refuse) else Answer(201, hold_view(held))

        return command

    def redeem_now(self, user_id: str, coupon_id: str, order_id: str, cart: Cart) -> Command:
        """Hold and redeem in one step, for an order that is paid as it is placed."""

        def command(tx: Transaction) -> Answer | Refuse:
            held = self._hold(tx, user_id, coupon_id, order_id, cart)
            if isinstance(held, Refuse) or held.hold is None:
                return held if isinstance(held, Refuse) else Refuse("hold_unknown")
            return self._redeem(tx, held, held.hold.hold_id)

        return command

    def redeem(self, user_id: str, hold_id: str) -> Command:
        """The order of a hold is paid."""

        def command(tx: Transaction) -> Answer | Refuse:
            row = repository.find_hold(tx.connection, hold_id)
            coupon = None if row is None else repository.load(tx, row.coupon_id)
            if coupon is None or coupon.user_id != user_id:
                return Refuse("hold_unknown")
            return self._redeem(tx, coupon, hold_id)

        return command

    def roll_back(self, user_id: str, scene: str, *, hold_id: str | None, redemption_id: str | None) -> Command:
        """An order is undone, before (``hold_id``) or after (``redemption_id``) it was paid."""

        def command(tx: Transaction) -> Answer | Refuse:
            if redemption_id is not None:
                return self._undo_redemption(tx, user_id, redemption_id, scene)
            return self._undo_hold(tx, user_id, hold_id or "", scene)

        return command

    def refund(self, user_id: str, redemption_id: str, units: Sequence[tuple[int, int]]) -> Command:
        """Units (line_no, unit number) come back, each for its price less its frozen share."""

        def command(tx: Transaction) -> Answer | Refuse:
            row = repository.find_redemption(tx.connection, redemption_id)
            coupon = None if row is None else repository.load(tx, row.coupon_id)
            if coupon is None or coupon.user_id != user_id:
                return Refuse("redemption_unknown")
            redemption = coupon.redemption
            if redemption is None or redemption.redemption_id != redemption_id:
                return Refuse("already_rolled_back")
            event = orders.refund(redemption, coupon.coupon_id, tx.ids("rfd"), units, tx.now)
            if isinstance(event, Refuse):
                return event
            after = repository.record(tx, coupon, event)
            if isinstance(after, Refuse):
                return after
            done = after.redemption or redemption
            return Answer(
                201,
                {
                    "refund_id": event.refund_id,
                    "redemption_id": redemption_id,
                    "refunded_cents": event.paid_cents,
                    "units": [
                        {"line_no": unit.line_no, "unit": unit.unit, "refunded_cents": unit.paid_cents}
                        for unit in event.units
                    ],
                    "refunded_total_cents": done.refunded_cents,
                    "left_cents": done.paid_cents - done.refunded_cents,
                },
            )

        return command

    def expire(self, coupon_ids: Sequence[str]) -> Command:
        """Let time do to these coupons what it does."""

        def command(tx: Transaction) -> Answer | Refuse:
            changed = 0
            for coupon_id in sorted(coupon_ids):
                coupon = repository.load(tx, coupon_id)
                events = orders.expire(coupon, tx.now) if coupon is not None else ()
                if coupon is not None and events:
                    outcome = repository.record_all(tx, coupon, events)
                    if isinstance(outcome, Refuse):
                        return outcome
                    changed += 1
            return Answer(200, {"changed": changed})

        return command

    def _hold(self, tx: Transaction, user_id: str, coupon_id: str, order_id: str, cart: Cart) -> Coupon | Refuse:
        coupon = repository.load(tx, coupon_id)
        if coupon is None or coupon.user_id != user_id:
            return Refuse("coupon_unknown")
        freed = repository.record_all(tx, coupon, orders.free_expired_hold(coupon, tx.now))
        if isinstance(freed, Refuse):
            return freed
        self._free_order(tx, order_id)
        template = find_version(tx.connection, freed.template_id, freed.template_version)
        deadline = tx.now + timedelta(minutes=self.hold_minutes)
        event = orders.hold(Use(freed, template, user_id, cart, tx.now), tx.ids("hold"), order_id, deadline)
        return event if isinstance(event, Refuse) else repository.record(tx, freed, event)

    @staticmethod
    def _free_order(tx: Transaction, order_id: str) -> None:
        """An expired hold of another coupon no longer occupies the order."""
        row = repository.hold_of_order(tx.connection, order_id)
        if row is None or row.state != "open" or tx.now < row.deadline:
            return
        other = repository.load(tx, row.coupon_id)
        if other is not None:
            repository.record_all(tx, other, orders.free_expired_hold(other, tx.now))

    @staticmethod
    def _redeem(tx: Transaction, coupon: Coupon, hold_id: str) -> Answer | Refuse:
        row = repository.find_hold(tx.connection, hold_id)
        if row is None or row.coupon_id != coupon.coupon_id:
            return Refuse("hold_unknown")
        if row.state == "redeemed":
            return Refuse("already_redeemed")
        released = (row.reason or orders.TIMEOUT) if row.state == "released" else None
        events = orders.redeem(coupon, repository.read_hold(row), released, tx.ids("red"), tx.now)
        if isinstance(events, Refuse):
            return events
        after = repository.record_all(tx, coupon, events)
        return after if isinstance(after, Refuse) else Answer(201, redemption_view(after))

    @staticmethod
    def _undo_redemption(tx: Transaction, user_id: str, redemption_id: str, scene: str) -> Answer | Refuse:
        row = repository.find_redemption(tx.connection, redemption_id)
        coupon = None if row is None else repository.load(tx, row.coupon_id)
        if coupon is None or coupon.user_id != user_id:
            return Refuse("redemption_unknown")
        redemption = coupon.redemption
        if redemption is None or redemption.redemption_id != redemption_id:
            return Refuse("already_rolled_back")
        template = find_version(tx.connection, coupon.template_id, coupon.template_version)
        events = orders.roll_back(coupon, redemption, template, scene, tx.now)
        if isinstance(events, Refuse):
            return events
        return _undone(repository.record_all(tx, coupon, events), scene)

    @staticmethod
    def _undo_hold(tx: Transaction, user_id: str, hold_id: str, scene: str) -> Answer | Refuse:
        row = repository.find_hold(tx.connection, hold_id)
        coupon = None if row is None else repository.load(tx, row.coupon_id)
        if row is None or coupon is None or coupon.user_id != user_id:
            return Refuse("hold_unknown")
        if coupon.hold is None or coupon.hold.hold_id != hold_id:
            # Locked coupon first, then the row: it may have been redeemed between the two reads.
            fresh = repository.find_hold(tx.connection, hold_id)
            return Refuse("already_redeemed" if fresh is not None and fresh.state == "redeemed" else "hold_released")
        return _undone(repository.record_all(tx, coupon, orders.release(coupon, hold_id, scene, tx.now)), scene)


def _undone(after: Coupon | Refuse, scene: str) -> Answer | Refuse:
    if isinstance(after, Refuse):
        return after
    return Answer(
        201,
        {"coupon_id": after.coupon_id, "scene": scene, "state": after.state, "returned": after.state == "unused"},
    )


def hold_view(coupon: Coupon) -> dict[str, Any]:
    hold = coupon.hold
    if hold is None:
        raise ValueError(f"{coupon.coupon_id} is not held")
    return {
        "hold_id": hold.hold_id,
        "coupon_id": coupon.coupon_id,
        "order_id": hold.order_id,
        "deadline": moment(hold.deadline),
        "goods_cents": hold.goods_cents,
        "discount_cents": hold.discount_cents,
        "lines": split_view(hold.split),
    }


def redemption_view(coupon: Coupon) -> dict[str, Any]:
    redemption = coupon.redemption
    if redemption is None:
        raise ValueError(f"{coupon.coupon_id} is not redeemed")
    return {
        "redemption_id": redemption.redemption_id,
        "hold_id": redemption.hold.hold_id,
        "coupon_id": coupon.coupon_id,
        "order_id": redemption.hold.order_id,
        "redeemed_at": moment(redemption.redeemed_at),
        "late": redemption.redeemed_at >= redemption.hold.deadline,
        "goods_cents": redemption.hold.goods_cents,
        "discount_cents": redemption.hold.discount_cents,
        "paid_cents": redemption.paid_cents,
        "lines": split_view(redemption.hold.split),
    }

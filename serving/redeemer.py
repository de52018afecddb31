"""The redeemer: what orders do with coupons, each as one command on the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from serving import automatic
from serving.coupons import orders
from serving.coupons.cart import Cart
from serving.coupons.coupon import HELD, Coupon
from serving.coupons.events import Event, OrderRefunded, RolledBack
from serving.coupons.margin import thin_lines
from serving.coupons.order import Order
from serving.coupons.orders import Placed
from serving.coupons.pricing import Candidate, Quote, Rates, price_set, quote
from serving.coupons.receipt import Receipt
from serving.coupons.refusals import Refuse
from serving.coupons.rollback import Rollback
from serving.coupons.template import Template
from serving.order_views import hold_view, order_view, redemption_view, refund_view, undone_view
from serving.risk import Asked, RiskGate
from serving.store import coupons as repository
from serving.store import orders as order_store
from serving.store.budgets import beyond, left_cents
from serving.store.shelf import find_version
from serving.store.unit import Answer, Command, StaleError, Store, Transaction
from serving.trial import NO_TRIAL, Trial, refund_of, tried
from serving.views import margin_view, moment, quote_view
from serving.who import Who

# More automatic coupons than this are not tried at one order.
MOST_AUTOMATIC = 5


@dataclass(frozen=True, slots=True)
class Redeemer:
    """Quote, hold, redeem, roll back and refund.

    ``hold_minutes`` is how long an unpaid order keeps its coupons; ``rates`` is what pricing needs of the shop;
    ``returns`` says which coupons come back when a paid order is undone; ``seed`` draws amounts of automatic coupons.
    """

    store: Store
    gate: RiskGate
    rates: Rates
    hold_minutes: int = 30
    returns: Rollback = field(default_factory=Rollback)
    seed: bytes = b""

    async def quote(self, who: Who, cart: Cart) -> dict[str, Any]:
        """What the user's coupons do to this cart now. It promises nothing: the hold decides."""
        return quote_view((await self._quoted(who, cart, NO_TRIAL, self.store.clock()))[0])

    async def try_out(self, who: Who, cart: Cart, trial: Trial) -> dict[str, Any] | Refuse:
        """The same as if it were another moment, with more coupons, and with what a return would give.

        A refusal is one of the return. Nothing is written, whatever is tried.
        """
        at = trial.at or self.store.clock()
        found, wallet = await self._quoted(who, cart, trial, at)
        back = refund_of(found, wallet, who.user_id, trial.back, at) if trial.back else None
        return back if isinstance(back, Refuse) else {**quote_view(found), "at": moment(at), "refund": back}

    async def _quoted(self, who: Who, cart: Cart, trial: Trial, now: datetime) -> tuple[Quote, list[Candidate]]:
        """The quote, and all coupons that it had to choose from."""
        hashed = self.gate.hashed(who)

        def ask(connection: Connection) -> tuple[Quote, list[Candidate]]:
            wallet = [Candidate(*pair) for pair in repository.usable_wallet(connection, who.user_id)]
            wallet += tried(connection, trial.templates, who.user_id, now, self.rates.zone)
            wallet, late = self._first_orders(connection, who.user_id, wallet, now)
            wallet += automatic.candidates(connection, who.user_id, hashed, cart, now, self.rates.zone)
            found = quote(wallet, who.user_id, cart, now, self.rates)
            left = left_cents(connection, wallet)
            broke = [use.candidate for use in found.usable if beyond(use.receipt, [use.candidate], left)]
            if broke:  # the hold would be refused, so the price is not promised
                late += [(candidate, Refuse("budget_exhausted")) for candidate in broke]
                found = quote([one for one in wallet if one not in broke], who.user_id, cart, now, self.rates)
            return replace(found, unusable=(*found.unusable, *late)), wallet

        return await self.store.fetch(ask)

    async def hold(self, who: Who, coupon_ids: Sequence[str], order_id: str, cart: Cart) -> Command:
        """Lock coupons for an order and freeze its price; asks how risky the order is."""
        asked = await self.gate.ask(who, "redemption")

        def command(tx: Transaction) -> Answer | Refuse:
            stopped = self.gate.honour_order(tx, asked, cart.goods_cents)
            if stopped is not None:
                return stopped
            held = self._hold(tx, asked, coupon_ids, order_id, cart)
            return held if isinstance(held, Refuse) else self._warned(_answer(hold_view(held.order), asked), held, cart)

        return command

    async def redeem_now(self, who: Who, coupon_ids: Sequence[str], order_id: str, cart: Cart) -> Command:
        """Hold and redeem in one step, for an order that is paid as it is placed."""
        asked = await self.gate.ask(who, "redemption")

        def command(tx: Transaction) -> Answer | Refuse:
            stopped = self.gate.honour_order(tx, asked, cart.goods_cents)
            if stopped is not None:
                return stopped
            held = self._hold(tx, asked, coupon_ids, order_id, cart)
            if isinstance(held, Refuse):
                return held
            paid = _redeem(tx, held, asked)
            return paid if isinstance(paid, Refuse) else self._warned(paid, held, cart)

        return command

    async def redeem(self, who: Who, hold_id: str) -> Command:
        """The order of a hold is paid; only what a person has decided about the account stops it now."""
        asked = await self.gate.ask(who, "redemption")

        def command(tx: Transaction) -> Answer | Refuse:
            placed = _lock(tx, order_store.find_order(tx.connection, hold_id), who.user_id)
            if placed is None:
                return Refuse("hold_unknown")
            stopped = self.gate.honour_order(tx, asked, placed.order.receipt.goods_cents, paid=True)
            return stopped if stopped is not None else _redeem(tx, placed, asked)

        return command

    def roll_back(self, user_id: str, scene: str, *, hold_id: str | None, redemption_id: str | None) -> Command:
        """An order is undone, before (``hold_id``) or after (``redemption_id``) it was paid."""

        def command(tx: Transaction) -> Answer | Refuse:
            if redemption_id is not None:
                return self._undo_redemption(tx, user_id, redemption_id, scene)
            placed = _lock(tx, order_store.find_order(tx.connection, hold_id or ""), user_id)
            if placed is None:
                return Refuse("hold_unknown")
            return _undone(tx, placed, orders.release(placed, scene, tx.now), scene)

        return command

    def refund(self, user_id: str, redemption_id: str, units: Sequence[tuple[int, int]], *, freight: bool) -> Command:
        """Units (line_no, unit number) come back, each for what was paid for it; the freight when asked for, once."""

        def command(tx: Transaction) -> Answer | Refuse:
            placed = _lock(tx, order_store.find_redemption(tx.connection, redemption_id), user_id)
            if placed is None:
                return Refuse("redemption_unknown")
            events = orders.refund(placed, tx.ids("rfd"), units, tx.now, freight=freight)
            if isinstance(events, Refuse):
                return events
            after = order_store.record(tx, placed, events)
            if isinstance(after, Refuse):
                return after
            (refunded,) = (event for event in events if isinstance(event, OrderRefunded))
            return Answer(201, refund_view(after.order, refunded))

        return command

    def expire(self, coupon_ids: Sequence[str], hold_ids: Sequence[str] = ()) -> Command:
        """Let time do to these coupons and holds what it does."""

        def command(tx: Transaction) -> Answer | Refuse:
            found = [order for hold_id in sorted(hold_ids) if (order := order_store.find_order(tx.connection, hold_id))]
            held = (coupon_id for order in found for coupon_id in order_store.coupon_ids(order))
            coupons = repository.load_all(tx, {*coupon_ids, *held})
            changed = 0
            for order in found:
                placed = order_store.place(tx, order.hold_id, coupons)
                after = order_store.record(tx, placed, orders.free(placed, tx.now))
                if isinstance(after, Refuse):
                    return after
                coupons.update({coupon.coupon_id: coupon for coupon in after.coupons})
                changed += after.order.n != placed.order.n
            for coupon in coupons.values():
                ended = orders.expire(coupon, tx.now)
                repository.record_all(tx, coupon, ended)
                changed += bool(ended)
            return Answer(200, {"changed": changed})

        return command

    async def find(
        self, user_id: str | None, *, hold_id: str | None = None, order_id: str | None = None
    ) -> dict[str, Any] | None:
        """A hold by its id, or what an order has now; None when there is none (of this user, if one is named)."""

        def ask(connection: Connection) -> Order | None:
            if hold_id is not None:
                return order_store.find_order(connection, hold_id)
            return order_store.latest(connection, order_id or "")

        found = await self.store.fetch(ask)
        return None if found is None or user_id not in (None, found.user_id) else order_view(found)

    def _warned(self, answer: Answer, placed: Placed, cart: Cart) -> Answer:
        """The answer with the lines whose margin the coupons made too thin (F053)."""
        thin = thin_lines(placed.order.receipt, cart, self.rates.margin)
        return Answer(answer.status, {**answer.body, "warnings": margin_view(thin)})

    # -- inside a command --------------------------------------------------------------------------------------------

    def _hold(
        self, tx: Transaction, asked: Asked, coupon_ids: Sequence[str], order_id: str, cart: Cart
    ) -> Placed | Refuse:
        user_id = asked.who.user_id
        own = [coupon_id for coupon_id in coupon_ids if not automatic.is_automatic(coupon_id)]
        coupons = self._free(tx, user_id, own, order_id)
        if isinstance(coupons, Refuse):
            return coupons
        chosen = [
            Candidate(coupon, find_version(tx.connection, coupon.template_id, coupon.template_version))
            for coupon in (coupons[coupon_id] for coupon_id in own)
        ]
        if any(candidate.template.audience.first_order for candidate in chosen):
            order_store.in_turn(tx, user_id)
        if self._first_orders(tx.connection, user_id, chosen, tx.now)[1]:
            return Refuse("first_order_only")
        given = self._give(tx, asked, [i for i in coupon_ids if automatic.is_automatic(i)], cart, chosen)
        if isinstance(given, Refuse):
            return given
        receipt = price_set([*chosen, *given], user_id, cart, tx.now, self.rates)
        if isinstance(receipt, Refuse):
            return receipt
        deadline = tx.now + timedelta(minutes=self.hold_minutes)
        events = orders.hold(receipt, user_id, tx.ids("hold"), order_id, deadline, tx.now)
        return order_store.record(tx, None, events, [candidate.coupon for candidate in (*chosen, *given)])

    def _free(
        self, tx: Transaction, user_id: str, coupon_ids: Sequence[str], order_id: str
    ) -> dict[str, Coupon] | Refuse:
        """The user's coupons, locked, after what timed out has been given back: their own locks and the order's."""
        named = repository.find_all(tx.connection, coupon_ids)
        if len(named) < len(coupon_ids) or any(coupon.user_id != user_id for coupon in named.values()):
            return Refuse("coupon_unknown")
        holds = {coupon.hold.hold_id for coupon in named.values() if coupon.hold and tx.now >= coupon.hold.deadline}
        there = order_store.occupant(tx.connection, order_id)
        if there is not None and orders.timed_out(there, tx.now):
            holds.add(there.hold_id)
        late = [order for hold_id in sorted(holds) if (order := order_store.find_order(tx.connection, hold_id))]
        wanted = {*coupon_ids, *(coupon_id for order in late for coupon_id in order_store.coupon_ids(order))}
        coupons = repository.load_all(tx, wanted)
        for order in late:
            placed = order_store.place(tx, order.hold_id, coupons)
            freed = order_store.record(tx, placed, orders.free(placed, tx.now))
            if isinstance(freed, Refuse):
                return freed
            coupons.update({coupon.coupon_id: coupon for coupon in freed.coupons})
        for coupon_id in coupon_ids:
            lock = coupons[coupon_id].hold
            if coupons[coupon_id].state == HELD and lock is not None and tx.now >= lock.deadline:
                raise StaleError(coupon_id)  # another order took it and timed out between the two reads
        return coupons

    def _give(
        self, tx: Transaction, asked: Asked, named: Sequence[str], cart: Cart, chosen: Sequence[Candidate]
    ) -> list[Candidate] | Refuse:
        """Issue the automatic coupons that the customer named, or those that make the order cheaper."""
        user_id, zone = asked.who.user_id, self.rates.zone
        if named:
            templates = automatic.named(tx.connection, named)
            if isinstance(templates, Refuse):
                return templates
        else:
            templates = self._worth(tx, asked, cart, chosen)
        given: list[Candidate] = []
        for template in templates:
            coupon = automatic.give(tx, template, user_id, asked.hashed, zone, self.seed)
            if not isinstance(coupon, Refuse):
                given.append(coupon)
            elif named:
                return coupon
        return given

    def _worth(self, tx: Transaction, asked: Asked, cart: Cart, chosen: Sequence[Candidate]) -> list[Template]:
        """Templates of automatic coupons that go with the chosen ones and lower the price, the largest saving first.

        One that its campaign cannot pay any more is left out: nobody asked for it, so it is no reason to refuse.
        """
        user_id = asked.who.user_id
        found = automatic.candidates(tx.connection, user_id, asked.hashed, cart, tx.now, self.rates.zone)
        if not found:
            return []
        ranked = quote(found, user_id, cart, tx.now, self.rates).usable[:MOST_AUTOMATIC]
        left = left_cents(tx.connection, [*chosen, *found])
        taken = list(chosen)
        best = price_set(taken, user_id, cart, tx.now, self.rates)
        worth = []
        for usable in ranked:
            more = price_set([*taken, usable.candidate], user_id, cart, tx.now, self.rates)
            if not isinstance(more, Receipt) or beyond(more, [*taken, usable.candidate], left):
                continue
            if isinstance(best, Receipt) and more.payable_cents < best.payable_cents:
                taken.append(usable.candidate)
                worth.append(usable.candidate.template)
                best = more
        return worth

    @staticmethod
    def _first_orders(
        connection: Connection, user_id: str, wallet: Sequence[Candidate], now: datetime
    ) -> tuple[list[Candidate], list[tuple[Candidate, Refuse]]]:
        """A coupon for the first order is none once an order was paid, whenever it was claimed (F013).

        Nor while another order waits for its payment with such a coupon: only one order is the first.
        """
        first = [candidate for candidate in wallet if candidate.template.audience.first_order]
        if not first:
            return list(wallet), []
        placed = (
            applied for order in order_store.open_orders(connection, user_id, now) for applied in order.receipt.coupons
        )
        versions = (find_version(connection, one.template_id, one.template_version) for one in placed)
        if not order_store.paid_orders(connection, user_id) and not any(of.audience.first_order for of in versions):
            return list(wallet), []
        rest = [candidate for candidate in wallet if not candidate.template.audience.first_order]
        return rest, [(candidate, Refuse("first_order_only")) for candidate in first]

    def _undo_redemption(self, tx: Transaction, user_id: str, redemption_id: str, scene: str) -> Answer | Refuse:
        placed = _lock(tx, order_store.find_redemption(tx.connection, redemption_id), user_id)
        if placed is None:
            return Refuse("redemption_unknown")
        templates = [
            find_version(tx.connection, coupon.template_id, coupon.template_version) for coupon in placed.coupons
        ]
        return _undone(tx, placed, orders.roll_back(placed, templates, scene, self.returns, tx.now), scene)


def _lock(tx: Transaction, found: Order | None, user_id: str) -> Placed | None:
    """The order with its coupons, locked; None for somebody else's, which is told apart from an unknown one nowhere."""
    return None if found is None or found.user_id != user_id else order_store.lock(tx, found)


def _redeem(tx: Transaction, placed: Placed, asked: Asked) -> Answer | Refuse:
    events = orders.redeem(placed, tx.ids("red"), tx.now)
    if isinstance(events, Refuse):
        return events
    after = order_store.record(tx, placed, events)
    return after if isinstance(after, Refuse) else _answer(redemption_view(after.order), asked)


def _undone(tx: Transaction, placed: Placed, events: Sequence[Event] | Refuse, scene: str) -> Answer | Refuse:
    if isinstance(events, Refuse):
        return events
    after = order_store.record(tx, placed, events)
    if isinstance(after, Refuse):
        return after
    kept = {event.coupon_id for event in events if isinstance(event, RolledBack) and not event.returned}
    returned = {coupon.coupon_id: coupon.coupon_id not in kept for coupon in placed.coupons}
    return Answer(201, undone_view(after, scene, returned))


def _answer(view: dict[str, Any], asked: Asked) -> Answer:
    """What was asked of scoring is marked when rules answered in its place."""
    return Answer(201, {**view, "fallback": asked.risk.fallback})

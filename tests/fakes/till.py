"""A till without HTTP around it: a ledger, templates put on its shelf, coupons issued, and the redeemer's commands."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from fakes.shop import Clock, Scoring, seeded_ids

from serving.client import ScoringClient
from serving.coupons import orders
from serving.coupons.audience import Shopper
from serving.coupons.cart import Cart, Line
from serving.coupons.coupon import Coupon
from serving.coupons.events import CouponEvent
from serving.coupons.kinds import NoThreshold
from serving.coupons.pricing import Rates
from serving.coupons.refusals import Refuse
from serving.coupons.template import Campaign, Template
from serving.coupons.validity import DaysFromClaim
from serving.issue import Grant, issue
from serving.people.checks import Checks
from serving.people.profile import Profile
from serving.privacy import Hasher
from serving.redeemer import Redeemer
from serving.risk import RiskGate
from serving.store import coupons as repository
from serving.store import shelf
from serving.store.people import put_profile
from serving.store.unit import Answer, Command, Request, Store, Transaction
from serving.store.verify import LedgerReport, compare
from serving.who import Who

ZONE = ZoneInfo("Asia/Shanghai")
RATES = Rates(zone=ZONE)
# Plain rules that stop nobody: most tests buy more in a minute than a person does.
NO_CHECKS = Checks(large_order_cents=10**12, orders_in_a_row=10**6)


def flat(template_id: str = "flat_8", cents: int = 800, **values: Any) -> Template:
    """Takes ``cents`` off any order; everything else as ``values`` say."""
    given = {"kind": NoThreshold(cents), "validity": DaysFromClaim(7), "campaign_id": "spring", "access": "open"}
    return Template(template_id, template_id, **{**given, **values})


def basket(*prices: int, quantity: int = 1, category: str = "shoes", **values: Any) -> Cart:
    """One line per price, numbered from 1."""
    lines = tuple(Line(n, f"sku{n}", category, quantity, price) for n, price in enumerate(prices or (5000,), 1))
    return Cart(lines, **values)


class Till:
    """Commands have keys of their own unless one is given; answers are those of the API, as (status, body)."""

    def __init__(
        self, url: str, clock: Clock, scoring: Scoring | None = None, checks: Checks | None = None, **redeemer: Any
    ) -> None:
        self.url, self.clock, self.scoring = url, clock, scoring or Scoring()
        self.store = Store(url, clock, seeded_ids(clock))
        http = httpx.AsyncClient(transport=httpx.MockTransport(self.scoring.answer), base_url="http://scoring")
        client, hasher = ScoringClient(http, 5.0), Hasher("test-key-of-16-bytes")
        self.gate = RiskGate(self.store, client, hasher, "salt", 0.0, checks or NO_CHECKS)
        self.redeemer = Redeemer(self.store, self.gate, **{"rates": RATES, **redeemer})
        self._numbers = itertools.count(1)

    async def run(self, command: Command | Awaitable[Command], key: str | None = None) -> Answer:
        made = command if callable(command) else await command
        name = key or f"till-{next(self._numbers)}"
        return await self.store.run(Request("till", name, "test", "body"), made)

    def puts(self, *things: Campaign | Template) -> None:
        """Put campaigns and templates where they belong."""

        def command(tx: Transaction) -> Answer | Refuse:
            for thing in things:
                add = shelf.add_campaign if isinstance(thing, Campaign) else shelf.add_template
                verdict = add(tx, thing)  # type: ignore[arg-type]
                if isinstance(verdict, Refuse):
                    return verdict
            return Answer(201, {})

        answer = self.store.write(Request("till", f"put-{next(self._numbers)}", "test", "body"), command)
        assert answer.status == 201, answer.body

    def knows(self, user_id: str, **values: Any) -> None:
        """Say of a user what the shop says."""

        def command(tx: Transaction) -> Answer:
            put_profile(tx, Profile(user_id, **values))
            return Answer(200, {})

        self.store.write(Request("till", f"know-{next(self._numbers)}", "test", "body"), command)

    # -- commands, made anew for every call --------------------------------------------------------------------------

    def granting(self, user_id: str, template_id: str = "flat_8") -> Command:
        """A coupon as any claim would give it, or the refusal."""

        def command(tx: Transaction) -> Answer | Refuse:
            template = shelf.find_template(tx.connection, template_id)
            assert template is not None
            grant = Grant(template, user_id, Shopper(user_id, known=True), {})
            coupon = issue(tx, grant, ZONE, b"seed")
            return coupon if isinstance(coupon, Refuse) else Answer(201, {"coupon_id": coupon.coupon_id})

        return command

    async def placing(
        self, user_id: str, coupon_ids: Sequence[str], order_id: str, cart: Cart, *, pay: bool = False, **who: Any
    ) -> Command:
        place = self.redeemer.redeem_now if pay else self.redeemer.hold
        return await place(Who(user_id, **who), coupon_ids, order_id, cart)

    async def paying(self, user_id: str, hold_id: str, **who: Any) -> Command:
        return await self.redeemer.redeem(Who(user_id, **who), hold_id)

    def undoing(self, user_id: str, scene: str, **what: str) -> Command:
        return self.redeemer.roll_back(user_id, scene, **{"hold_id": None, "redemption_id": None, **what})

    def refunding(
        self, user_id: str, redemption_id: str, units: Sequence[tuple[int, int]], *, freight: bool = False
    ) -> Command:
        return self.redeemer.refund(user_id, redemption_id, units, freight=freight)

    def revoking(self, coupon_id: str) -> Command:
        """Take a coupon back, as an action on its account does."""
        return _change(coupon_id, lambda coupon, now: orders.revoke(coupon, "test", now))

    def restoring(self, coupon_id: str) -> Command:
        return _change(coupon_id, lambda coupon, now: orders.restore(coupon, "test", now))

    # -- the same, done ------------------------------------------------------------------------------------------------

    async def coupon(self, user_id: str, template_id: str = "flat_8") -> str:
        answer = await self.run(self.granting(user_id, template_id))
        assert answer.status == 201, answer.body
        return str(answer.body["coupon_id"])

    async def hold(
        self, user_id: str, coupon_ids: Sequence[str], order_id: str = "o1", cart: Cart | None = None, **who: Any
    ) -> Answer:
        return await self.run(self.placing(user_id, coupon_ids, order_id, cart or basket(), **who))

    async def buy(
        self, user_id: str, coupon_ids: Sequence[str], order_id: str = "o1", cart: Cart | None = None, **who: Any
    ) -> Answer:
        return await self.run(self.placing(user_id, coupon_ids, order_id, cart or basket(), pay=True, **who))

    async def pay(self, user_id: str, hold_id: str, **who: Any) -> Answer:
        return await self.run(self.paying(user_id, hold_id, **who))

    async def undo(self, user_id: str, scene: str, **what: str) -> Answer:
        return await self.run(self.undoing(user_id, scene, **what))

    async def refund(self, user_id: str, redemption_id: str, *units: tuple[int, int], freight: bool = False) -> Answer:
        return await self.run(self.refunding(user_id, redemption_id, units, freight=freight))

    async def revoke(self, coupon_id: str) -> Answer:
        return await self.run(self.revoking(coupon_id))

    async def restore(self, coupon_id: str) -> Answer:
        return await self.run(self.restoring(coupon_id))

    async def quote(self, user_id: str, cart: Cart | None = None) -> dict[str, Any]:
        return await self.redeemer.quote(Who(user_id), cart or basket())

    def find(self, coupon_id: str) -> Coupon:
        return self.store.read(lambda connection: repository.find_all(connection, [coupon_id]))[coupon_id]

    def money(self, campaign_id: str = "spring") -> tuple[int, int]:
        """Committed and live cents of a campaign."""
        row: Any = self.store.read(lambda connection: shelf.find_campaign(connection, campaign_id))
        return int(row.committed_cents), int(row.live_cents)

    def exact(self) -> LedgerReport:
        report = self.store.read(lambda connection: compare(connection, ZONE))
        assert report.exact, report.differences
        return report

    async def close(self) -> None:
        await self.gate.scoring.close()
        self.store.close()


def _change(coupon_id: str, events_of: Callable[[Coupon, datetime], tuple[CouponEvent, ...] | Refuse]) -> Command:
    def command(tx: Transaction) -> Answer | Refuse:
        coupon = repository.load(tx, coupon_id)
        assert coupon is not None
        events = events_of(coupon, tx.now)
        if isinstance(events, Refuse):
            return events
        return Answer(200, {"state": repository.record_all(tx, coupon, events).state})

    return command

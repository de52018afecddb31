"""What users are shown: wallet, personal centre, coupon centre, product page, order confirmation. Reads only.

What is claimable here is asked of the same rules and counters as a claim, and may be over a moment later. An unknown
user is answered like one who has nothing: nothing here says whether somebody exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection

from serving.claimability import Claimability
from serving.coupons.cart import Cart, Line
from serving.coupons.claiming import AUTOMATIC, NewcomerLinks
from serving.coupons.kinds import kind_to_data
from serving.coupons.refusals import Refuse, Verdict
from serving.coupons.validity import local_day, validity_to_data
from serving.redeemer import Redeemer
from serving.store import wallets
from serving.store.cursor import Cursor
from serving.store.scopes import SECTIONS, OnShelf, claimable_at, for_cart, for_goods
from serving.store.unit import Store
from serving.views import card_view, face_view, refusal_view, remaining
from serving.who import Who

# "About to expire" (F086, F087).
SOON = timedelta(days=3)
MOST_SHOWN = 20
_LINKS = NewcomerLinks()


@dataclass(frozen=True, slots=True)
class Display:
    """``links`` are the claim's own, so that the coupon centre offers no newcomer coupon that the claim refuses."""

    store: Store
    redeemer: Redeemer
    zone: tzinfo
    links: NewcomerLinks = _LINKS

    async def wallet(self, user_id: str, cursor: Cursor, state: str | None) -> dict[str, Any]:
        """One page of cards (F096), all of them or of one visible state (F098)."""
        now = self.store.clock()
        found = await self.store.fetch(lambda c: wallets.wallet_page(c, user_id, cursor, now, state))
        return {"data": [_card(card, now) for card in found.rows], "has_more": found.has_more}

    async def personal_centre(self, user_id: str) -> dict[str, Any]:
        """How many coupons of each state, the zone of those that end within three days, and what may be taken here."""
        now = self.store.clock()

        def ask(connection: Connection) -> dict[str, Any]:
            soon = wallets.ending_soon(connection, user_id, now, now + SOON, MOST_SHOWN)
            offered = claimable_at(connection, "personal_centre", Cursor(MOST_SHOWN), self._day(now))
            return {
                "counts": wallets.wallet_counts(connection, user_id, now),
                "expiring_soon": [_card(card, now) for card in soon],
                "offers": self._offers(connection, offered.rows, user_id, "personal_centre", now),
            }

        return await self.store.fetch(ask)

    async def place(self, place: str, cursor: Cursor, user_id: str | None) -> dict[str, Any]:
        """Templates that may be taken at a place (F058); with a user, whether this one may and otherwise why not."""
        now = self.store.clock()

        def ask(connection: Connection) -> dict[str, Any]:
            found = claimable_at(connection, place, cursor, self._day(now))
            offers = self._offers(connection, found.rows, user_id, place, now)
            return {"data": offers, "has_more": found.has_more}

        return await self.store.fetch(ask)

    async def product_page(self, line: Line, user_id: str | None) -> dict[str, Any]:
        """Everything that is on for one product: flash sale, quantity promotions, gifts and coupons together (F097)."""
        now = self.store.clock()

        def ask(connection: Connection) -> dict[str, Any]:
            day = self._day(now)
            found = {
                part: for_goods(connection, line, "product_page", MOST_SHOWN, part=part, day=day) for part in SECTIONS
            }
            every = [entry for entries in found.values() for entry in entries]
            offers = iter(self._offers(connection, every, user_id, "product_page", now))
            return {"sku": line.sku, **{part: [next(offers) for _ in entries] for part, entries in found.items()}}

        return await self.store.fetch(ask)

    async def order_confirmation(self, who: Who, cart: Cart) -> dict[str, Any]:
        """The quote of the cart with the best coupons selected (F099, F102), and what may still be taken for it."""
        now = self.store.clock()
        quoted = await self.redeemer.quote(who, cart)

        def ask(connection: Connection) -> list[dict[str, Any]]:
            found = for_cart(connection, cart, "order_confirmation", MOST_SHOWN, day=self._day(now))
            taken = [entry for entry in found if entry.template.delivery != AUTOMATIC]
            return self._offers(connection, taken, who.user_id, "order_confirmation", now)

        best = quoted["best"]
        selected = best["coupon_ids"] if best is not None else []
        return {**quoted, "selected": selected, "offers": await self.store.fetch(ask)}

    def _day(self, now: datetime) -> str:
        return local_day(now, self.zone).isoformat()

    def _offers(
        self, connection: Connection, found: Sequence[OnShelf], user_id: str | None, place: str, now: datetime
    ) -> list[dict[str, Any]]:
        if user_id is None:
            return [offer_view(entry) for entry in found]
        asked = Claimability(connection, user_id, place, now, self.zone, self.links)
        return [
            {**offer_view(entry), "claimable": not isinstance(verdict, Refuse), "why_not": _why(verdict)}
            for entry, verdict in zip(found, asked.verdicts(found), strict=True)
        ]


def offer_view(entry: OnShelf) -> dict[str, Any]:
    """A template as something to take: its card, how it is given, and how scarce it is (F040)."""
    template = entry.template
    return {
        "template_id": template.template_id,
        **face_view(template),
        "deduction": kind_to_data(template.kind),
        "validity": validity_to_data(template.validity),
        "delivery": template.delivery,
        "scarcity": _scarcity(entry),
    }


def _scarcity(entry: OnShelf) -> dict[str, Any] | None:
    """Limited quantities are shown as such; None where there is no limit."""
    quantity, left = entry.template.limits.quantity, remaining(entry.template, entry.issued)
    if quantity is None or left is None:
        return None
    return {
        "quantity": quantity,
        "remaining": left,
        "en": f"Limited to {quantity}, {left} left" if left else f"Limited to {quantity}, all gone",
        "zh": f"限量{quantity}张，剩余{left}张" if left else f"限量{quantity}张，已领完",
    }


def _card(card: wallets.Card, now: datetime) -> dict[str, Any]:
    coupon, template = card
    shown = card_view(coupon, template, now)
    return {**shown, "expiring_soon": shown["state"] == "unused" and coupon.valid_until <= now + SOON}


def _why(verdict: Verdict) -> dict[str, Any] | None:
    return refusal_view(verdict) if isinstance(verdict, Refuse) else None

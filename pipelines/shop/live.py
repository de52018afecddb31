"""Play further days of a simulated shop against the running apps: who comes, with what cart, and how they answer.

Existing users answer an offer with the probabilities of ``truth/responses``; accounts that register on the day (some
of them in rings) answer as :mod:`pipelines.shop.guests` says. An answer depends on the seed, the visit and the offer
only, so a replay gives the same day.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from features.errors import InputError
from pipelines.shop.baskets import Menu
from pipelines.shop.calendar import DAY, HOUR, SHOP_OFFSET, draw_hours
from pipelines.shop.catalogue import CATEGORIES
from pipelines.shop.guests import Guest, Lobby
from pipelines.shop.network import TERMINALS
from pipelines.shop.offers import TEMPLATES
from pipelines.shop.population import TYPES
from pipelines.shop.response import respond
from pipelines.shop.seeds import Floats, Ints, stream
from pipelines.shop.world import BLOCK, Shop
from pipelines.shop.writer import MARK

CHOICES = ("none", *(template.template_id for template in TEMPLATES))
_FARMS = 0.9  # chance that a ring's guest uses a coupon it was given


@dataclass(frozen=True)
class CartLine:
    """One line of a cart, money in cents."""

    sku: str
    category: str
    quantity: int
    unit_price_cents: int
    unit_cost_cents: int


@dataclass(frozen=True)
class Visit:
    """Somebody at the shop's door; ``family`` and ``look_alike`` are the truth, not for the apps.

    ``at`` is UTC without a zone, ``hour`` the shop's local hour. ``trigger`` is ``registered`` at an account's first
    visit, else ``session``.
    """

    user_id: str
    at: datetime
    hour: int
    trigger: str
    device_id: str
    ip: str
    address: str
    terminal: str
    cart: tuple[CartLine, ...]
    basket: int
    family: str | None
    look_alike: str | None

    @property
    def abusive(self) -> bool:
        return self.family is not None

    @property
    def goods_cents(self) -> int:
        return sum(line.quantity * line.unit_price_cents for line in self.cart)


@dataclass(frozen=True)
class Response:
    """What the visitor does within the week: buys ``cart`` (perhaps topped up), with the coupon or without, and
    perhaps sends the order back."""

    buys: bool
    cancels: bool
    redeem: bool
    cart: tuple[CartLine, ...]


@dataclass(frozen=True)
class _Chances:
    buys: float
    redeem: float
    kept: float
    basket: Floats
    off: Ints


class Shoppers:
    """The users of a simulated shop, rebuilt from what its folder says about it."""

    def __init__(self, folder: Path) -> None:
        mark = folder / MARK
        if not mark.is_file():
            raise InputError("simulated shop", str(folder), f"a folder written by simulate, with {MARK}")
        facts = json.loads(mark.read_text("utf-8"))
        self.shop = Shop.open(facts["users"], facts["days"], facts["seed"])
        self._lobby = Lobby(self.shop)
        self._menus: dict[int, Menu] = {}
        self._index = {user_id: index for index, user_id in enumerate(self.shop.names.users.to_pylist())}
        self._guests: dict[str, Guest] = {}

    def visits(self, day: int, n: int, rng: np.random.Generator) -> list[Visit]:
        """``n`` visits of different users in the order of time, ``day`` days after the simulated period (0: the next).

        About a tenth are accounts that register on the day, a fifth of those in two rings.
        """
        if n < 40:
            raise InputError("n", n, "at least 40 visits, so that rings and look-alikes are among them")
        begin = self.shop.calendar.end + day * DAY
        guests = self._lobby.day(begin, max(12, n // 10), rng)
        for guest in guests:
            self._guests[_user_id(guest.number)] = guest
        returning = self._returning(begin, day, n - len(guests), rng)
        return sorted([*returning, *(self._first_visit(guest) for guest in guests)], key=lambda visit: visit.at)

    def respond(self, visit: Visit, offer: str) -> Response:
        """What the visitor does when given the offer (a template id, or ``none``)."""
        chances = self._chances(visit.user_id, offer)
        rng = stream(self.shop.seed, "answer", visit.user_id, visit.at.isoformat())
        # The same numbers for every offer: what differs between answers is the offer's doing.
        level, switch, elsewhere, remember, keep = rng.random(5).tolist()
        basket = self._final_basket(visit, chances, switch, elsewhere)
        buys = level < chances.buys
        redeems = buys and chances.off[basket] > 0 and remember < chances.redeem
        cancels = buys and keep >= chances.kept
        return Response(buys, cancels, bool(redeems), self._cart(visit.user_id, basket))

    def truth_of(self, user_id: str, offer: str) -> tuple[float, float]:
        """Expected (value_cents, cost_cents) of an offer over a week: margin before coupon cost over that of ``none``,
        and discount, both of orders that are kept."""
        given, none = self._chances(user_id, offer), self._chances(user_id, "none")
        menu, row = self._menu(user_id)
        margin = menu.margin[row]
        value = given.kept * (given.buys * given.basket @ margin - none.buys * none.basket @ margin)
        return float(value), float(given.kept * given.buys * given.redeem * (given.basket @ given.off))

    def type_of(self, user_id: str) -> str:
        """persuadable, sure_thing, lost_cause or sleeping_dog."""
        return TYPES[int(self.shop.people.kind[self._like(user_id)])]

    def _returning(self, begin: int, day: int, count: int, rng: np.random.Generator) -> list[Visit]:
        shop, people, network = self.shop, self.shop.people, self.shop.network
        there = people.in_trial & (people.registered < shop.calendar.end) & (people.lapse >= shop.days + day)
        weight = people.activity * there
        count = min(count, int(there.sum()))
        users = rng.choice(shop.users, count, replace=False, p=weight / weight.sum())
        moments = begin + (draw_hours(people.hour[users], rng) * HOUR).astype(np.int64)
        device, terminal = network.draw_device(users, moments, rng)
        devices = network.device_names().take(device).to_pylist()
        ips = network.ip_names().take(network.draw_ip(users, moments, rng)).to_pylist()
        addresses = network.address_names().take(network.draw_address(users, rng)).to_pylist()
        visits = []
        for i, user in enumerate(users.tolist()):
            look = int(people.look_alike[user])
            label = f"L{look + 1}" if look >= 0 else None
            where = (devices[i], ips[i], addresses[i], TERMINALS[int(terminal[i])])
            user_id = _user_id(int(people.number[user]))
            visits.append(self._visit(user_id, int(moments[i]), "session", where, None, label))
        return visits

    def _first_visit(self, guest: Guest) -> Visit:
        where = (guest.device_id, guest.ip, guest.address, guest.terminal)
        return self._visit(_user_id(guest.number), guest.at, "registered", where, guest.family, guest.look_alike)

    def _visit(
        self,
        user_id: str,
        at: int,
        trigger: str,
        where: tuple[str, str, str, str],
        family: str | None,
        look_alike: str | None,
    ) -> Visit:
        habit = self._chances(user_id, "none").basket
        level = stream(self.shop.seed, "cart", user_id, at).random()
        basket = min(int((np.cumsum(habit) <= level).sum()), len(habit) - 1)
        hour = (at + SHOP_OFFSET) % DAY // HOUR
        cart = self._cart(user_id, basket)
        return Visit(user_id, _moment(at), hour, trigger, *where, cart, basket, family, look_alike)

    def _final_basket(self, visit: Visit, chances: _Chances, switch: float, elsewhere: float) -> int:
        """The basket under the offer, the cart's own whenever the two distributions allow it (maximal coupling)."""
        before = self._chances(visit.user_id, "none").basket
        if switch * before[visit.basket] <= chances.basket[visit.basket]:
            return visit.basket
        gain = np.maximum(chances.basket - before, 0)
        return min(int((np.cumsum(gain) <= elsewhere * gain.sum()).sum()), len(gain) - 1)

    def _chances(self, user_id: str, offer: str) -> _Chances:
        if offer not in CHOICES:
            raise InputError("offer", offer, f"one of: {', '.join(CHOICES)}")
        people, like = self.shop.people, self._like(user_id)
        menu, row = self._menu(user_id)
        templates = [template for template in TEMPLATES if template.template_id == offer]
        users, rows = np.array([like]), np.array([row])
        truth = respond(people, users, menu, rows, np.ones(1), templates)
        off, basket = truth.off[0, :, -1], truth.basket[0, :, -1]
        guest = self._guests.get(user_id)
        if guest is not None and guest.family is not None:
            cheapest = np.zeros(len(off))
            cheapest[menu.goods[row].argmin()] = 1.0
            farms = _FARMS if off @ cheapest > 0 else 0.0
            return _Chances(farms, 1.0, 1.0, cheapest, off)
        kept, redeem = float(people.kept[like]), float(people.redeem[like])
        return _Chances(float(truth.buys[0, -1]), redeem, kept, basket, off)

    def _like(self, user_id: str) -> int:
        if user_id in self._guests:
            return self._guests[user_id].like
        if user_id not in self._index:
            raise InputError("user_id", user_id, "a user of this shop")
        return self._index[user_id]

    def _menu(self, user_id: str) -> tuple[Menu, int]:
        block, row = divmod(self._like(user_id), BLOCK)
        if block not in self._menus:
            self._menus[block] = self.shop.menu(block)
        return self._menus[block], row

    def _cart(self, user_id: str, basket: int) -> tuple[CartLine, ...]:
        menu, row = self._menu(user_id)
        catalogue = self.shop.catalogue
        return tuple(
            CartLine(
                catalogue.sku[sku].as_py(),
                CATEGORIES[catalogue.category[sku]],
                quantity,
                int(catalogue.price[sku]),
                int(catalogue.cost[sku]),
            )
            for sku, quantity in zip(menu.sku[row, basket].tolist(), menu.quantity[row, basket].tolist(), strict=True)
            if quantity > 0
        )


def _user_id(number: int) -> str:
    return f"u{number:07d}"


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(0, UTC).replace(tzinfo=None) + timedelta(microseconds=at)

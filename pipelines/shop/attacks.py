"""Rings that farm coupons, in ten families.

A1 sock puppets on one device, A2 device farm with rotating addresses, A3 one drop address in many spellings,
A4 re-registration for newcomer coupons, A5 collusive resale to one recipient, A6 merchant collusion, A7 slow drip of
one account every few days, A8 account takeover, A9 bot burst, A10 adaptive: moves on to another device and address
after a refusal and stays below thresholds. Accounts of a ring take the newcomers' path with numbers of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pipelines.shop.addresses import Place
from pipelines.shop.baskets import LINES
from pipelines.shop.calendar import DAY, HOUR, MINUTE, SECOND
from pipelines.shop.catalogue import Catalogue
from pipelines.shop.offers import PUBLIC
from pipelines.shop.population import Population
from pipelines.shop.purchases import KEPT, REFUNDED
from pipelines.shop.seeds import Ints
from pipelines.shop.stage import Stage

SHARE = 0.007


@dataclass
class Script:
    """Orders that are played as written, each with a coupon of ``template`` taken minutes before."""

    user: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    sku: list[int] = field(default_factory=list)
    quantity: list[int] = field(default_factory=list)
    template: list[int] = field(default_factory=list)
    fate: list[int] = field(default_factory=list)
    device: list[int] = field(default_factory=list)
    ip: list[int] = field(default_factory=list)
    address: list[int] = field(default_factory=list)

    def add(self, **order: int) -> None:
        for name, value in order.items():
            getattr(self, name).append(int(value))

    def lines(self) -> tuple[Ints, Ints]:
        """SKU and quantity (n, lines), one line an order."""
        sku = np.zeros((len(self.user), LINES), dtype=np.int64)
        quantity = np.zeros_like(sku)
        sku[:, 0], quantity[:, 0] = self.sku, self.quantity
        return sku, quantity


@dataclass
class Plot:
    """A stage with what only rings need."""

    stage: Stage
    catalogue: Catalogue
    script: Script


def plant_attacks(stage: Stage, catalogue: Catalogue) -> Script:
    """Cast and play all ten families; returns the orders that follow a script."""
    plot = Plot(stage, catalogue, Script())
    per_family = max(2, round(SHARE * len(stage.people) / len(_FAMILIES)))
    ring = 0
    for family, (low, high, play) in enumerate(_FAMILIES):
        left = per_family
        while left > 0:
            size = max(2, min(left, int(stage.rng.integers(low, high + 1))))
            members = stage.cast(size)
            left -= size
            stage.people.family[members] = family
            stage.people.ring[members] = ring
            stage.people.in_trial[members] = False
            play(plot, members)
            ring += 1
    return plot.script


def _schedule(stage: Stage, count: int, gap: float, low: float = 0.08, high: float = 0.7) -> Ints:
    """Moments of registration about ``gap`` microseconds apart, all within the period."""
    start = stage.moments(1, low, high)[0]
    gaps = np.concatenate([[0], stage.rng.uniform(0.3, 1.7, count - 1) * gap])
    offset = np.cumsum(gaps)
    room = stage.calendar.end - 2 * DAY - start
    return start + (offset * min(1.0, room / max(offset[-1], 1))).astype(np.int64)


def _register(plot: Plot, members: Ints, at: Ints, device: Ints, ip: Ints, address: Ints) -> None:
    """Fake accounts: in, coupon, cheapest order, gone."""
    stage, rng, n = plot.stage, plot.stage.rng, len(members)
    people, newcomers = stage.people, stage.newcomers
    stage.arrive(members, at, claiming=1.0)
    people.activity[members] = 0.0
    people.kind[members] = 2
    people.buy[members] = -4.0
    people.identity[members] = -1
    people.redeem[members] = 0.97
    newcomers.device[members], newcomers.ip[members], newcomers.address[members] = device, ip, address
    newcomers.claim_after[members] = rng.integers(15 * SECOND, 20 * MINUTE, n)
    newcomers.orders[members] = rng.random(n) < 0.88
    newcomers.order_after[members] = rng.integers(2 * MINUTE, 30 * HOUR, n)
    newcomers.views[members] = rng.poisson(1.2, n)
    newcomers.thrift[members] = rng.random(n) < 0.8


def _door(plot: Plot) -> Place:
    return Place.at_random(plot.stage.rng, plot.stage.rng.random() < 0.2)


def _spellings(plot: Plot, count: int, effort: int = 2) -> Ints:
    return plot.stage.network.add_spellings(_door(plot), count, plot.stage.rng, effort)


def _sock_puppets(plot: Plot, members: Ints) -> None:
    network, rng, n = plot.stage.network, plot.stage.rng, len(members)
    at = _schedule(plot.stage, n, float(rng.choice([0.5, 3, 12])) * HOUR)
    device, ip = np.full(n, network.new_devices(1)[0]), np.full(n, network.new_ips(1)[0])
    address = _spellings(plot, n) if rng.random() < 0.6 else network.address[members]
    _register(plot, members, at, device, ip, address)


def _device_farm(plot: Plot, members: Ints) -> None:
    network, rng, n = plot.stage.network, plot.stage.rng, len(members)
    at = _schedule(plot.stage, n, 5 * HOUR)
    device = rng.choice(network.new_devices(max(1, n // 4)), n)
    ip = np.where(rng.random(n) < 0.5, rng.choice(network.vpn, n), network.new_ips(n))
    drops = np.concatenate([_spellings(plot, n) for _ in range(3)])
    _register(plot, members, at, device, ip, rng.choice(drops, n))


def _drop_address(plot: Plot, members: Ints) -> None:
    network, rng, n = plot.stage.network, plot.stage.rng, len(members)
    at = _schedule(plot.stage, n, float(rng.choice([6, 24, 48])) * HOUR)
    device, ip = network.first[members], network.draw_ip(members, at, rng)
    _register(plot, members, at, device, ip, _spellings(plot, n, effort=3))


def _re_registration(plot: Plot, members: Ints) -> None:
    stage, network, rng = plot.stage, plot.stage.network, plot.stage.rng
    people = stage.people
    # The first account is the person's own, old and honest-looking until the others appear.
    own, again = members[:1], members[1:]
    people.registered[own] = np.minimum(people.registered[own], stage.calendar.begin - 90 * DAY)
    stage.newcomers.arrives[own] = False
    n = len(again)
    at = _schedule(stage, n, 6 * DAY)
    home = np.full(n, network.home[own][0])
    address = np.where(rng.random(n) < 0.5, network.address[own][0], network.variant[own][0])
    _register(plot, again, at, np.full(n, network.first[own][0]), home, address)
    same_phone = again[rng.random(n) < 0.4]
    people.phone[same_phone] = people.phone[own][0]
    people.identity[members] = people.phone[own][0] if rng.random() < 0.5 else -1


def _resale(plot: Plot, members: Ints) -> None:
    stage, network, rng = plot.stage, plot.stage.network, plot.stage.rng
    _age(stage, members)
    recipient = _spellings(plot, max(3, len(members) // 2), effort=1)
    sku = _dear_sku(plot)
    moments = _schedule(stage, len(members), 1.2 * DAY)
    for member, moment in zip(members.tolist(), moments.tolist(), strict=True):
        for nth in range(int(rng.integers(1, 4))):
            at = moment + nth * int(rng.integers(6 * HOUR, 4 * DAY))
            _script(plot, member, at, sku, int(rng.integers(2, 6)), KEPT, int(rng.choice(recipient)))
    network.use[members, 3] = 0.1


def _merchant(plot: Plot, members: Ints) -> None:
    stage, rng = plot.stage, plot.stage.rng
    _age(stage, members)
    merchant = int(rng.integers(5, 20))
    skus = np.flatnonzero(plot.catalogue.merchant == merchant)
    if not len(skus):
        skus = np.array([_dear_sku(plot)])
    moments = _schedule(stage, len(members), 0.8 * DAY)
    for member, moment in zip(members.tolist(), moments.tolist(), strict=True):
        for nth in range(int(rng.integers(2, 5))):
            at = moment + nth * int(rng.integers(4 * HOUR, 3 * DAY))
            sku = int(rng.choice(skus))
            enough = 1 + 10_000 // max(int(plot.catalogue.price[sku]), 1)
            fate = REFUNDED if rng.random() < 0.35 else KEPT
            _script(plot, member, at, sku, enough, fate, int(stage.network.address[member]))


def _slow_drip(plot: Plot, members: Ints) -> None:
    network, rng, n = plot.stage.network, plot.stage.rng, len(members)
    at = _schedule(plot.stage, n, 4.5 * DAY, high=0.4)
    device, ip = np.full(n, network.new_devices(1)[0]), np.full(n, network.new_ips(1)[0])
    address = np.where(rng.random(n) < 0.5, _spellings(plot, n), network.address[members])
    _register(plot, members, at, device, ip, address)
    plot.stage.newcomers.views[members] = 1 + rng.poisson(3, n)


def _takeover(plot: Plot, members: Ints) -> None:
    stage, network, rng = plot.stage, plot.stage.network, plot.stage.rng
    _age(stage, members)
    stage.people.activity[members] = np.maximum(stage.people.activity[members], 0.1)
    device, drop = network.new_devices(1)[0], _spellings(plot, 3)
    moments = _schedule(stage, len(members), 9 * HOUR)
    sku = _dear_sku(plot)
    for member, moment in zip(members.tolist(), moments.tolist(), strict=True):
        ip = int(rng.choice(network.vpn))
        fate = REFUNDED if rng.random() < 0.5 else KEPT
        for nth in range(int(rng.integers(1, 3))):
            at = moment + nth * int(rng.integers(4 * MINUTE, 40 * MINUTE))
            order = {"user": member, "at": at, "sku": sku, "quantity": int(rng.integers(1, 4)), "fate": fate}
            template = int(rng.choice(PUBLIC))
            plot.script.add(**order, template=template, device=device, ip=ip, address=int(rng.choice(drop)))


def _bot_burst(plot: Plot, members: Ints) -> None:
    stage, network, rng, n = plot.stage, plot.stage.network, plot.stage.rng, len(members)
    start = stage.moments(1, 0.1, 0.85)[0]
    at = np.sort(start + rng.integers(0, 10 * MINUTE, n))
    ip = rng.choice(network.new_ips(1 + n // 15), n)
    drops = np.concatenate([_spellings(plot, n, effort=1) for _ in range(2)])
    _register(plot, members, at, network.new_devices(n), ip, rng.choice(drops, n))
    stage.newcomers.claim_after[members] = rng.integers(2 * SECOND, 20 * SECOND, n)
    stage.newcomers.order_after[members] = rng.integers(10 * SECOND, 30 * MINUTE, n)
    stage.newcomers.orders[members] = rng.random(n) < 0.6
    stage.newcomers.views[members] = 0


def _adaptive(plot: Plot, members: Ints) -> None:
    stage, network, rng, n = plot.stage, plot.stage.network, plot.stage.rng, len(members)
    at = _schedule(stage, n, 5 * DAY, high=0.35)
    # A device and an address serve two accounts at most, then they are dropped.
    turn = np.cumsum(rng.random(n) < 0.6)
    device, ip = network.new_devices(n + 1)[turn], network.new_ips(n + 1)[turn]
    address = np.concatenate([_spellings(plot, n, effort=3), _spellings(plot, n, effort=3)])
    _register(plot, members, at, device, ip, rng.choice(address, n))
    newcomers = stage.newcomers
    newcomers.views[members] = 2 + rng.poisson(4, n)
    newcomers.claim_after[members] = rng.integers(5 * MINUTE, 20 * HOUR, n)
    newcomers.order_after[members] = rng.integers(20 * MINUTE, 60 * HOUR, n)
    newcomers.thrift[members] = rng.random(n) < 0.4
    network.first[members], network.second[members] = device, -1
    network.home[members] = network.home_later[members] = ip
    stage.people.activity[members] = 0.05


def _age(stage: Stage, members: Ints) -> None:
    people: Population = stage.people
    people.registered[members] = np.minimum(people.registered[members], stage.calendar.begin - 40 * DAY)
    people.lapse[members] = np.iinfo(np.int64).max
    stage.newcomers.arrives[members] = False


def _dear_sku(plot: Plot) -> int:
    """Something that sells on: among the dearer quarter of the shop."""
    dear = np.flatnonzero(plot.catalogue.price >= np.quantile(plot.catalogue.price, 0.75))
    return int(plot.stage.rng.choice(dear))


def _script(plot: Plot, member: int, at: int, sku: int, quantity: int, fate: int, address: int) -> None:
    stage = plot.stage
    who, when = np.array([member]), np.array([at])
    device, _ = stage.network.draw_device(who, when, stage.rng)
    ip = stage.network.draw_ip(who, when, stage.rng)
    where = {"device": int(device[0]), "ip": int(ip[0]), "address": address}
    template = int(stage.rng.choice(PUBLIC))
    plot.script.add(user=member, at=at, sku=sku, quantity=quantity, template=template, fate=fate, **where)


Play = Callable[[Plot, Ints], None]
# Smallest and largest ring, scene; A1 to A10 in order.
_FAMILIES: tuple[tuple[int, int, Play], ...] = (
    (3, 14, _sock_puppets),
    (8, 40, _device_farm),
    (4, 20, _drop_address),
    (3, 6, _re_registration),
    (4, 16, _resale),
    (4, 14, _merchant),
    (4, 10, _slow_drip),
    (2, 8, _takeover),
    (8, 60, _bot_burst),
    (4, 12, _adaptive),
)
FAMILIES = tuple(f"A{number}" for number in range(1, len(_FAMILIES) + 1))

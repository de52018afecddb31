"""The first days of a new account: the newcomer coupon, claimed or not, and the first order.

Everyone takes the same path through the shop, honest newcomers, look-alikes and rings; they differ in the numbers kept
here, which the modules that play them rewrite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.shop.calendar import DAY, HOUR, MINUTE, Calendar
from pipelines.shop.network import Network
from pipelines.shop.population import Population
from pipelines.shop.seeds import Bools, Ints, stream

# The trial leaves an account alone until its newcomer coupon has had its week.
SETTLED = 7 * DAY


@dataclass
class Newcomers:
    """Arrays over users; meaningful where ``arrives`` (registers within the period).

    ``claim_after`` and ``order_after`` are microseconds since registration and since the claim; ``thrift`` orders the
    smallest usual basket, the way somebody does who wants the coupon and not the goods.
    """

    arrives: Bools
    claims: Bools
    claim_after: Ints
    orders: Bools
    order_after: Ints
    views: Ints
    thrift: Bools
    device: Ints
    terminal: Ints
    ip: Ints
    address: Ints

    def arrive(
        self, people: Population, network: Network, members: Ints, at: Ints, claiming: float, rng: np.random.Generator
    ) -> None:
        """Let ``members`` register ``at`` those moments, from where the network now says they are."""
        people.registered[members] = at
        people.tier[members] = 0
        people.lapse[members] = np.iinfo(np.int64).max
        self.arrives[members] = True
        self.claims[members] = rng.random(len(members)) < claiming
        self.orders[members] |= self.claims[members] & (rng.random(len(members)) < 0.35)
        self.device[members], self.terminal[members] = network.draw_device(members, at, rng)
        self.ip[members] = network.draw_ip(members, at, rng)
        self.address[members] = network.draw_address(members, rng)


def build_newcomers(people: Population, network: Network, calendar: Calendar, seed: int) -> Newcomers:
    """Honest defaults for everyone."""
    rng = stream(seed, "newcomers")
    n = len(people)
    everyone = np.arange(n)
    keen = np.array([0.55, 0.75, 0.12, 0.4])[people.kind]
    delay = np.minimum(rng.exponential(1.2 * DAY, n), 5 * DAY) + 5 * MINUTE
    device, terminal = network.draw_device(everyone, people.registered, rng)
    return Newcomers(
        arrives=people.registered >= calendar.begin,
        claims=rng.random(n) < 0.72,
        claim_after=(MINUTE + np.minimum(rng.exponential(3 * HOUR, n), DAY)).astype(np.int64),
        orders=rng.random(n) < keen,
        order_after=np.where(rng.random(n) < 0.5, rng.uniform(3, 40, n) * MINUTE, delay).astype(np.int64),
        views=1 + rng.poisson(4, n),
        thrift=rng.random(n) < 0.2,
        device=device,
        terminal=terminal,
        ip=network.draw_ip(everyone, people.registered, rng),
        address=network.draw_address(everyone, rng),
    )

"""Innocents who share what rings share: the people whom a careless rule would punish.

Every group holds new accounts that claim the same newcomer coupon as the rings do, or telling them apart would be easy.
L1 dorm gateway, L2 office, L3 family on one tablet, L4 carrier gateway, L5 parcel locker, L6 second-hand phone,
L7 store kiosk, L8 flash sale, L9 fingerprint collision of one phone model, L10 traveller on a VPN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.shop.addresses import Place, respell, write
from pipelines.shop.calendar import DAY, MINUTE, SECOND
from pipelines.shop.network import KIOSK, NEVER
from pipelines.shop.seeds import Ints
from pipelines.shop.stage import Stage


def plant_lookalikes(stage: Stage) -> None:
    """Cast and play all ten groups."""
    for index, (share, low, high, play) in enumerate(_GROUPS):
        left = max(4, round(share * len(stage.people)))
        while left > 0:
            size = min(left, int(stage.rng.integers(low, high + 1)))
            members = stage.cast(max(size, 2))
            left -= size
            stage.people.look_alike[members] = index
            play(stage, members)


def _dorm(stage: Stage, members: Ints) -> None:
    network, rng = stage.network, stage.rng
    gateways = network.new_ips(1 + len(members) // 50)
    network.home[members] = network.home_later[members] = rng.choice(gateways, len(members))
    network.use[members] = [0.75, 0.25, 0, 0]
    house = Place.at_random(rng, False, "dorm")
    _live_at(stage, members, [house.door(int(rng.integers(101, 699))) for _ in members])
    new = stage.some(members, 0.5)
    term = stage.moments(1, 0.1, 0.8)[0]
    stage.arrive(new, term + (rng.exponential(3 * DAY, len(new))).astype(np.int64) % (12 * DAY))


def _office(stage: Stage, members: Ints) -> None:
    network, rng = stage.network, stage.rng
    network.work[members] = network.new_ips(1)[0]
    network.use[members, 2] = 2.0
    tower = Place.at_random(rng, bool(stage.people.western[members[0]]), "office")
    network.other[members] = [network.add_text(respell(tower, rng)) for _ in members]
    network.other_share[members] = 0.4
    new = stage.some(members, 0.4)
    stage.arrive(new, stage.moments(len(new)))


def _family(stage: Stage, members: Ints) -> None:
    network, rng = stage.network, stage.rng
    tablet = network.new_devices(1)[0]
    network.second[members] = tablet
    alone = members[rng.random(len(members)) < 0.4]
    network.first[alone] = tablet
    network.home[members] = network.home[members[0]]
    network.home_later[members] = network.home_later[members[0]]
    network.moved[members] = network.moved[members[0]]
    _live_at(stage, members, [network.places[members[0]]] * len(members))
    new = stage.some(members, 0.6)
    first = stage.moments(1, 0.05, 0.7)[0]
    stage.arrive(new, first + rng.integers(0, 25 * DAY, len(new)))
    on_tablet = new[rng.random(len(new)) < 0.7]
    stage.newcomers.device[on_tablet] = tablet


def _carrier(stage: Stage, members: Ints) -> None:
    stage.network.use[members] = [0.05, 0.95, 0, 0]
    stage.network.carrier[members] = stage.network.carrier[members[0]]
    new = stage.some(members, 0.5)
    stage.arrive(new, stage.moments(len(new)))


def _locker(stage: Stage, members: Ints) -> None:
    locker = Place.at_random(stage.rng, False, "locker")
    _live_at(stage, members, [locker] * len(members))
    new = stage.some(members, 0.45)
    stage.arrive(new, stage.moments(len(new)))


def _second_hand(stage: Stage, members: Ints) -> None:
    network, rng = stage.network, stage.rng
    seller, buyer = members[:1], members[1:2]
    sold = stage.moments(1, 0.1, 0.75)
    network.switch[seller] = sold
    network.second[seller] = network.new_devices(1)
    network.first[buyer] = network.first[seller]
    stage.people.registered[seller] = np.minimum(stage.people.registered[seller], stage.calendar.begin - 60 * DAY)
    stage.newcomers.arrives[seller] = False
    stage.people.activity[seller] = np.maximum(stage.people.activity[seller], 0.15)
    stage.arrive(buyer, sold + rng.integers(DAY, 12 * DAY, 1), claiming=1.0)
    stage.newcomers.device[buyer] = network.first[seller]


def _kiosk(stage: Stage, members: Ints) -> None:
    network, rng = stage.network, stage.rng
    kiosk, store = network.new_devices(1)[0], network.new_ips(1)[0]
    regulars = members[rng.random(len(members)) < 0.25]
    network.second[regulars] = kiosk
    new = stage.some(members, 0.75)
    stage.arrive(new, stage.moments(len(new)), claiming=0.9)
    stage.newcomers.device[new] = kiosk
    stage.newcomers.terminal[new] = KIOSK
    stage.newcomers.ip[new] = store
    stage.newcomers.claim_after[new] = rng.integers(20 * SECOND, 4 * MINUTE, len(new))


def _flash_sale(stage: Stage, members: Ints) -> None:
    rng = stage.rng
    opening = stage.moments(1, 0.1, 0.9)[0]
    stage.arrive(members, opening + rng.integers(0, 15 * MINUTE, len(members)), claiming=0.95)
    stage.newcomers.claim_after[members] = rng.integers(5 * SECOND, 2 * MINUTE, len(members))
    stage.newcomers.orders[members] = rng.random(len(members)) < 0.8
    stage.newcomers.order_after[members] = rng.integers(MINUTE, 12 * MINUTE, len(members))
    stage.newcomers.views[members] = 1 + rng.poisson(1, len(members))
    stage.newcomers.thrift[members] = rng.random(len(members)) < 0.6


def _collision(stage: Stage, members: Ints) -> None:
    stage.network.first[members] = stage.network.first[members[0]]
    new = stage.some(members, 0.5)
    stage.arrive(new, stage.moments(len(new)))


def _traveller(stage: Stage, members: Ints) -> None:
    stage.network.use[members] = [0.15, 0.15, 0, 0.7]
    new = stage.some(members, 0.5)
    stage.arrive(new, stage.moments(len(new)))


def _live_at(stage: Stage, members: Ints, doors: list[Place]) -> None:
    network = stage.network
    for member, door in zip(members.tolist(), doors, strict=True):
        network.places[member] = door
        network.address[member] = network.add_text(write(door))
        network.variant[member] = network.add_text(respell(door, stage.rng))
    network.moved[members] = np.where(
        network.home[members] == network.home_later[members], NEVER, network.moved[members]
    )


Play = Callable[[Stage, Ints], None]
# Share of users, smallest and largest group, scene; L1 to L10 in order.
_GROUPS: tuple[tuple[float, int, int, Play], ...] = (
    (0.03, 30, 140, _dorm),
    (0.03, 20, 100, _office),
    (0.04, 2, 5, _family),
    (0.04, 60, 200, _carrier),
    (0.02, 20, 80, _locker),
    (0.01, 2, 2, _second_hand),
    (0.015, 15, 80, _kiosk),
    (0.015, 10, 60, _flash_sale),
    (0.012, 4, 30, _collision),
    (0.008, 5, 20, _traveller),
)
LOOK_ALIKES = tuple(f"L{number}" for number in range(1, len(_GROUPS) + 1))

"""Accounts that register on a further day: honest newcomers, look-alikes at one gateway or kiosk, and two rings.

A guest behaves like an existing user whose traits it borrows (``like``); a ring's guests buy the cheapest basket when
there is a coupon to farm, and nothing otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.shop.addresses import Place, respell
from pipelines.shop.calendar import MINUTE, SECOND
from pipelines.shop.lookalikes import LOOK_ALIKES
from pipelines.shop.network import KIOSK, TERMINALS, device_texts, ip_texts
from pipelines.shop.seeds import Ints
from pipelines.shop.world import Shop

_GATEWAY, _KIOSK = LOOK_ALIKES[0], LOOK_ALIKES[6]


@dataclass(frozen=True)
class Guest:
    """A new account: whom it is like, when it registers (microseconds), and from where."""

    number: int
    like: int
    at: int
    device_id: str
    ip: str
    address: str
    terminal: str
    family: str | None = None
    look_alike: str | None = None


@dataclass
class Lobby:
    """Hands out new accounts, devices and addresses, none of which the tables have seen."""

    shop: Shop
    accounts: int = 0
    devices: int = 0
    ips: int = 0

    def day(self, begin: int, count: int, rng: np.random.Generator) -> list[Guest]:
        """So many guests of a day that begins at ``begin``: a fifth of them in rings, a third look-alikes."""
        ring = max(3, count // 10)
        alike = max(3, count // 6)
        plain = max(count - 2 * ring - 2 * alike, 0)
        noon = begin + 12 * 60 * MINUTE
        return [
            *self._plain(begin, plain, rng),
            *self._gateway(begin, alike, rng),
            *self._kiosk(begin, alike, rng),
            *self._puppets(noon + int(rng.integers(0, 60)) * MINUTE, ring, rng),
            *self._burst(noon + int(rng.integers(120, 400)) * MINUTE, ring, rng),
        ]

    def _plain(self, begin: int, count: int, rng: np.random.Generator) -> list[Guest]:
        at = begin + rng.integers(8 * 60, 23 * 60, count) * MINUTE
        return self._guests(at, self._devices(count), self._ips(count), self._homes(count, rng), rng)

    def _gateway(self, begin: int, count: int, rng: np.random.Generator) -> list[Guest]:
        """New students behind the gateway that their dorm has always had."""
        at = begin + rng.integers(9 * 60, 23 * 60, count) * MINUTE
        network = self.shop.network
        gateway = self._shared(network.ip_names(), network.home, _GATEWAY)
        return self._guests(
            at, self._devices(count), [gateway] * count, self._homes(count, rng), rng, look_alike=_GATEWAY
        )

    def _kiosk(self, begin: int, count: int, rng: np.random.Generator) -> list[Guest]:
        """Customers who register at a kiosk that has stood in its store all along."""
        at = begin + rng.integers(10 * 60, 21 * 60, count) * MINUTE
        network = self.shop.network
        kiosk = self._shared(network.device_names(), network.second, _KIOSK)
        return self._guests(
            at,
            [kiosk] * count,
            self._ips(1) * count,
            self._homes(count, rng),
            rng,
            look_alike=_KIOSK,
            terminal=TERMINALS[KIOSK],
        )

    def _shared(self, names: pa.Array, values: Ints, look_alike: str) -> str:
        """The value that most users of a look-alike group have in common, by name."""
        members = self.shop.people.look_alike == LOOK_ALIKES.index(look_alike)
        found, counts = np.unique(values[members & (values >= 0)], return_counts=True)
        return str(names[int(found[counts.argmax()])].as_py())

    def _puppets(self, start: int, count: int, rng: np.random.Generator) -> list[Guest]:
        at = start + np.cumsum(rng.integers(2, 25, count)) * MINUTE
        return self._guests(
            at, self._devices(1) * count, self._ips(1) * count, self._drops(count, rng), rng, family="A1"
        )

    def _burst(self, start: int, count: int, rng: np.random.Generator) -> list[Guest]:
        at = start + np.sort(rng.integers(0, 400, count)) * SECOND
        return self._guests(at, self._devices(count), self._ips(1) * count, self._drops(count, rng), rng, family="A9")

    def _guests(
        self,
        at: Ints,
        devices: list[str],
        ips: list[str],
        addresses: list[str],
        rng: np.random.Generator,
        family: str | None = None,
        look_alike: str | None = None,
        terminal: str | None = None,
    ) -> list[Guest]:
        honest = np.flatnonzero(self.shop.people.in_trial)
        guests = []
        for moment, device, ip, address in zip(at.tolist(), devices, ips, addresses, strict=True):
            self.accounts += 1
            like = int(rng.choice(honest))
            seen_on = terminal or TERMINALS[int(self.shop.network.terminal[like])]
            number = self.shop.users + self.accounts - 1
            guests.append(Guest(number, like, moment, device, ip, address, seen_on, family, look_alike))
        return guests

    def _devices(self, count: int) -> list[str]:
        self.devices += count
        end = self.shop.network.devices + self.devices
        return device_texts(self.shop.seed, np.arange(end - count, end))

    def _ips(self, count: int) -> list[str]:
        self.ips += count
        end = self.shop.network.ips + self.ips
        return ip_texts(self.shop.seed, np.arange(end - count, end))

    def _homes(self, count: int, rng: np.random.Generator) -> list[str]:
        return [respell(Place.at_random(rng, rng.random() < 0.2), rng, 0) for _ in range(count)]

    def _drops(self, count: int, rng: np.random.Generator) -> list[str]:
        door = Place.at_random(rng, False)
        return [respell(door, rng, 2) for _ in range(count)]

"""Where visits come from: devices, IP addresses and postal addresses, each an index into a growing directory.

Homes, phones and offices are what users own; carrier gateways (one address for hundreds of phones), campus and office
gateways and VPN exits are hubs that unrelated people share. IP leases are handed on: a home's address today was
another home's last month.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipelines.shop.addresses import Place, respell, write
from pipelines.shop.calendar import DAY, HOUR, SHOP_OFFSET, Calendar
from pipelines.shop.population import Population
from pipelines.shop.seeds import Floats, Ints, opaque, stream

TERMINALS = ("app_android", "app_ios", "mini_program", "web", "kiosk")
WEB, KIOSK = 3, 4
NEVER = np.iinfo(np.int64).max
# First octets in public use, so that nothing falls into reserved space.
_OCTETS = np.array([27, 36, 39, 42, 58, 60, 61, 101, 106, 110, 112, 115, 117, 119, 121, 123, 171, 175, 180, 183, 218])


@dataclass
class Network:
    """Per user: two devices, two home leases, a carrier, perhaps a workplace, and address texts.

    ``use`` (n, 4) weighs home, carrier, workplace and VPN as the source of a visit. ``first`` is used before
    ``switch``, ``second`` sometimes before and always after (-1: owns one device only).
    """

    seed: int
    first: Ints
    second: Ints
    switch: Ints
    terminal: Ints
    home: Ints
    home_later: Ints
    moved: Ints
    work: Ints
    use: Floats
    carrier: Ints
    carrier_size: int
    vpn: Ints
    places: list[Place]
    address: Ints
    variant: Ints
    other: Ints
    other_share: Floats
    texts: list[str]
    devices: int
    ips: int
    _cache: dict[str, pa.Array] = field(default_factory=dict)

    def new_devices(self, count: int) -> Ints:
        self.devices += count
        return np.arange(self.devices - count, self.devices)

    def new_ips(self, count: int) -> Ints:
        self.ips += count
        return np.arange(self.ips - count, self.ips)

    def add_text(self, text: str) -> int:
        self.texts.append(text)
        return len(self.texts) - 1

    def add_spellings(self, place: Place, count: int, rng: np.random.Generator, effort: int = 2) -> Ints:
        """Directory numbers of so many spellings of one door."""
        return np.array([self.add_text(respell(place, rng, effort)) for _ in range(count)])

    def device_names(self) -> pa.Array:
        """``names[i]`` is the identifier of device i."""
        if "devices" not in self._cache:
            self._cache["devices"] = pa.array(device_texts(self.seed, np.arange(self.devices)))
        return self._cache["devices"]

    def ip_names(self) -> pa.Array:
        """``names[i]`` is IP address i in dotted form."""
        if "ips" not in self._cache:
            self._cache["ips"] = pa.array(ip_texts(self.seed, np.arange(self.ips)))
        return self._cache["ips"]

    def address_names(self) -> pa.Array:
        """``names[i]`` is address text i."""
        if "texts" not in self._cache:
            self._cache["texts"] = pa.array(self.texts, pa.string())
        return self._cache["texts"]

    def draw_device(self, users: Ints, moments: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """The device and the terminal of each visit."""
        second = self.second[users] >= 0
        spare = second & ((rng.random(len(users)) < 0.22) | (moments >= self.switch[users]))
        device = np.where(spare, self.second[users], self.first[users])
        return device, np.where(spare & (moments < self.switch[users]), WEB, self.terminal[users])

    def draw_ip(self, users: Ints, moments: Ints, rng: np.random.Generator) -> Ints:
        """The IP of each visit; the workplace counts in office hours only."""
        weights = self.use[users].copy()
        hour = (moments + SHOP_OFFSET) % DAY // HOUR
        weights[:, 2] *= (hour >= 9) & (hour < 19)
        cumulative = np.cumsum(weights, axis=1)
        source = (cumulative <= (rng.random(len(users)) * cumulative[:, -1])[:, None]).sum(axis=1)
        home = np.where(moments < self.moved[users], self.home[users], self.home_later[users])
        day = (moments + SHOP_OFFSET) // DAY
        # A phone keeps its gateway for a day.
        gateway = (opaque(self.seed, "gateway", users * 100_003 + day) % np.uint64(self.carrier_size)).astype(np.int64)
        carrier = self.carrier[users] + gateway
        exit_ = self.vpn[rng.integers(len(self.vpn), size=len(users))]
        return np.select([source == 0, source == 1, source == 2], [home, carrier, self.work[users]], exit_)

    def draw_address(self, users: Ints, rng: np.random.Generator) -> Ints:
        """The delivery address text of each order: home as usual, home respelt, or another place."""
        level = rng.random(len(users))
        elsewhere = (self.other[users] >= 0) & (level < self.other_share[users])
        text = np.where(level > 0.85, self.variant[users], self.address[users])
        return np.where(elsewhere, self.other[users], text)


def device_texts(seed: int, devices: Ints) -> list[str]:
    """The identifiers that the tables show for devices."""
    return [f"d{number:016x}" for number in opaque(seed, "device", devices).tolist()]


def ip_texts(seed: int, ips: Ints) -> list[str]:
    """IP addresses in dotted form."""
    x = opaque(seed, "ip", ips)
    first = _OCTETS[(x % np.uint64(len(_OCTETS))).astype(np.int64)]
    rest = [((x >> np.uint64(shift)) % np.uint64(254)).astype(np.int64) + 1 for shift in (16, 28, 40)]
    columns = zip(first.tolist(), *(octet.tolist() for octet in rest), strict=True)
    return [f"{a}.{b}.{c}.{d}" for a, b, c, d in columns]


def build_network(people: Population, calendar: Calendar, seed: int) -> Network:
    """Give everybody devices, leases, gateways and a home."""
    rng = stream(seed, "network")
    n = len(people)
    places = [Place.at_random(rng, bool(western)) for western in people.western]
    texts = [write(place) for place in places] + [respell(place, rng) for place in places]
    regions = max(2, n // 2500)
    size = max(3, n // (regions * 150))
    leaving = calendar.begin + (rng.random(n) * calendar.days * DAY).astype(np.int64)
    moved = np.where(rng.random(n) < 0.3, leaving, NEVER)
    movers = np.flatnonzero(moved < NEVER)
    later = np.arange(n)
    later[movers] = rng.permutation(movers)
    works = rng.random(n) < 0.25
    mobile = rng.beta(2, 3, n)
    vpn = max(16, n // 400)
    first_gateway = n
    ips = n + regions * size + vpn
    network = Network(
        seed=seed,
        first=np.arange(n),
        second=np.where(rng.random(n) < 0.35, n + np.arange(n), -1),
        switch=np.full(n, NEVER),
        terminal=rng.choice(4, n, p=[0.38, 0.27, 0.25, 0.1]),
        home=np.arange(n),
        home_later=later,
        moved=moved,
        work=np.full(n, -1),
        use=np.stack([1 - mobile, mobile, np.zeros(n), np.zeros(n)], axis=1),
        carrier=first_gateway + rng.integers(regions, size=n) * size,
        carrier_size=size,
        vpn=np.arange(ips - vpn, ips),
        places=places,
        address=np.arange(n),
        variant=n + np.arange(n),
        other=np.full(n, -1),
        other_share=np.zeros(n),
        texts=texts,
        devices=2 * n,
        ips=ips,
    )
    # Small workplaces of a handful of colleagues; the large ones are look-alikes of their own.
    workers = np.flatnonzero(works)
    desks = rng.integers(max(1, len(workers) // 4), size=len(workers))
    network.work[workers] = network.new_ips(max(1, len(workers) // 4))[desks]
    network.use[workers, 2] = 0.8
    return network

"""A small shop with planted attackers and look-alikes, written apart from the product's own simulator.

``scene(seed)`` gives the contract's tables as DataFrames plus the truth (user_id, group, ring, abusive). Its honest
population shops and browses; each planted group differs from its look-alike only in what a reviewer would look at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-01-01")


@dataclass
class Scene:
    """Rows under construction; ``tables()`` turns them into DataFrames."""

    rng: np.random.Generator
    users: list[tuple] = field(default_factory=list)
    events: list[tuple] = field(default_factory=list)
    orders: list[tuple] = field(default_factory=list)
    coupons: list[tuple] = field(default_factory=list)
    truth: list[tuple] = field(default_factory=list)

    def ip(self) -> str:
        a, b, c, d = self.rng.integers(1, 250, 4)
        return f"{[36, 58, 61, 101, 114, 183, 218][a % 7]}.{b}.{c}.{d}"

    def device(self) -> str:
        return f"dev-{self.rng.integers(0, 16**10):010x}"

    def address(self) -> str:
        rng = self.rng
        road = ["Cedar", "Mill", "Harbour", "Station", "Orchard"][rng.integers(5)]
        return (
            f"{rng.integers(1, 400)} {road} Street, Unit {rng.integers(1, 90)}, Springfield {rng.integers(1000, 9999)}"
        )

    def add(self, at: float, group: str, ring: str | None = None, abusive: bool = False) -> str:
        user = f"u{len(self.users):05d}"
        self.users.append((user, START + pd.Timedelta(days=at)))
        self.truth.append((user, group, ring, abusive))
        return user

    def browse(self, user: str, at: float, n: int, device: str | None, ip: str | None) -> None:
        for i in range(n):
            when = START + pd.Timedelta(days=at + i * 0.001)
            self.events.append((f"e{len(self.events)}", user, when, "view", "app", device, ip))

    def claim(
        self, user: str, at: float, template: str, device: str | None, ip: str | None, address: str | None = None
    ) -> str:
        coupon = f"c{len(self.coupons):05d}"
        when = START + pd.Timedelta(days=at)
        self.coupons.append(
            (coupon, template, user, when, when, when + pd.Timedelta(days=14), "claimed", device, ip, address)
        )
        return coupon

    def order(
        self, user: str, at: float, discount: int, device: str | None, ip: str | None, address: str | None
    ) -> None:
        when = START + pd.Timedelta(days=at)
        goods = int(self.rng.integers(3000, 30000))
        self.orders.append(
            (
                f"o{len(self.orders):05d}",
                user,
                when,
                when,
                "paid",
                goods,
                0,
                discount,
                goods - discount,
                goods // 4,
                device,
                ip,
                address,
            )
        )

    def tables(self) -> dict[str, pd.DataFrame]:
        def frame(rows: list[tuple], names: str) -> pd.DataFrame:
            made = pd.DataFrame(rows, columns=names.split())
            for column in made.columns:
                if column.endswith(("_at", "_from", "_until")):
                    made[column] = made[column].astype("datetime64[us]")
            return made

        return {
            "users": frame(self.users, "user_id registered_at"),
            "events": frame(self.events, "event_id user_id occurred_at kind terminal device_id ip"),
            "orders": frame(
                self.orders,
                "order_id user_id placed_at paid_at state goods_cents freight_cents discount_cents paid_cents "
                "margin_cents device_id ip address",
            ),
            "coupons": frame(
                self.coupons,
                "coupon_id template_id user_id claimed_at valid_from valid_until state device_id ip address",
            ),
        }

    def truth_table(self) -> pd.DataFrame:
        return pd.DataFrame(self.truth, columns=["user_id", "group", "ring", "abusive"])


def scene(
    seed: int, honest: int = 1500, copies: int = 2, days: float = 60.0
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """A shop of ``honest`` shoppers and ``copies`` of every planted group."""
    s = Scene(np.random.default_rng(seed))
    for _ in range(honest):
        _shopper(s, float(s.rng.uniform(-200, days - 2)), "honest", s.device(), s.ip(), s.address(), days)
    for copy in range(copies):
        start = float(s.rng.uniform(8, days - 30))
        _puppets(s, start, f"puppets-{copy}")
        _farm(s, start + 1, f"farm-{copy}")
        _drop(s, start + 2, f"drop-{copy}")
        _drip(s, start, f"drip-{copy}")
        _burst(s, start + 3, f"burst-{copy}")
        _dorm(s, start, days)
        _family(s, start, days)
        _kiosk(s, start, days)
        _locker(s, start, days)
        _second_hand(s, start, days)
        _flash(s, start + 5, days)
    return s.tables(), s.truth_table()


def _shopper(
    s: Scene, joined: float, group: str, device: str, ip: str, address: str, days: float, claim_at: float | None = None
) -> str:
    user = s.add(joined, group)
    rng = s.rng
    first = max(joined, 0.0)
    visits = np.sort(rng.uniform(first, days, rng.integers(2, 12)))
    home = s.ip()
    for visit in visits:
        here = ip if rng.random() < 0.6 else home
        s.browse(user, float(visit), int(rng.integers(2, 10)), device, here)
        if rng.random() < 0.3:
            s.order(user, float(visit) + 0.01, 800 if rng.random() < 0.3 else 0, device, here, address)
        if rng.random() < 0.25:
            s.claim(user, float(visit) + 0.005, f"t{rng.integers(3)}", device, here, address)
    if joined > 0 and rng.random() < 0.7:
        late = claim_at if claim_at is not None else joined + float(rng.exponential(0.5)) + 0.003
        s.browse(user, joined, int(rng.integers(1, 6)), device, ip)
        s.claim(user, late, "newcomer", device, ip, address)
    return user


def _puppets(s: Scene, start: float, ring: str) -> None:
    device, ip, address = s.device(), s.ip(), s.address()
    for i in range(int(s.rng.integers(4, 9))):
        at = start + i * float(s.rng.uniform(0.002, 0.02))
        user = s.add(at, "puppets", ring, abusive=True)
        s.browse(user, at, int(s.rng.integers(0, 3)), device, ip)
        s.claim(user, at + 0.001, "newcomer", device, ip)
        s.order(user, at + 0.02, 1000, device, ip, address)


def _farm(s: Scene, start: float, ring: str) -> None:
    devices = [s.device() for _ in range(3)]
    for i in range(12):
        at = start + i * 0.15
        user = s.add(at, "farm", ring, abusive=True)
        s.claim(user, at + 0.004, "newcomer", devices[i % 3], s.ip())


def _drop(s: Scene, start: float, ring: str) -> None:
    address = s.address()
    for i in range(6):
        at = start + i * float(s.rng.uniform(0.2, 1.0))
        user = s.add(at, "drop", ring, abusive=True)
        device, ip = s.device(), s.ip()
        s.claim(user, at + 0.003, "newcomer", device, ip, address.upper() if i % 2 else address.replace(",", " ,"))
        s.order(user, at + 0.01, 1000, device, ip, address)


def _drip(s: Scene, start: float, ring: str) -> None:
    device = s.device()
    for i in range(6):
        at = start + i * 3.0 + float(s.rng.uniform(-0.2, 0.2))
        user = s.add(at, "drip", ring, abusive=True)
        s.browse(user, at, 1, device, s.ip())
        s.claim(user, at + 0.01, "newcomer", device, s.ip())


def _burst(s: Scene, start: float, ring: str) -> None:
    base = s.ip().rsplit(".", 1)[0]
    for i in range(20):
        at = start + i * 0.0003
        user = s.add(at, "burst", ring, abusive=True)
        s.claim(user, at + 0.0002, "newcomer", s.device(), f"{base}.{s.rng.integers(1, 250)}")


def _dorm(s: Scene, start: float, days: float) -> None:
    ip = s.ip()
    for _ in range(25):
        _shopper(s, float(s.rng.uniform(-200, 0)), "dorm", s.device(), ip, s.address(), days)
    for _ in range(15):
        at = start + float(s.rng.uniform(0, 3))
        _shopper(s, at, "dorm", s.device(), ip, s.address(), days, claim_at=at + float(s.rng.uniform(0.002, 0.2)))


def _family(s: Scene, start: float, days: float) -> None:
    device, ip, address = s.device(), s.ip(), s.address()
    _shopper(s, -100.0, "family", device, ip, address, days)
    for i in range(2):
        _shopper(s, start + i * float(s.rng.uniform(3, 15)), "family", device, ip, address, days)


def _kiosk(s: Scene, start: float, days: float) -> None:
    device, ip = s.device(), s.ip()
    for i in range(15):
        at = start + i * float(s.rng.uniform(0.1, 1.5))
        own, address = s.device(), s.address()
        user = _shopper(s, at + 0.01, "kiosk", own, s.ip(), address, days, claim_at=at + 0.02)
        s.browse(user, at + 0.012, 2, device, ip)


def _locker(s: Scene, start: float, days: float) -> None:
    address = f"Hive Box locker {s.rng.integers(1, 99)}, {s.address()}"
    for i in range(20):
        joined = float(s.rng.uniform(-200, start)) if i < 14 else start + float(s.rng.uniform(0, 10))
        _shopper(s, joined, "locker", s.device(), s.ip(), address, days)


def _second_hand(s: Scene, start: float, days: float) -> None:
    device = s.device()
    _shopper(s, -90.0, "second_hand", device, s.ip(), s.address(), start)
    _shopper(s, start + 3, "second_hand", device, s.ip(), s.address(), days)


def _flash(s: Scene, start: float, days: float) -> None:
    for _ in range(40):
        joined = float(s.rng.uniform(-150, start - 1))
        device, ip = s.device(), s.ip()
        user = _shopper(s, joined, "flash", device, ip, s.address(), days)
        s.claim(user, start + float(s.rng.uniform(0, 0.003)), "flash", device, ip)


def wide_scene(
    seed: int, honest: int = 400, copies: int = 1, days: float = 60.0
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """``scene`` with the families and look-alikes that need merchants, recipients or a past, and ``order_lines``."""
    s = Scene(np.random.default_rng(seed))
    for _ in range(honest):
        _shopper(s, float(s.rng.uniform(-200, days - 2)), "honest", s.device(), s.ip(), s.address(), days)
    bought: dict[int, str] = {}  # orders whose merchant a group chose; the others fall where they fall
    for copy in range(copies):
        start = float(s.rng.uniform(8, days - 32))
        _puppets(s, start, f"puppets-{copy}")
        _second_accounts(s, start, f"again-{copy}")
        _recipient(s, start + 1, f"resale-{copy}")
        _merchant(s, start + 2, f"merchant-{copy}", bought)
        _takeover(s, start + 3, f"takeover-{copy}", days)
        _adaptive(s, start, f"adaptive-{copy}")
        _family(s, start, days)
        _kiosk(s, start, days)
        _locker(s, start, days)
        for group, size in (("office", 25), ("carrier", 40), ("traveller", 12)):
            _behind(s, group, size, days)
        _collision(s, days)
    tables = s.tables()
    orders = tables["orders"]
    shops = [f"m{s.rng.integers(12):02d}" if i not in bought else bought[i] for i in range(len(orders))]
    tables["order_lines"] = pd.DataFrame(
        {"order_id": orders["order_id"], "line_no": 0, "sku": "s", "merchant_id": shops, "quantity": 1}
    )
    return tables, s.truth_table()


def _second_accounts(s: Scene, start: float, ring: str) -> None:
    """One person who registers again for each newcomer coupon: own phone, own door, a new address line each time."""
    device, ip, address = s.device(), s.ip(), s.address()
    for i in range(4):
        at = start + i * float(s.rng.uniform(1.0, 4.0))
        user = s.add(at, "again", ring, abusive=True)
        s.browse(user, at, int(s.rng.integers(0, 3)), device, ip)
        s.claim(user, at + 0.01, "newcomer", device, ip)
        s.order(user, at + 0.1, 1000, device, ip, address.replace("Street", "St.") if i % 2 else address)


def _recipient(s: Scene, start: float, ring: str) -> None:
    """Accounts of some age, each on a phone and a line of its own, send what coupons bought to one door."""
    door = s.address()
    for i in range(9):
        user, device, ip, home = s.add(-60.0, "resale", ring, abusive=True), s.device(), s.ip(), s.address()
        for visit in s.rng.uniform(0, start, 3):
            s.browse(user, float(visit), 3, device, ip)
        if i % 2:
            s.order(user, float(s.rng.uniform(0, start)), 0, device, ip, home)
        at = start + i * float(s.rng.uniform(0.3, 1.0))
        s.claim(user, at, f"t{s.rng.integers(3)}", device, ip)
        s.order(user, at + 0.02, 800, device, ip, door)


def _merchant(s: Scene, start: float, ring: str, bought: dict[int, str]) -> None:
    """Accounts without anything in common come back to one merchant with coupons, within a week."""
    people = [(s.add(-40.0, "merchant", ring, abusive=True), s.device(), s.ip(), s.address()) for _ in range(9)]
    for visit in range(3):
        for user, device, ip, home in people:
            at = start + visit * 2.0 + float(s.rng.uniform(0, 1.5))
            s.claim(user, at, f"t{s.rng.integers(3)}", device, ip)
            bought[len(s.orders)] = "m07"
            s.order(user, at + 0.01, 800, device, ip, home)


def _takeover(s: Scene, start: float, ring: str, days: float) -> None:
    """Accounts in use for long, emptied from one new phone over changing lines to one new door."""
    phone, door = s.device(), s.address()
    for i in range(4):
        user = _shopper(s, -120.0, "takeover", s.device(), s.ip(), s.address(), start)
        s.truth[-1] = (user, "takeover", ring, True)
        s.order(user, 1.0, 0, f"own-{user}", s.ip(), s.address())
        at, ip = start + i * 0.3, s.ip()
        for nth in range(3):
            s.claim(user, at + nth * 0.01, f"t{nth}", phone, ip)
            s.order(user, at + nth * 0.01 + 0.004, 800, phone, ip, door)


def _adaptive(s: Scene, start: float, ring: str) -> None:
    """A new phone and line after every second account, a look around first; only the door stays, well misspelt."""
    door = s.address()
    device, ip = s.device(), s.ip()
    for i in range(8):
        at = start + i * float(s.rng.uniform(1.0, 3.0))
        if i % 2 == 0:
            device, ip = s.device(), s.ip()
        user = s.add(at, "adaptive", ring, abusive=True)
        s.browse(user, at, int(s.rng.integers(1, 4)), device, ip)
        s.claim(user, at + 0.05, "newcomer", device, ip)
        s.order(user, at + 0.2, 1000, device, ip, door.lower() if i % 3 else door.replace("Unit ", "#"))


def _behind(s: Scene, group: str, size: int, days: float) -> None:
    """People of all ages behind one or a few gateways; every other one is new and claims what newcomers get."""
    gateways = [s.ip() for _ in range(1 if group == "office" else 3)]
    for i in range(size):
        joined = float(s.rng.uniform(-200, 0)) if i % 2 else float(s.rng.uniform(0, days - 2))
        _shopper(s, joined, group, s.device(), gateways[i % len(gateways)], s.address(), days)


def _collision(s: Scene, days: float) -> None:
    """One model of phone, one fingerprint, many homes."""
    device = s.device()
    for i in range(16):
        joined = float(s.rng.uniform(-200, 0)) if i % 2 else float(s.rng.uniform(0, days - 2))
        _shopper(s, joined, "collision", device, s.ip(), s.address(), days)

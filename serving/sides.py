"""The live shop and its sandbox: a test key can do everything, and nothing it does reaches the live ledger.

The sandbox is a ledger of its own with the catalogue of the live shop, the staged part included (what is closed there
is open here), and a clock that test keys move: so expiry, day limits and deadlines are tried in seconds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import Connection, func, select

from serving.clock import utc_now
from serving.coupons.catalogue import template_to_data
from serving.coupons.kinds import prices
from serving.coupons.refusals import Refuse, Verdict
from serving.coupons.template import Campaign, Template
from serving.issuer import Issuer
from serving.keys import Principal
from serving.redeemer import Redeemer
from serving.store import shelf
from serving.store.cursor import Cursor
from serving.store.rebuild_clock import ADVANCED
from serving.store.schema import campaigns, events, templates
from serving.store.unit import Answer, Command, Request, Store, Transaction

_STREAM = "clock:test"
PAGE = 100


class SandboxClock:
    """Real time until a test key sets it; from then on it stands still and moves forward only."""

    def __init__(self) -> None:
        self.frozen: datetime | None = None

    def __call__(self) -> datetime:
        return self.frozen if self.frozen is not None else utc_now()


@dataclass(frozen=True, slots=True)
class Side:
    """One ledger with what works on it."""

    store: Store
    issuer: Issuer
    redeemer: Redeemer


class Sandbox:
    """The side of test keys, kept like the live one in catalogue and moved by its own clock."""

    def __init__(self, side: Side, clock: SandboxClock, live: Store) -> None:
        self.side = side
        self.clock = clock
        self._live = live
        self._seen: tuple[int, int] | None = None
        self._turn = asyncio.Lock()

    async def refresh(self) -> Side:
        """Take over what changed in the live catalogue, and the time that another process may have set."""
        async with self._turn:
            self.clock.frozen = await self.side.store.fetch(_time)
            seen = await self._live.fetch(_state)
            if seen != self._seen:
                zone = self.side.issuer.zone
                command = await self._live.fetch(lambda connection: _copy(connection, zone))
                key = self.side.store.ids("sync")
                await self.side.store.run(Request("sandbox", key, "sync", key), command)
                self._seen = seen
        return self.side


class Sides:
    """Finds the side of a key; the sandbox is opened when the first test key knocks."""

    def __init__(self, live: Side, open_sandbox: Callable[[], Sandbox]) -> None:
        self.live = live
        self._open = open_sandbox
        self._sandbox: Sandbox | None = None
        self._turn = asyncio.Lock()

    async def of(self, principal: Principal) -> Side:
        return await (await self.sandbox()).refresh() if principal.test else self.live

    async def sandbox(self) -> Sandbox:
        async with self._turn:
            if self._sandbox is None:
                self._sandbox = await asyncio.to_thread(self._open)
            return self._sandbox

    async def close(self) -> None:
        """Close the sandbox; who made the live store closes that."""
        if self._sandbox is not None:
            await asyncio.to_thread(self._sandbox.side.store.close)
            self._sandbox = None


def advance(to: datetime | None, seconds: int) -> Command:
    """Set the test clock to a later moment, or move it on by ``seconds``."""

    def command(tx: Transaction) -> Answer | Refuse:
        reached = to if to is not None else tx.now + timedelta(seconds=seconds)
        if reached <= tx.now:
            return Refuse("clock_backwards")
        n = tx.connection.execute(
            select(func.count()).select_from(events).where(events.c.stream == _STREAM)
        ).scalar_one()
        tx.append(_STREAM, n + 1, ADVANCED, {"to": reached.isoformat()})
        return Answer(200, {"now": f"{reached.isoformat()}Z", "frozen": True})

    return command


def _time(connection: Connection) -> datetime | None:
    latest = select(events.c.data).where(events.c.stream == _STREAM).order_by(events.c.n.desc()).limit(1)
    data = connection.execute(latest).scalar_one_or_none()
    return None if data is None else datetime.fromisoformat(json.loads(data)["to"])


def _state(connection: Connection) -> tuple[int, int]:
    """Figures that change with every change of the catalogue."""
    changes = connection.execute(select(func.coalesce(func.sum(templates.c.n), 0))).scalar_one()
    payers = connection.execute(select(func.count()).select_from(campaigns)).scalar_one()
    return int(changes), int(payers)


def _copy(connection: Connection, zone: tzinfo) -> Command:
    """Read the live catalogue; the command writes it into the sandbox."""
    payers = [
        Campaign(row.campaign_id, row.name, row.budget_cents, row.liability_cents)
        for row in connection.execute(select(campaigns).order_by(campaigns.c.campaign_id))
    ]
    staged = list(_whole_shelf(connection))
    # Packs and draws name other templates, which have to be there first.
    staged.sort(key=lambda template: (not prices(template.kind), template.template_id))

    def command(tx: Transaction) -> Answer | Refuse:
        for payer in payers:
            if shelf.find_campaign(tx.connection, payer.campaign_id) is None:
                shelf.add_campaign(tx, payer)
        refused = [verdict for template in staged if isinstance(verdict := _put(tx, template, zone), Refuse)]
        return refused[0] if refused else Answer(200, {"templates": len(staged)})

    return command


def _whole_shelf(connection: Connection) -> Iterator[Template]:
    after = ""
    while True:
        part = shelf.list_templates(connection, Cursor(PAGE, after))
        yield from (found.template for found in part.rows)
        if not part.has_more:
            return
        after = part.rows[-1].template.template_id


def _put(tx: Transaction, template: Template, zone: tzinfo) -> Verdict | Template:
    """Add a template to the sandbox, or bring its version and access there up to date."""
    access = "open" if template.access == "closed" else template.access
    known = shelf.find_template(tx.connection, template.template_id)
    if known is None:
        return shelf.add_template(tx, template.opened(access))
    if _spec(known) != _spec(template):
        version = known.version
        written = tx.attempt(lambda: shelf.edit_template(tx, template, version, zone))
        # A quantity below what was tried out here stays as it was until the sandbox has less to lose.
        if isinstance(written, Refuse) and written.code != "limits_changed":
            return written
    return (
        known if known.access == access else shelf.set_access(tx, template.template_id, access, "as in the live shop")
    )


def _spec(template: Template) -> dict[str, object]:
    return {**template_to_data(template), "version": 0}

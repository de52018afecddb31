"""Rebuild the ledger's state from its events and compare: the proof that nothing was changed, lost or invented.

Every coupon, hold, redemption, order slot, limit counter, campaign, template, decision, case and flag is derived anew
from ``events`` with the same pure functions that wrote it, then compared row by row and field by field.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, select

from serving.coupons.coupon import Coupon, ImpossibleError, apply
from serving.coupons.effects import effect
from serving.coupons.events import (
    EVENTS,
    Claimed,
    Event,
    Held,
    Redeemed,
    Refunded,
    Released,
    RolledBack,
    event_from_data,
)
from serving.coupons.money import InvalidError
from serving.coupons.template import Template, template_from_data
from serving.coupons.validity import local_day
from serving.review.case import Case
from serving.review.case import apply as apply_case
from serving.review.store import case_row, flag_rows
from serving.store import schema
from serving.store.engine import reader_engine, require_ledger
from serving.store.unit import canonical

MOST_SHOWN = 100

Rows = dict[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that the events do not explain."""

    table: str
    key: str
    field: str
    stored: str
    rebuilt: str

    def __str__(self) -> str:
        return f"{self.table} {self.key} {self.field}: stored {self.stored}, rebuilt {self.rebuilt}"


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """How much was compared and what differs (at most the first hundred differences are kept)."""

    events: int
    rows: Mapping[str, int]
    differences: tuple[Difference, ...]
    difference_count: int

    @property
    def exact(self) -> bool:
        return self.difference_count == 0


def verify_ledger(url: str, timezone: str = "Asia/Shanghai") -> LedgerReport:
    """Compare the state of the ledger at ``url`` with what its events say; reads only, while others may write."""
    require_ledger(url)
    engine = reader_engine(url)
    try:
        with engine.connect().execution_options(isolation_level=_snapshot(engine.dialect.name)) as connection:
            return compare(connection, ZoneInfo(timezone))
    finally:
        engine.dispose()


def _snapshot(dialect: str) -> Any:
    """SQLite readers see one moment anyway; PostgreSQL has to be asked."""
    return "REPEATABLE READ" if dialect == "postgresql" else "SERIALIZABLE"


@dataclass(slots=True)
class _Rebuilt:
    """State as it grows out of the events."""

    zone: tzinfo
    coupons: dict[str, Coupon] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=lambda: {table.name: {} for table in _COMPARED})
    broken: list[Difference] = field(default_factory=list)

    def take(self, stream: str, n: int, kind: str, data: Mapping[str, Any], at: datetime) -> None:
        try:
            if kind in EVENTS:
                self._coupon(event_from_data(kind, data), n)
            elif kind.startswith("case."):
                self._case(kind, data, at)
            elif kind == "decision.taken":
                self._decision(data)
            else:
                self._shelf(kind, data, at, n)
        except (ImpossibleError, InvalidError, KeyError, TypeError, ValueError) as error:
            self.broken.append(
                Difference("events", f"{stream}#{n}", kind, "an event", f"{type(error).__name__}: {error}")
            )

    def _coupon(self, event: Event, n: int) -> None:
        before = self.coupons.get(event.coupon_id)
        after = apply(before, event)
        if after.n != n:
            raise ValueError(f"event {n} of {event.coupon_id} stands where event {after.n} belongs")
        self.coupons[event.coupon_id] = after
        if after.campaign_id is not None:
            moved = effect(before, event)
            campaign = self.rows["campaigns"][after.campaign_id,]
            campaign["committed_cents"] += moved.committed
            campaign["live_cents"] += moved.live
        if isinstance(event, Claimed):
            self._claim(event)
        self._order(before, event)
        row = self.rows["coupons"][event.coupon_id,]
        row["state"] = after.state
        row["hold_id"] = after.hold.hold_id if after.hold else None
        row["redemption_id"] = after.redemption.redemption_id if after.redemption else None
        row["n"] = after.n

    def _claim(self, event: Claimed) -> None:
        row = {column.name: None for column in schema.coupons.columns}
        row.update({name: getattr(event, name, None) for name in row if hasattr(event, name)})
        row["claimed_at"] = event.at  # type: ignore[assignment]
        self.rows["coupons"][event.coupon_id,] = row
        self.rows["templates"][event.template_id,]["issued"] += 1
        template = self.templates[event.template_id]
        day = local_day(event.at, self.zone).isoformat()
        for limit, name in ((template.per_user, ""), (template.per_user_day, day)):
            if limit is not None:
                key = {"template_id": event.template_id, "user_id": event.user_id, "day": name}
                counter = self.rows["user_claims"].setdefault(tuple(key.values()), {**key, "claimed": 0})
                counter["claimed"] += 1
        if event.decision_id is not None:
            self.rows["decisions"][event.decision_id,]["coupon_id"] = event.coupon_id

    def _order(self, before: Coupon | None, event: Event) -> None:
        holds, redemptions, slots = self.rows["holds"], self.rows["redemptions"], self.rows["order_slots"]
        match event:
            case Held():
                slots[event.order_id,] = {"order_id": event.order_id, "hold_id": event.hold_id}
                holds[event.hold_id,] = {
                    "hold_id": event.hold_id,
                    "coupon_id": event.coupon_id,
                    "order_id": event.order_id,
                    "deadline": event.deadline,
                    "discount_cents": event.discount_cents,
                    "goods_cents": event.goods_cents,
                    "split": canonical([astuple(line) for line in event.split]),
                    "state": "open",
                    "reason": None,
                }
            case Released():
                hold = holds[event.hold_id,]
                hold.update(state="released", reason=event.reason)
                slots.pop((hold["order_id"],))
            case Redeemed():
                hold = holds[event.hold_id,]
                hold["state"] = "redeemed"
                redemptions[event.redemption_id,] = {
                    "redemption_id": event.redemption_id,
                    "hold_id": event.hold_id,
                    "coupon_id": event.coupon_id,
                    "order_id": hold["order_id"],
                    "redeemed_at": event.at,
                    "discount_cents": hold["discount_cents"],
                    "paid_cents": hold["goods_cents"] - hold["discount_cents"],
                    "refunded": "[]",
                    "refunded_cents": 0,
                    "refunded_share_cents": 0,
                    "state": "done",
                    "scene": None,
                }
            case Refunded():
                row = redemptions[event.redemption_id,]
                units = [*json.loads(row["refunded"]), *([unit.line_no, unit.unit] for unit in event.units)]
                row["refunded"] = canonical(sorted(units))
                row["refunded_cents"] += event.paid_cents
                row["refunded_share_cents"] += event.share_cents
            case RolledBack() if before is not None and before.redemption is not None:
                redemptions[event.redemption_id,].update(state="undone", scene=event.scene)
                slots.pop((before.redemption.hold.order_id,))
            case _:
                pass

    def _shelf(self, kind: str, data: Mapping[str, Any], at: datetime, n: int) -> None:
        if kind == "campaign.created":
            row = {**data, "committed_cents": 0, "live_cents": 0, "created_at": at, "n": n}
            self.rows["campaigns"][data["campaign_id"],] = row
        elif kind == "template.created":
            template = template_from_data(data["spec"], data["access"])
            self.templates[template.template_id] = template
            self.rows["templates"][template.template_id,] = {
                "template_id": template.template_id,
                "campaign_id": template.campaign_id,
                "version": template.version,
                "access": data["access"],
                "quantity": template.quantity,
                "issued": 0,
                "created_at": at,
                "n": n,
            }
            version = {
                "template_id": template.template_id,
                "version": template.version,
                "spec": canonical(data["spec"]),
            }
            self.rows["template_versions"][template.template_id, template.version] = version
        elif kind == "template.access":
            self.rows["templates"][data["template_id"],].update(access=data["access"], n=n)
        else:
            raise ValueError(f"no such kind of event: {kind}")

    def _decision(self, data: Mapping[str, Any]) -> None:
        row = dict(data)
        row["decided_at"] = datetime.fromisoformat(data["decided_at"])
        row["claim_until"] = datetime.fromisoformat(data["claim_until"])
        row["eligible"] = canonical(data["eligible"])
        row["detail"] = canonical(data["detail"])
        row["coupon_id"] = None
        self.rows["decisions"][data["decision_id"],] = row

    def _case(self, kind: str, data: Mapping[str, Any], at: datetime) -> None:
        after = apply_case(self.cases.get(data["case_id"]), kind, data)
        self.cases[after.case_id] = after
        self.rows["cases"][after.case_id,] = {"case_id": after.case_id, **case_row(after)}
        flags = self.rows["flags"]
        for key in [key for key in flags if key[1] == after.case_id]:
            del flags[key]
        flags.update({(row["user_id"], row["case_id"]): row for row in flag_rows(after, at)})


_COMPARED: tuple[Table, ...] = (
    schema.campaigns,
    schema.templates,
    schema.template_versions,
    schema.user_claims,
    schema.coupons,
    schema.holds,
    schema.redemptions,
    schema.order_slots,
    schema.decisions,
    schema.cases,
    schema.flags,
)


def compare(connection: Connection, zone: tzinfo) -> LedgerReport:
    """``verify_ledger`` on an open connection."""
    rebuilt = _Rebuilt(zone)
    events = 0
    query = select(schema.events, schema.outbox.c.event_id.label("sent")).outerjoin(
        schema.outbox, schema.outbox.c.event_id == schema.events.c.event_id
    )
    last: Counter[str] = Counter()
    # Events of one stream are ordered by n; streams that build on others (a coupon on its template) were written later.
    for row in connection.execute(query.order_by(schema.events.c.seq)):
        events += 1
        last[row.stream] += 1
        if row.n != last[row.stream]:
            rebuilt.broken.append(Difference("events", row.stream, "n", str(row.n), str(last[row.stream])))
        if row.sent is None:
            rebuilt.broken.append(Difference("outbox", row.event_id, "row", "missing", "present"))
        rebuilt.take(row.stream, row.n, row.kind, json.loads(row.data), row.at)
    differences = list(rebuilt.broken)
    counts: dict[str, int] = {}
    for table in _COMPARED:
        stored = _stored(connection, table)
        counts[table.name] = len(stored)
        differences.extend(_differences(table, stored, rebuilt.rows[table.name]))
    return LedgerReport(events, counts, tuple(differences[:MOST_SHOWN]), len(differences))


def _stored(connection: Connection, table: Table) -> Rows:
    keys = [column.name for column in table.primary_key.columns]
    return {tuple(row[key] for key in keys): dict(row) for row in connection.execute(select(table)).mappings()}


def _differences(table: Table, stored: Rows, rebuilt: Rows) -> Iterator[Difference]:
    for key in sorted(stored.keys() | rebuilt.keys(), key=str):
        name = "/".join(str(part) for part in key)
        if key not in stored or key not in rebuilt:
            there = "present" if key in stored else "missing"
            yield Difference(table.name, name, "row", there, "present" if key in rebuilt else "missing")
            continue
        for column, value in stored[key].items():
            expected = rebuilt[key].get(column)
            if value != expected:
                yield Difference(table.name, name, column, str(value)[:200], str(expected)[:200])

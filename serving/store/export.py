"""The ledger as tables for the next training: coupons, decisions, templates and verdicts of the table contract.

Reads one consistent moment while the service goes on writing. Identifiers leave as the keyed hashes that the ledger
holds. A held coupon is ``unused`` to the world and a revoked one ``expired``; of a coupon of several uses the last
redemption that still stands is told. What a decision was expected to bring is rounded to whole cents.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, func, select

from features.tables import TABLES
from serving.coupons.catalogue import template_from_data
from serving.coupons.kinds import NoThreshold, kind_to_data
from serving.coupons.template import Template
from serving.coupons.validity import DaysFromClaim
from serving.review.report import verdict_rows
from serving.store.engine import reader_engine, require_ledger
from serving.store.schema import coupons, decisions, order_coupons, orders, template_versions, templates

_VISIBLE = {"held": "unused", "revoked": "expired"}
# Figures of the contract, under the names by which kinds store them.
_FIGURES = ("face_cents", "minimum_cents", "percent_off", "cap_cents")

EXPORTED = ("coupons", "decisions", "templates", "verdicts")


def export_tables(url: str, folder: Path) -> dict[str, int]:
    """Write one Parquet file per table into ``folder``; returns the rows of each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    require_ledger(url)
    folder.mkdir(parents=True, exist_ok=True)
    engine = reader_engine(url)
    level = "SERIALIZABLE" if engine.dialect.name == "sqlite" else "REPEATABLE READ"
    counts: dict[str, int] = {}
    try:
        with engine.connect().execution_options(isolation_level=level) as connection:
            for name in EXPORTED:
                schema = TABLES[name].arrow_schema
                table = pa.Table.from_pylist(list(rows_of(connection, name)), schema=schema)
                fresh = folder / f".{name}.parquet"
                pq.write_table(table, fresh)
                fresh.replace(folder / f"{name}.parquet")  # a reader sees the old file or the new one, never half
                counts[name] = table.num_rows
    finally:
        engine.dispose()
    return counts


def rows_of(connection: Connection, name: str) -> Iterable[dict[str, Any]]:
    """The rows of one exported table, with the columns of its contract."""
    readers = {"coupons": _coupons, "decisions": _decisions, "templates": _templates, "verdicts": _verdicts}
    return readers[name](connection)


def _coupons(connection: Connection) -> Iterator[dict[str, Any]]:
    """One row per coupon with the redemption that stands."""
    latest = (
        func.row_number()
        .over(partition_by=order_coupons.c.coupon_id, order_by=(orders.c.redeemed_at.desc(), orders.c.hold_id.desc()))
        .label("place")
    )
    stands = (
        select(
            order_coupons.c.coupon_id, order_coupons.c.discount_cents, orders.c.order_id, orders.c.redeemed_at, latest
        )
        .join(orders, orders.c.hold_id == order_coupons.c.hold_id)
        .where(orders.c.state == "redeemed")
        .subquery()
    )
    query = (
        select(coupons, stands.c.redeemed_at, stands.c.order_id, stands.c.discount_cents)
        .outerjoin(stands, and_(stands.c.coupon_id == coupons.c.coupon_id, stands.c.place == 1))
        .order_by(coupons.c.claimed_at, coupons.c.coupon_id)
    )
    for row in connection.execute(query):
        yield {
            "coupon_id": row.coupon_id,
            "template_id": row.template_id,
            "campaign_id": row.campaign_id,
            "user_id": row.user_id,
            "decision_id": row.decision_id,
            "claimed_at": row.claimed_at,
            "valid_from": row.valid_from,
            "valid_until": row.valid_until,
            "state": _VISIBLE.get(row.state, row.state),
            "redeemed_at": row.redeemed_at,
            "order_id": row.order_id,
            "discount_cents": row.discount_cents,
            "device_id": row.device,
            "ip": row.ip,
            "address": row.address,
        }


def _decisions(connection: Connection) -> Iterator[dict[str, Any]]:
    for row in connection.execute(select(decisions).order_by(decisions.c.decided_at, decisions.c.decision_id)):
        yield {
            "decision_id": row.decision_id,
            "user_id": row.user_id,
            "decided_at": row.decided_at,
            "trigger": row.trigger,
            "campaign_id": row.campaign_id,
            "eligible": json.loads(row.eligible),
            "offer": row.offer,
            "propensity": row.propensity,
            "holdout": row.holdout,
            "policy_version": row.policy_version,
            "value_cents": _cents(row.value_cents),
            "cost_cents": _cents(row.cost_cents),
        }


def _templates(connection: Connection) -> Iterator[dict[str, Any]]:
    current = and_(
        template_versions.c.template_id == templates.c.template_id, template_versions.c.version == templates.c.version
    )
    query = select(template_versions.c.spec).join(templates, current).order_by(templates.c.template_id)
    for spec in connection.execute(query).scalars():
        yield template_row(template_from_data(json.loads(spec)))


def template_row(template: Template) -> dict[str, Any]:
    """Figures that a kind does not have are left empty."""
    data = kind_to_data(template.kind)
    return {
        "template_id": template.template_id,
        "kind": template.kind.TAG,
        "scope": str(template.scope),
        "valid_days": template.validity.days if isinstance(template.validity, DaysFromClaim) else None,
        **{name: data.get(name) for name in _FIGURES},
        # No minimum is one of zero to whoever compares offers.
        **({"minimum_cents": 0} if template.kind.TAG == NoThreshold.TAG else {}),
    }


def _verdicts(connection: Connection) -> Iterator[dict[str, Any]]:
    for user_id, decided_at, verdict, source, reviewer in verdict_rows(connection):
        yield {
            "user_id": user_id,
            "decided_at": decided_at,
            "verdict": verdict,
            "source": source,
            "reviewer": reviewer,
        }


def _cents(value: float | None) -> int | None:
    return None if value is None else round(value)

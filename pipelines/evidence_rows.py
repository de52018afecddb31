"""Rows of the shop's tables that tell of flagged accounts, as DuckDB views and plain lists: the input of evidence.

Columns that a table lacks are null, users and keys are text, rows at or after the moment are not looked at. Nothing
here holds more than the rows of flagged accounts.
"""

# ruff: noqa: S608 - names in the queries are our own

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from features.hub_lists import hub_lists
from features.ingest import reader_sql
from features.tables import find_table
from models.abuse.folder import SUFFIXES
from serving.review.evidence.brought import MEMBERS

TIMES = {"coupons": "claimed_at", "orders": "placed_at", "events": "occurred_at"}
_RAW = {"device": "device_id", "ip": "ip", "address": "address"}
_TOKENS = {"phone": "phone_token", "identity": "identity_token"}
_HASH = "^[0-9a-f]{32}$"


class Rows:
    """The rows of ``members`` (user_id, subject, place, score) before ``as_of``, in an engine that has the tables."""

    def __init__(self, con: Any, tables: Mapping[str, Any], members: pd.DataFrame, as_of: datetime | None) -> None:
        self.con = con
        self.tables = tables
        con.create_table("evidence_members", members, temp=True, overwrite=True)
        self.as_of = as_of if as_of is not None else self._end()
        self.moment = f"TIMESTAMP '{self.as_of.isoformat(sep=' ')}'"

    def frame(self, sql: str) -> pd.DataFrame:
        found: pd.DataFrame = self.con.raw_sql(sql).df()
        return found.rename(columns={"seen_at": "at"})

    def value(self, name: str, column: str, kind: str = "VARCHAR") -> str:
        """SQL: a column of a table, null where it has none of that name or of that type."""
        return f"TRY_CAST({column} AS {kind})" if column in self.tables[name].columns else f"CAST(NULL AS {kind})"

    def sources(self) -> tuple[str, ...]:
        """Tables of activity that are there."""
        return tuple(name for name in TIMES if name in self.tables)

    def seen(self, name: str) -> str:
        """SQL: (user_id, seen_at, device, ip, address, house, hashed, source) of one table before the moment.

        ``hashed``: the row is the ledger's own export, whose identifiers are hashes already. Nobody's IP or address
        looks like one, and of a device alone it cannot be told.
        """
        raw = {kind: self.value(name, column) for kind, column in _RAW.items()}
        terminals = ", ".join("'" + word.replace("'", "''") + "'" for word in hub_lists().kiosk_terminals) or "''"
        house = f"coalesce(lower({self.value(name, 'terminal')}) IN ({terminals}), false)"
        tell = f"regexp_matches(coalesce({raw['ip']}, {raw['address']}, ''), '{_HASH}')"
        hashed = tell if name == "coupons" else "false"
        columns = ", ".join(f"{sql} AS {kind}" for kind, sql in raw.items())
        return (
            f"SELECT CAST(user_id AS VARCHAR) AS user_id, {TIMES[name]} AS seen_at, {columns}, "
            f"{house if name == 'events' else 'false'} AS house, {hashed} AS hashed, '{name}' AS source "
            f"FROM folder_{name} WHERE {TIMES[name]} < {self.moment} AND user_id IS NOT NULL"
        )

    def sightings(self) -> pd.DataFrame:
        """(subject, user_id, place, kind, raw, hashed, first_seen, last_seen, times): members on things as written."""
        parts = [
            f"SELECT user_id, '{kind}' AS kind, {kind} AS raw, hashed, seen_at FROM ({self.seen(name)}) "
            f"WHERE {kind} <> ''"
            for name in self.sources()
            for kind in (("device", "ip") if name == "events" else tuple(_RAW))
        ]
        for kind, column in _TOKENS.items():
            token = self.value("users", column)
            parts.append(
                f"SELECT CAST(user_id AS VARCHAR), '{kind}', {token}, false, registered_at FROM folder_users "
                f"WHERE {token} <> '' AND registered_at < {self.moment}"
            )
        return self.frame(
            "SELECT m.subject, m.user_id, m.place, s.kind, s.raw, bool_or(s.hashed) AS hashed, "
            f"min(s.seen_at) AS first_seen, max(s.seen_at) AS last_seen, count(*) AS times "
            f"FROM ({' UNION ALL '.join(parts)}) s JOIN evidence_members m USING (user_id) GROUP BY ALL"
        ).sort_values(["subject", "place", "kind", "raw"], ignore_index=True)

    def accounts(self) -> pd.DataFrame:
        """(subject, user_id, place, registered_at, orders, own_orders): every member."""
        orders = "SELECT NULL::VARCHAR AS user_id, 0 AS orders, 0 AS own WHERE false"
        if "orders" in self.tables:
            state, discount = self.value("orders", "state"), self.value("orders", "discount_cents", "DOUBLE")
            orders = (
                "SELECT CAST(user_id AS VARCHAR) AS user_id, count(*) AS orders, "
                f"count(*) FILTER (WHERE coalesce({discount}, 0) <= 0) AS own FROM folder_orders "
                f"WHERE placed_at < {self.moment} "
                f"AND coalesce({state}, 'paid') NOT IN ('pending', 'cancelled', 'refunded') GROUP BY 1"
            )
        return self.frame(
            "SELECT m.subject, m.user_id, m.place, min(u.registered_at) AS registered_at, "
            "coalesce(max(o.orders), 0) AS orders, coalesce(max(o.own), 0) AS own_orders FROM evidence_members m "
            f"LEFT JOIN folder_users u ON CAST(u.user_id AS VARCHAR) = m.user_id LEFT JOIN ({orders}) o "
            "ON o.user_id = m.user_id GROUP BY ALL ORDER BY m.subject, m.place"
        )

    def coupons(self, folder: Path) -> pd.DataFrame:
        """(subject, user_id, place, coupon_id, template_id, at, redeemed_at, order_id, and cents): every claim, once.

        ``unused`` cents are the face value (of a percentage its cap) of what could still be used at the moment. The
        tables tell how an order stands and not since when: what is refunded now counts as refunded.
        """
        if "coupons" not in self.tables:
            return pd.DataFrame(columns=["subject", "user_id", "place", "coupon_id", "at"])
        fields = {name: self.value("coupons", name) for name in ("coupon_id", "template_id", "state", "order_id")}
        times = {name: self.value("coupons", name, "TIMESTAMP") for name in ("redeemed_at", "valid_until")}
        cents = self.value("coupons", "discount_cents", "DOUBLE")
        columns = ", ".join(f"{sql} AS {name}" for name, sql in (fields | times).items())
        ordered = "SELECT NULL::VARCHAR AS order_id, NULL::VARCHAR AS order_state WHERE false"
        if "orders" in self.tables and "order_id" in self.tables["orders"].columns:
            state = self.value("orders", "state")
            order_id = "CAST(order_id AS VARCHAR) AS order_id"
            ordered = f"SELECT {order_id}, min({state}) AS order_state FROM folder_orders GROUP BY 1"
        return self.frame(
            f"""WITH claims AS (
                SELECT m.subject, m.user_id, m.place, c.claimed_at AS seen_at, {columns}, coalesce({cents}, 0) AS cents
                FROM folder_coupons c JOIN evidence_members m ON m.user_id = CAST(c.user_id AS VARCHAR)
                WHERE c.claimed_at < {self.moment}
            ), once AS (
                SELECT * FROM claims
                QUALIFY coupon_id IS NULL OR row_number() OVER (PARTITION BY coupon_id ORDER BY seen_at, user_id) = 1
            ), known AS (
                SELECT o.* REPLACE (CASE WHEN o.redeemed_at < {self.moment} THEN o.redeemed_at END AS redeemed_at),
                    coalesce(t.face, 0)::BIGINT AS face, s.order_state
                FROM once o LEFT JOIN ({self._faces(folder)}) t USING (template_id)
                LEFT JOIN ({ordered}) s USING (order_id)
            )
            SELECT subject, user_id, place, coupon_id, template_id, seen_at, redeemed_at, order_id, valid_until, face,
                CAST(CASE WHEN redeemed_at IS NULL AND coalesce(state, 'unused') IN ('unused', 'used', 'claimed')
                    AND coalesce(valid_until > {self.moment}, true) THEN face ELSE 0 END AS BIGINT) AS unused,
                CAST(CASE WHEN redeemed_at IS NOT NULL AND coalesce(order_state, 'paid') <> 'cancelled'
                    THEN greatest(cents, 0) ELSE 0 END AS BIGINT) AS redeemed,
                CAST(CASE WHEN redeemed_at IS NOT NULL AND order_state = 'refunded'
                    THEN greatest(cents, 0) ELSE 0 END AS BIGINT) AS refunded
            FROM known ORDER BY subject, place, seen_at, coupon_id"""
        )

    def orders(self) -> pd.DataFrame:
        """(subject, user_id, order_id, at, cents): members' orders; ``cents`` is what was paid."""
        if "orders" not in self.tables:
            return pd.DataFrame(columns=["subject", "user_id", "order_id", "at", "cents"])
        order_id, paid = self.value("orders", "order_id"), self.value("orders", "paid_cents", "BIGINT")
        return self.frame(
            f"SELECT m.subject, m.user_id, {order_id} AS order_id, o.placed_at AS seen_at, "
            f"greatest({paid}, 0) AS cents FROM folder_orders o "
            "JOIN evidence_members m ON m.user_id = CAST(o.user_id AS VARCHAR) "
            f"WHERE o.placed_at < {self.moment} AND m.place < {MEMBERS} ORDER BY 1, 4, 2, 3"
        )

    def _faces(self, folder: Path) -> str:
        """SQL: (template_id, face) of the shop's templates; none where the folder has no such table."""
        path = find_table(folder, "templates", SUFFIXES)
        if path is None:
            return "SELECT NULL::VARCHAR AS template_id, 0::BIGINT AS face WHERE false"
        reader = reader_sql(path)
        there = {row[0] for row in self.con.raw_sql(f"DESCRIBE SELECT * FROM {reader}").fetchall()}
        names = [name for name in ("face_cents", "cap_cents") if name in there]
        face = f"coalesce({', '.join(f'TRY_CAST({name} AS BIGINT)' for name in names)}, 0)" if names else "0"
        return f"SELECT CAST(template_id AS VARCHAR) AS template_id, max({face}) AS face FROM {reader} GROUP BY 1"

    def _end(self) -> datetime:
        """After the last row of activity, though not later than now: clocks of shops jump."""
        ends = [self.con.raw_sql(f"SELECT max({TIMES[n]}) FROM folder_{n}").fetchall()[0][0] for n in self.sources()]
        last: datetime = max((end for end in ends if end is not None), default=datetime(1970, 1, 1))  # noqa: DTZ001
        return min(last + timedelta(microseconds=1), datetime.now(UTC).replace(tzinfo=None))

"""What figures need of the shop's ingested tables, read again only when the files changed.

Costs and categories are the newest that the shop's orders say of a SKU. A table that was not ingested is empty, never
an error: pages say so in words.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import pandas as pd

T = TypeVar("T")
Stamp = tuple[tuple[str, int, int], ...]

STATES = ("paid", "shipped", "completed")
_MOST = 6
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Margins:
    """Kept orders (user_id, placed_at, margin_cents), and the moment until which the tables know every order."""

    orders: pd.DataFrame
    known: datetime


class ShopTables:
    """The tables below a folder; answers are kept while the files have the same sizes and times of change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[Hashable, tuple[Stamp, Any]] = {}
        self._lock = threading.Lock()

    def margins(self, start: datetime, end: datetime) -> Margins | None:
        """Orders placed on the days from ``start`` to ``end``; None where no orders were ingested.

        Whole days are kept, so that a page that moves on by seconds reads nothing; the caller cuts the ends.
        """
        first, last = _midnight(start), _midnight(end) + _DAY
        return self._keep(("orders",), ("margins", first, last), lambda: self._margins(first, last), None)

    def categories(self) -> Mapping[str, str]:
        """Category by SKU. A SKU of several categories has the last by name."""
        return self._keep(("order_lines",), "categories", self._categories, {})

    def costs(self) -> Mapping[str, int]:
        """Cents that a unit of a SKU costs the shop, as of the newest order that has it."""
        return self._keep(("order_lines", "orders"), "costs", self._costs, {})

    def first_orders(self) -> Mapping[str, tuple[datetime, str]]:
        """When each user placed their first kept order, and its id."""
        return self._keep(("orders",), "first", self._first, {})

    def _first(self) -> dict[str, tuple[datetime, str]]:
        table = self._load("orders")["orders"]
        kept = table.filter(table.state.isin(STATES))
        found = kept.group_by("user_id").aggregate(at=kept.placed_at.min(), order=kept.order_id.argmin(kept.placed_at))
        rows = found.execute()
        return {
            user: (pd.Timestamp(at).to_pydatetime(), order)
            for user, at, order in zip(rows.user_id, rows["at"], rows.order, strict=True)
        }

    def _margins(self, first: datetime, last: datetime) -> Margins | None:
        table = self._load("orders")["orders"]
        known = table.placed_at.max().execute()
        if known is None or pd.isna(known):
            return None
        kept = table.filter(
            table.placed_at >= first, table.placed_at < last, table.state.isin(STATES), table.margin_cents.notnull()
        )
        frame = kept.select("user_id", "placed_at", "margin_cents").execute()
        return Margins(frame, pd.Timestamp(known).to_pydatetime())

    def _categories(self) -> dict[str, str]:
        lines = self._load("order_lines")["order_lines"]
        found = lines.group_by("sku").aggregate(category=lines.category.max()).execute()
        return dict(zip(found.sku, found.category, strict=True))

    def _costs(self) -> dict[str, int]:
        tables = self._load("order_lines", "orders")
        lines = tables["order_lines"].inner_join(tables["orders"].select("order_id", "placed_at"), "order_id")
        known = lines.filter(lines.unit_cost_cents.notnull())
        newest = known.group_by("sku").aggregate(cost=known.unit_cost_cents.argmax(known.placed_at)).execute()
        return {sku: int(cost) for sku, cost in zip(newest.sku, newest.cost, strict=True)}

    def _load(self, *names: str) -> dict[str, Any]:
        from features.engine import connect, load_tables

        return load_tables(connect(), self._folder, names)

    def _keep(self, names: tuple[str, ...], key: Hashable, read: Callable[[], T], nothing: T) -> T:
        with self._lock:
            stamp = tuple(entry for name in names for entry in _stamp(self._folder / f"{name}.parquet"))
            found = self._kept.get(key)
            if found is not None and found[0] == stamp:
                return cast("T", found[1])
            try:
                value = read()
            except (OSError, ValueError):
                value = nothing
            if len(self._kept) >= _MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (stamp, value)
            return value


def _stamp(path: Path) -> Stamp:
    """Name, size and time of change of the file or of each part; empty where there is none."""
    try:
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        return tuple((str(file), (seen := file.stat()).st_size, seen.st_mtime_ns) for file in files)
    except OSError:
        return ()


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)

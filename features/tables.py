"""The contract of every table we read or write: columns, types, nulls, allowed values, keys and references.

A contract is plain data (:mod:`features.contract`); :mod:`features.validation` turns it into queries and
:mod:`features.ingest` applies it to a folder. A table on disk is ``<name>.parquet``: one file, or a folder of parts
that are read in name order.

Money is integer minor units (``_cents``); times are UTC without a zone. ``margin_cents`` of an order is the sum over
its lines of quantity x (unit price - unit cost), less the order's discount: what the shop keeps after the coupon.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from features.contract import Between, Column, Member, NotBefore, NotEmpty, OneOf, Reference, Table
from features.errors import InputError

if TYPE_CHECKING:
    from features.validation import Validated


def _id(name: str, *, optional: bool = False) -> Column:
    return Column(name, "string", optional, NotEmpty())


def _text(name: str) -> Column:
    return Column(name, "string", optional=True)


def _time(name: str, *, optional: bool = False) -> Column:
    return Column(name, "timestamp", optional)


def _money(name: str, *, optional: bool = False) -> Column:
    return Column(name, "integer", optional, Between(low=0))


def _choice(name: str, *values: str) -> Column:
    return Column(name, "string", check=OneOf(values))


_OF_USER = Reference("user_id", "users")

_USERS = Table(
    "users",
    (
        _id("user_id"),
        _time("registered_at"),
        _time("birthday", optional=True),
        _text("member_tier"),
        _text("acquisition_channel"),
        _text("phone_token"),
        _text("identity_token"),
    ),
    key=("user_id",),
    time="registered_at",
)

_KINDS = (
    *("threshold_cut", "percent", "no_threshold", "tiered_cut", "category_percent", "special_price", "freight"),
    *("random_amount", "quantity_cut", "bundle", "gift", "give_back", "gift_pack", "lucky_draw"),
)

_TEMPLATES = Table(
    "templates",
    (
        _id("template_id"),
        _choice("kind", *_KINDS),
        _money("face_cents", optional=True),
        _money("minimum_cents", optional=True),
        Column("percent_off", "number", optional=True, check=Between(0, 100, above=True)),
        _money("cap_cents", optional=True),
        _id("scope"),
        Column("valid_days", "integer", optional=True, check=Between(low=0)),
    ),
    key=("template_id",),
)

_DECISIONS = Table(
    "decisions",
    (
        _id("decision_id"),
        _id("user_id"),
        _time("decided_at"),
        _id("trigger"),
        _text("campaign_id"),
        Column("eligible", "strings", check=NotEmpty()),
        _id("offer"),
        Column("propensity", "number", check=Between(0, 1, above=True)),
        Column("holdout", "boolean"),
        _id("policy_version"),
        # What the policy expected; a coupon may lose money, so both may be negative.
        Column("value_cents", "integer", optional=True),
        Column("cost_cents", "integer", optional=True),
    ),
    key=("decision_id",),
    time="decided_at",
    rules=(Member("offer", "eligible"),),
    references=(_OF_USER,),
)

_ORDERS = Table(
    "orders",
    (
        _id("order_id"),
        _id("user_id"),
        _time("placed_at"),
        _time("paid_at", optional=True),
        _choice("state", "pending", "paid", "shipped", "completed", "cancelled", "refunded"),
        _money("goods_cents"),
        _money("freight_cents"),
        _money("discount_cents"),
        _money("paid_cents"),
        Column("margin_cents", "integer"),
        _text("device_id"),
        _text("ip"),
        _text("address"),
        _text("recipient_token"),
    ),
    key=("order_id",),
    time="placed_at",
    rules=(NotBefore("paid_at", "placed_at"),),
    references=(_OF_USER,),
)

_ORDER_LINES = Table(
    "order_lines",
    (
        _id("order_id"),
        Column("line_no", "integer", check=Between(low=0)),
        _id("sku"),
        _id("category"),
        _text("brand"),
        _text("merchant_id"),
        Column("quantity", "integer", check=Between(low=1)),
        _money("unit_price_cents"),
        _money("unit_cost_cents"),
        _money("discount_cents"),
    ),
    key=("order_id", "line_no"),
    references=(Reference("order_id", "orders"),),
)

_COUPONS = Table(
    "coupons",
    (
        _id("coupon_id"),
        _id("template_id"),
        _text("campaign_id"),
        _id("user_id"),
        _id("decision_id", optional=True),
        _time("claimed_at"),
        _time("valid_from"),
        _time("valid_until"),
        _choice("state", "unused", "used", "expired", "revoked"),
        _time("redeemed_at", optional=True),
        _id("order_id", optional=True),
        _money("discount_cents", optional=True),
        _text("device_id"),
        _text("ip"),
        _text("address"),
    ),
    key=("coupon_id",),
    time="claimed_at",
    rules=(NotBefore("valid_until", "valid_from"), NotBefore("redeemed_at", "claimed_at")),
    references=(
        _OF_USER,
        Reference("template_id", "templates"),
        Reference("decision_id", "decisions"),
        Reference("order_id", "orders"),
    ),
)

_EVENTS = Table(
    "events",
    (
        _id("event_id"),
        _id("user_id"),
        _time("occurred_at"),
        _choice(
            "kind",
            "view",
            "add_to_cart",
            "remove_from_cart",
            "checkout",
            "cancel",
            "share",
            "sign_in",
            "review",
            "search",
        ),
        _text("sku"),
        _text("category"),
        Column("dwell_seconds", "number", optional=True, check=Between(low=0)),
        _id("terminal"),
        _text("device_id"),
        _text("ip"),
    ),
    key=("event_id",),
    time="occurred_at",
    references=(_OF_USER,),
)

_VERDICTS = Table(
    "verdicts",
    (
        _id("user_id"),
        _time("decided_at"),
        _choice("verdict", "abusive", "legitimate"),
        _choice("source", "reviewer", "chargeback", "audit"),
        _text("reviewer"),
    ),
    key=("user_id", "decided_at", "source"),
    time="decided_at",
    references=(_OF_USER,),
)

# A table comes after those it refers to, so that orphans are known when their turn comes.
TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (_USERS, _TEMPLATES, _DECISIONS, _ORDERS, _ORDER_LINES, _COUPONS, _EVENTS, _VERDICTS)
    }
)


def table_named(name: str) -> Table:
    """The contract of one table.

    >>> table_named("orders").key
    ('order_id',)
    >>> table_named("baskets")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    features.errors.InputError: table: got 'baskets', expected one of: users, templates, ...
    """
    if name not in TABLES:
        raise InputError("table", name, f"one of: {', '.join(TABLES)}")
    return TABLES[name]


def find_table(folder: Path, name: str, suffixes: Iterable[str] = (".parquet",)) -> Path | None:
    """Where a table lies in a folder: a file, or a folder of parquet parts; None when it is not there."""
    for suffix in suffixes:
        path = folder / f"{name}{suffix}"
        if path.is_file() or (path.is_dir() and any(path.glob("*.parquet"))):
            return path
    return None


def read_tables(folder: Path, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Read tables that keep the contract as ``pyarrow.Table``; columns come in the contract's order and types.

    ``names`` are the tables that must be there; without it, whichever of the eight the folder holds are read.
    Raises :class:`InputError` for a missing table or column. Rows are not validated again: ingestion did that.
    """
    import pyarrow.parquet as pq

    tables: dict[str, Any] = {}
    for name in TABLES if names is None else names:
        table = table_named(name)
        path = find_table(folder, name)
        if path is None:
            if names is None:
                continue
            raise InputError("table", name, f"a file {name}.parquet in {folder}")
        frame = pq.read_table(path)
        for column in table.columns:
            if column.name not in frame.column_names:
                if not column.optional:
                    raise InputError(f"{name}.{column.name}", "no such column", "a column of the table contract")
                frame = _with_nulls(frame, column.name, table)
        tables[name] = frame.select(list(table.names)).cast(table.arrow_schema)
    return tables


def _with_nulls(frame: Any, column: str, table: Table) -> Any:
    import pyarrow as pa

    kind = table.arrow_schema.field(column).type
    return frame.append_column(column, pa.nulls(frame.num_rows, kind))


def validate(frame: Any, table: Table) -> Validated:
    """Split a ``pandas.DataFrame`` into the rows that keep the contract and the reasons why others do not.

    See :func:`features.validation.validate`; references to other tables are checked by ingestion only.
    """
    from features.validation import validate as split

    return split(frame, table)

"""Orders that hold several coupons, coupons of several uses, revoked coupons."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Where the old events end; ``serving.store.legacy`` reads those before it.
_MARK = "ledger.upgraded"
_STATES_BEFORE = "state IN ('unused', 'held', 'used', 'expired')"
_STATES = "state IN ('unused', 'held', 'used', 'expired', 'revoked')"
_USES = "used >= 0 AND used <= uses AND (state = 'used') = (used = uses)"


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("hold_id", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.String(length=120), nullable=False),
        sa.Column("user_id", sa.String(length=120), nullable=False),
        sa.Column("held_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("goods_cents", sa.BigInteger(), nullable=False),
        sa.Column("discount_cents", sa.BigInteger(), nullable=False),
        sa.Column("payable_cents", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("redemption_id", sa.String(length=40), nullable=True),
        sa.Column("redeemed_at", sa.BigInteger(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("refunded", sa.Text(), nullable=False),
        sa.Column("refunded_cents", sa.BigInteger(), nullable=False),
        sa.Column("refunded_freight_cents", sa.BigInteger(), nullable=False),
        sa.Column("refunded_shares", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'released', 'redeemed', 'undone')", name=op.f("ck_orders_state")),
        sa.CheckConstraint(
            "(redemption_id IS NOT NULL) = (state IN ('redeemed', 'undone'))", name=op.f("ck_orders_redemption")
        ),
        sa.CheckConstraint(
            "goods_cents >= 0 AND discount_cents >= 0 AND payable_cents >= 0", name=op.f("ck_orders_price")
        ),
        sa.CheckConstraint(
            "refunded_freight_cents >= 0 AND refunded_cents >= refunded_freight_cents "
            "AND refunded_cents <= payable_cents",
            name=op.f("ck_orders_refunded"),
        ),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_orders")),
        sa.UniqueConstraint("redemption_id", name=op.f("uq_orders_redemption_id")),
    )
    op.create_index("ix_orders_order_id", "orders", ["order_id"])
    op.create_index("ix_orders_user_id_state", "orders", ["user_id", "state"])
    op.create_index("ix_orders_state_deadline", "orders", ["state", "deadline"])
    op.create_table(
        "order_coupons",
        sa.Column("hold_id", sa.String(length=40), nullable=False),
        sa.Column("coupon_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("discount_cents", sa.BigInteger(), nullable=False),
        sa.Column("refunded_share_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("discount_cents >= 0", name=op.f("ck_order_coupons_discount")),
        sa.CheckConstraint(
            "refunded_share_cents >= 0 AND refunded_share_cents <= discount_cents",
            name=op.f("ck_order_coupons_share"),
        ),
        sa.PrimaryKeyConstraint("hold_id", "coupon_id", name=op.f("pk_order_coupons")),
        sa.UniqueConstraint("hold_id", "position", name=op.f("uq_order_coupons_hold_id_position")),
    )
    op.create_index("ix_order_coupons_coupon_id", "order_coupons", ["coupon_id"])
    _orders_of_holds()
    with op.batch_alter_table("coupons") as table:
        table.add_column(sa.Column("uses", sa.Integer(), nullable=False, server_default="1"))
        table.add_column(sa.Column("used", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("source", sa.String(length=40), nullable=False, server_default="claim"))
        table.add_column(sa.Column("ref", sa.String(length=160), nullable=True))
        table.add_column(sa.Column("place", sa.String(length=40), nullable=True))
        table.drop_column("redemption_id")
        table.drop_constraint(op.f("ck_coupons_state"), type_="check")
        table.create_check_constraint(op.f("ck_coupons_state"), _STATES)
    op.execute("UPDATE coupons SET used = 1 WHERE state = 'used'")
    with op.batch_alter_table("coupons") as table:
        for name in ("uses", "used", "source"):
            table.alter_column(name, server_default=None)
        table.create_check_constraint(op.f("ck_coupons_uses"), _USES)
    op.drop_table("redemptions")
    op.drop_table("holds")
    _mark()


def downgrade() -> None:
    _refuse_to_lose()
    op.create_table(
        "holds",
        sa.Column("hold_id", sa.String(length=40), nullable=False),
        sa.Column("coupon_id", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.String(length=120), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("discount_cents", sa.BigInteger(), nullable=False),
        sa.Column("goods_cents", sa.BigInteger(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.CheckConstraint("discount_cents > 0 AND discount_cents <= goods_cents", name=op.f("ck_holds_discount")),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_coupon_id", "holds", ["coupon_id"])
    op.create_index("ix_holds_state_deadline", "holds", ["state", "deadline"])
    op.create_table(
        "redemptions",
        sa.Column("redemption_id", sa.String(length=40), nullable=False),
        sa.Column("hold_id", sa.String(length=40), nullable=False),
        sa.Column("coupon_id", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.String(length=120), nullable=False),
        sa.Column("redeemed_at", sa.BigInteger(), nullable=False),
        sa.Column("discount_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.Text(), nullable=False),
        sa.Column("refunded_cents", sa.BigInteger(), nullable=False),
        sa.Column("refunded_share_cents", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("scene", sa.String(length=24), nullable=True),
        sa.CheckConstraint(
            "refunded_cents >= 0 AND refunded_cents <= paid_cents", name=op.f("ck_redemptions_refunded")
        ),
        sa.CheckConstraint(
            "refunded_share_cents >= 0 AND refunded_share_cents <= discount_cents", name=op.f("ck_redemptions_share")
        ),
        sa.PrimaryKeyConstraint("redemption_id", name=op.f("pk_redemptions")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_redemptions_hold_id")),
    )
    op.create_index("ix_redemptions_coupon_id", "redemptions", ["coupon_id"])
    with op.batch_alter_table("coupons") as table:
        table.add_column(sa.Column("redemption_id", sa.String(length=40), nullable=True))
        table.drop_constraint(op.f("ck_coupons_uses"), type_="check")
        table.drop_constraint(op.f("ck_coupons_state"), type_="check")
        table.create_check_constraint(op.f("ck_coupons_state"), _STATES_BEFORE)
        for name in ("uses", "used", "source", "ref", "place"):
            table.drop_column(name)
    _holds_of_orders()
    op.drop_table("order_coupons")
    op.drop_table("orders")
    op.execute(sa.text("DELETE FROM outbox WHERE kind = :kind").bindparams(kind=_MARK))
    op.execute(sa.text("DELETE FROM events WHERE kind = :kind").bindparams(kind=_MARK))


def _text(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _orders_of_holds() -> None:
    """One order per hold; what a hold did not say (when it was made, how often it changed) the events say."""
    connection = op.get_bind()
    said: dict[str, list[tuple[str, int, dict[str, Any]]]] = defaultdict(list)
    hold_of: dict[str, str] = {}
    kinds = "('coupon.held', 'coupon.released', 'coupon.redeemed', 'coupon.refunded', 'coupon.rolled_back')"
    for kind, at, text in connection.execute(
        sa.text(f"SELECT kind, at, data FROM events WHERE kind IN {kinds} ORDER BY seq")  # noqa: S608 - fixed text
    ):
        data = json.loads(text)
        hold_id = data["hold_id"] if "hold_id" in data else hold_of[data["redemption_id"]]
        if kind == "coupon.redeemed":
            hold_of[data["redemption_id"]] = hold_id
        said[hold_id].append((kind, at, data))
    rows = connection.execute(
        sa.text(
            "SELECT h.*, c.user_id, c.template_id, c.template_version, v.spec, r.redemption_id, r.redeemed_at, "
            "r.paid_cents, r.refunded, r.refunded_cents, r.refunded_share_cents, r.state AS paid_state, r.scene "
            "FROM holds h JOIN coupons c ON c.coupon_id = h.coupon_id "
            "JOIN template_versions v ON v.template_id = c.template_id AND v.version = c.template_version "
            "LEFT JOIN redemptions r ON r.hold_id = h.hold_id ORDER BY h.hold_id"
        )
    ).mappings()
    orders = [_order(dict(row), said[row["hold_id"]]) for row in rows]
    if orders:
        op.bulk_insert(_table("orders", orders[0]), orders)
        parts = [_part(order) for order in orders]
        op.bulk_insert(_table("order_coupons", parts[0]), parts)


def _table(name: str, row: dict[str, Any]) -> sa.TableClause:
    """A table with the columns of a row; only booleans need their type named."""
    types: dict[type, sa.types.TypeEngine[Any]] = {bool: sa.Boolean(), int: sa.BigInteger()}
    return sa.table(name, *(sa.column(key, types.get(type(value), sa.String())) for key, value in row.items()))


def _order(hold: dict[str, Any], said: list[tuple[str, int, dict[str, Any]]]) -> dict[str, Any]:
    paid = hold["redemption_id"] is not None
    split = json.loads(hold["split"])
    receipt = {
        "lines": [
            {
                "line_no": line_no,
                "sku": "",
                "quantity": quantity,
                "unit_price_cents": price,
                "activity_cents": 0,
                "points_cents": 0,
                "merchant_id": None,
                "supplier_id": None,
            }
            for line_no, quantity, price, _ in split
        ],
        "coupons": [
            {
                "coupon_id": hold["coupon_id"],
                "template_id": hold["template_id"],
                "template_version": hold["template_version"],
                "kind": json.loads(hold["spec"])["kind"]["kind"],
                "shares": [share for *_, share in split],
                "freight_cents": 0,
                "borne": [[share, 0, 0] for *_, share in split],
                "gifts": [],
                "points": 0,
                "red_packet_cents": 0,
            }
        ],
        "freight_cents": 0,
        "points": 0,
    }
    refunds = [data for kind, _, data in said if kind == "coupon.refunded"]
    return {
        "hold_id": hold["hold_id"],
        "order_id": hold["order_id"],
        "user_id": hold["user_id"],
        "held_at": next(at for kind, at, _ in said if kind == "coupon.held"),
        "deadline": hold["deadline"],
        "goods_cents": hold["goods_cents"],
        "discount_cents": hold["discount_cents"],
        "payable_cents": hold["goods_cents"] - hold["discount_cents"],
        "receipt": _text(receipt),
        "state": ("redeemed" if hold["paid_state"] == "done" else "undone") if paid else hold["state"],
        "reason": hold["scene"] if paid else hold["reason"],
        "redemption_id": hold["redemption_id"],
        "redeemed_at": hold["redeemed_at"],
        "late": any(data["late"] for kind, _, data in said if kind == "coupon.redeemed"),
        "refunded": hold["refunded"] or "[]",
        "refunded_cents": hold["refunded_cents"] or 0,
        "refunded_freight_cents": 0,
        "refunded_shares": _text([hold["refunded_share_cents"]] if refunds else []),
        "n": len(said),
    }


def _part(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "hold_id": order["hold_id"],
        "coupon_id": json.loads(order["receipt"])["coupons"][0]["coupon_id"],
        "position": 0,
        "discount_cents": order["discount_cents"],
        "refunded_share_cents": sum(json.loads(order["refunded_shares"])),
    }


def _mark() -> None:
    """The event after which coupons and orders have events of their own; an empty ledger needs none."""
    connection = op.get_bind()
    last = connection.execute(sa.text("SELECT max(at) FROM events")).scalar()
    if last is None:
        return
    connection.execute(
        sa.text(
            "INSERT INTO events (event_id, stream, n, kind, at, actor, request_key, data) "
            "VALUES ('evt_ledger_upgraded_0003', 'ledger', 1, :kind, :at, 'migration', '0003', :data)"
        ),
        {"kind": _MARK, "at": last, "data": _text({"to": "0003"})},
    )
    connection.execute(
        sa.text("INSERT INTO outbox (event_id, kind, created_at) VALUES ('evt_ledger_upgraded_0003', :kind, :at)"),
        {"kind": _MARK, "at": last},
    )


def _refuse_to_lose() -> None:
    """What has happened since the upgrade cannot be said in the tables of before."""
    connection = op.get_bind()
    mark = connection.execute(sa.text("SELECT seq FROM events WHERE kind = :kind"), {"kind": _MARK}).scalar() or 0
    since = connection.execute(
        sa.text("SELECT count(*) FROM events WHERE seq > :mark AND (kind LIKE 'coupon.%' OR kind LIKE 'order.%')"),
        {"mark": mark},
    ).scalar()
    if since:
        raise RuntimeError(
            f"the ledger cannot go back to schema 0002: {since} events of coupons and orders were written since, "
            "which the tables of before cannot hold; restore a backup instead"
        )


def _holds_of_orders() -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT * FROM orders ORDER BY hold_id")).mappings().all()
    for row in rows:
        receipt = json.loads(row["receipt"])
        (coupon,) = receipt["coupons"]
        paid = row["redemption_id"] is not None
        split = [
            [line["line_no"], line["quantity"], line["unit_price_cents"], share]
            for line, share in zip(receipt["lines"], coupon["shares"], strict=True)
        ]
        connection.execute(
            sa.text(
                "INSERT INTO holds VALUES (:hold_id, :coupon_id, :order_id, :deadline, :discount_cents, :goods_cents, "
                ":split, :state, :reason)"
            ),
            {
                **{name: row[name] for name in ("hold_id", "order_id", "deadline", "discount_cents", "goods_cents")},
                "coupon_id": coupon["coupon_id"],
                "split": _text(split),
                "state": "redeemed" if paid else row["state"],
                "reason": None if paid else row["reason"],
            },
        )
        if paid:
            _redemption_of(connection, dict(row), coupon["coupon_id"])


def _redemption_of(connection: sa.Connection, row: dict[str, Any], coupon_id: str) -> None:
    connection.execute(
        sa.text(
            "INSERT INTO redemptions VALUES (:redemption_id, :hold_id, :coupon_id, :order_id, :redeemed_at, "
            ":discount_cents, :payable_cents, :refunded, :refunded_cents, :share, :state, :scene)"
        ),
        {
            **row,
            "coupon_id": coupon_id,
            "share": sum(json.loads(row["refunded_shares"])),
            "state": "done" if row["state"] == "redeemed" else "undone",
            "scene": row["reason"],
        },
    )
    if row["state"] == "redeemed":
        connection.execute(
            sa.text("UPDATE coupons SET redemption_id = :redemption_id WHERE coupon_id = :coupon_id"),
            {"redemption_id": row["redemption_id"], "coupon_id": coupon_id},
        )

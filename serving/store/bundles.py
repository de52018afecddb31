"""Packs and draws in the store: a row that counts like a coupon, and the event that names what came out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert

from serving.store.schema_claims import bundles
from serving.store.unit import Transaction

OPENED = "bundle.opened"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A pack or a draw that was claimed; device, IP and address are keyed hashes."""

    bundle_id: str
    user_id: str
    template_id: str
    template_version: int
    claimed_at: datetime
    source: str
    ref: str | None
    place: str | None
    device: str | None
    ip: str | None
    address: str | None


def add_bundle(tx: Transaction, bundle: Bundle, coupon_ids: Sequence[str], gone: Sequence[str]) -> None:
    """``gone`` are prizes that were drawn first and of which nothing was left."""
    row = asdict(bundle)
    tx.connection.execute(insert(bundles), row)
    data = {**row, "claimed_at": bundle.claimed_at.isoformat(), "coupon_ids": list(coupon_ids)}
    if gone:
        data["gone"] = list(gone)
    tx.append(f"bundle:{bundle.bundle_id}", 1, OPENED, data)

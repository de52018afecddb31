"""Draw every random amount and every prize again from the installation's key: nobody chose them (F017, F020).

Whoever has the key can do this for ever: an amount follows from the key, the template and the coupon's id alone, and a
prize from the key, the template and the id of the draw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import Connection, Row, select

from serving.coupons.draws import drawn, face_cents
from serving.coupons.events import Claimed
from serving.coupons.kinds import LuckyDraw, RandomAmount
from serving.issue import draw_seed
from serving.store.bundles import OPENED
from serving.store.schema import coupons, events
from serving.store.versions import find_version


def broken_draws(connection: Connection, secret: bytes) -> Iterator[tuple[str, str, str, str]]:
    """Per event that the key does not explain: its stream, the field, what it says, and what was drawn."""
    query = select(events.c.stream, events.c.kind, events.c.data).where(events.c.kind.in_([Claimed.TAG, OPENED]))
    for row in connection.execute(query.order_by(events.c.seq)):
        try:
            yield from _broken(connection, row, secret)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield row.stream, row.kind, "an event of a draw", f"{type(error).__name__}: {error}"


def _broken(
    connection: Connection, row: Row[tuple[str, str, str]], secret: bytes
) -> Iterator[tuple[str, str, str, str]]:
    data = json.loads(row.data)
    kind = find_version(connection, data["template_id"], data["template_version"]).kind
    seed = draw_seed(secret, data["template_id"])
    if row.kind == Claimed.TAG and isinstance(kind, RandomAmount):
        face = face_cents(kind, seed, data["coupon_id"])
        if face != data["face_cents"]:
            yield row.stream, "face_cents", str(data["face_cents"]), str(face)
    elif row.kind == OPENED and isinstance(kind, LuckyDraw):
        chances = [(prize.template_id, prize.weight) for prize in kind.prizes]
        gone = data.get("gone", [])
        again = [drawn(seed, data["bundle_id"], chances, gone[:n]) for n in range(len(gone))]
        if again != gone:
            yield row.stream, "gone", ", ".join(gone), ", ".join(again)
        prize = drawn(seed, data["bundle_id"], chances, gone)
        given = select(coupons.c.template_id).where(coupons.c.coupon_id.in_(data["coupon_ids"]))
        found = connection.execute(given).scalars().all()
        if found != [prize]:
            yield row.stream, "prize", ", ".join(found), prize

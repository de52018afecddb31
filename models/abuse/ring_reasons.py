"""A ring in sentences, for and against, English and Chinese: what a reviewer reads before the accounts."""

from __future__ import annotations

from models.abuse.reason_texts import NOUNS, RING_TEXTS
from models.abuse.reasons import Reason, span
from models.abuse.rings.ring import MINUTE, Ring


def ring_reasons(ring: Ring) -> list[Reason]:
    """Context sentences (0 points): size, what holds it together, what it took, and the counter-evidence."""
    devices = sum(company.kind == "device" for company in ring.company)
    en, zh = span(ring.span_minutes * MINUTE)
    one = len(ring.templates) == 1
    kinds = ", ".join(f"{n} by {NOUNS[kind][0]}" for kind, n in ring.kinds.items())
    kinds_zh = "、".join(f"{NOUNS[kind][1]} {n} 条" for kind, n in ring.kinds.items())
    cents = max(ring.redeemed_cents, ring.order_cents)
    found = [
        _say(
            "ring", ring=ring.ring_id, n=len(ring.members), span=en, span_zh=zh,
            devices=f"{devices} shared device{'s' * (devices != 1)}", devices_zh=f"{devices} 台共用设备",
            coupon="same coupon" if one else "several coupons", coupon_zh="同一张券" if one else "多种券",
        ),
        _say("holding", links=len(ring.holding), kinds=kinds, kinds_zh=kinds_zh, weakest=f"{ring.against.weakest:.2f}"),
        _say("taken", coupons=ring.coupons, yuan=f"{cents / 100:,.2f}"),
    ]  # fmt: skip
    if ring.against.paid_in_full or ring.against.old:
        found.append(_say("paid", paid=ring.against.paid_in_full, old=ring.against.old))
    if ring.against.outsiders:
        found.append(_say("outsiders", outsiders=ring.against.outsiders, in_use=ring.against.in_use))
    return found


def _say(code: str, **values: object) -> Reason:
    en, zh = RING_TEXTS[code]
    return Reason(f"ring_{code}" if code != "ring" else code, en.format(**values), zh.format(**values), 0.0)

"""Events that change no state and are read by others: a claim to look at, a user who should hear of a coupon."""

from __future__ import annotations

from collections.abc import Sequence

from serving.store.unit import Transaction

NOTICED, WANTED = "claim.noticed", "notification.wanted"


def add_notice(tx: Transaction, claimed_id: str, user_id: str, links: Sequence[str]) -> None:
    """Links to older accounts that did not refuse a newcomer coupon but are a reason to look at it (F208)."""
    if links:
        data = {"claimed_id": claimed_id, "user_id": user_id, "links": list(links)}
        tx.append(f"notice:{claimed_id}", 1, NOTICED, data)


def add_wish(
    tx: Transaction, coupon_id: str, user_id: str, template_id: str, channels: Sequence[str], reason: str
) -> None:
    """A user should hear of a coupon over these channels (F057, F069)."""
    if channels:
        data = {
            "coupon_id": coupon_id,
            "user_id": user_id,
            "template_id": template_id,
            "channels": list(channels),
            "reason": reason,
        }
        tx.append(f"notification:{coupon_id}", 1, WANTED, data)

"""Conditions that several kinds share: the least spend, in the two readings of 满 (F101), and parts of a kind."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from serving.coupons.money import InvalidError, check_int
from serving.coupons.seen import Missing, Seen

MOST_PARTS = 100


def short(minimum_cents: int, strict: bool, seen: Seen) -> Missing | None:
    """What the base lacks of a minimum that is reached (≥), or exceeded (>) where ``strict``."""
    lacking = minimum_cents + (1 if strict else 0) - seen.base_cents
    return Missing(lacking) if lacking > 0 else None


def check_above(minimum_cents: int, field: str, cents: int) -> None:
    """Spend X, take Y: X must be more than Y, or the order would be free or the shop would pay for it (F033)."""
    if minimum_cents <= cents:
        raise InvalidError("minimum_cents", minimum_cents, f"more than {field} ({cents})")


def check_parts(field: str, keys: Sequence[Hashable], least: int = 1) -> None:
    """Refuse too few or too many parts, and a part that is named twice or not at all."""
    check_int(field, len(keys), least, MOST_PARTS)
    if len(set(keys)) != len(keys) or "" in keys:
        raise InvalidError(field, list(keys), "every name once, and none empty")

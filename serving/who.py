"""The user of a request with the raw identifiers that came with it; they go to scoring and are never stored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Who:
    """``stepped_up``: the caller has just made sure that it is this person (a code by phone, a face)."""

    user_id: str
    device_id: str | None = None
    ip: str | None = None
    address: str | None = None
    terminal: str | None = None
    stepped_up: bool = False

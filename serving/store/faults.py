"""Named points at which a test may let production code fail; they do nothing unless a test arms them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_armed: dict[str, Callable[[], object]] = {}


def fault(point: str) -> None:
    """Run what a test armed here, if anything."""
    if _armed and point in _armed:
        _armed[point]()


@contextmanager
def armed(point: str, action: Callable[[], object]) -> Iterator[None]:
    """Let ``action`` (raise, exit, sleep) happen whenever ``point`` is reached."""
    _armed[point] = action
    try:
        yield
    finally:
        _armed.pop(point, None)

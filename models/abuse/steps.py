"""Progress in named steps: a new step completes the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]
"""Told the name of a step and how much of it is done, 0 to 1."""
Step = Callable[[str], None]


@contextmanager
def steps(progress: Progress | None) -> Iterator[Step]:
    """Turn ``progress(name, fraction)`` into ``step(name)``; leaving the block completes the last one.

    >>> told = []
    >>> with steps(lambda name, done: told.append((name, done))) as step:
    ...     step("one")
    ...     step("two")
    >>> told
    [('one', 0.0), ('one', 1.0), ('two', 0.0), ('two', 1.0)]
    """
    current: list[str] = []

    def step(name: str) -> None:
        if progress is not None:
            if current:
                progress(current.pop(), 1.0)
            progress(name, 0.0)
        current.append(name)

    yield step
    if progress is not None and current:
        progress(current[-1], 1.0)

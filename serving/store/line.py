"""The line before the only writer of an SQLite ledger: what waits there together is done in one transaction.

A commit waits for the disk. Commands that wait for each other anyway are given one commit, and each is answered when
that is done, so that an answer still means that it is kept. What goes wrong for one undoes all of them, and then each
is done alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Generic, TypeVar

W = TypeVar("W")
A = TypeVar("A")

# More than this do not share a commit: other processes wait for their turn meanwhile, and a hot template would be
# given out by whoever comes first (with 16, one of four processes came away without a coupon of a hundred).
MOST = 4


class Line(Generic[W, A]):
    """Work for ``writer``, an executor of one thread; ``alone`` does one work, ``together`` some or none of them."""

    def __init__(self, writer: Executor, alone: Callable[[W], A], together: Callable[[Sequence[W]], list[A]]) -> None:
        self._writer = writer
        self._alone = alone
        self._together = together
        self._waiting: deque[tuple[W, asyncio.Future[A], asyncio.AbstractEventLoop]] = deque()

    async def join(self, work: W) -> A:
        """Wait until it is done; it is done even if the caller goes away."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        self._waiting.append((work, answer, loop))
        self._writer.submit(self._serve)
        return await answer

    def _serve(self) -> None:
        """Do what waits by now; another call may have done it already."""
        called: list[tuple[W, asyncio.Future[A], asyncio.AbstractEventLoop]] = []
        while self._waiting and len(called) < MOST:
            called.append(self._waiting.popleft())
        outcomes = self._done([work for work, _, _ in called])
        told: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[A], A | BaseException]]] = {}
        for (_, answer, loop), outcome in zip(called, outcomes, strict=True):
            told.setdefault(loop, []).append((answer, outcome))
        for loop, answers in told.items():
            with suppress(RuntimeError):  # its loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_tell, answers)

    def _done(self, works: Sequence[W]) -> Sequence[A | BaseException]:
        if len(works) > 1:
            with suppress(Exception):
                return self._together(works)
        return [self._try(work) for work in works]

    def _try(self, work: W) -> A | BaseException:
        try:
            return self._alone(work)
        except BaseException as error:
            return error  # it belongs to who asked


def _tell(answers: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for answer, outcome in answers:
        if answer.done():
            continue
        if isinstance(outcome, BaseException):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

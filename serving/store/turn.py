"""Whose turn it is to write an SQLite ledger: one transaction at a time over all threads and processes of a machine.

SQLite itself lets a second writer poll until a timeout and then fail with "database is locked". Here it queues instead:
the turn is a lock file, and before it stands a door. Who has just had the turn goes back behind the door like everybody
else, so that a busy process cannot take turn after turn past one that waits. The system gives both back when a process
dies, however it dies. PostgreSQL needs no turns.
"""

from __future__ import annotations

import fcntl
import os
import threading
import weakref
from typing import IO, Any

from serving.store.engine import database_file, is_sqlite


class Turn:
    """A context manager, not reentrant; ``close`` it when this process writes no longer."""

    def __init__(self, url: str) -> None:
        self._free = not is_sqlite(url)
        if self._free:
            return
        database = database_file(url).resolve()  # two names of one file share one lock
        database.parent.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Lock()
        self._door: IO[Any] = open(f"{database}.door", "ab")  # noqa: SIM115 - open until close
        self._room: IO[Any] = open(f"{database}.lock", "ab")  # noqa: SIM115
        _turns.add(self)

    def __enter__(self) -> None:
        if self._free:
            return
        self._thread.acquire()
        try:
            fcntl.flock(self._door, fcntl.LOCK_EX)
            try:
                fcntl.flock(self._room, fcntl.LOCK_EX)
            finally:
                fcntl.flock(self._door, fcntl.LOCK_UN)
        except BaseException:
            self._thread.release()
            raise

    def __exit__(self, *_: object) -> None:
        if self._free:
            return
        try:
            fcntl.flock(self._room, fcntl.LOCK_UN)
        finally:
            self._thread.release()

    def close(self) -> None:
        if not self._free:
            self._door.close()
            self._room.close()


_turns: weakref.WeakSet[Turn] = weakref.WeakSet()


def _leave_to_the_parent() -> None:
    """A forked child shares its parent's locks: it lets go of them, or it would hold them past the parent's death."""
    for turn in list(_turns):
        turn.close()


os.register_at_fork(after_in_child=_leave_to_the_parent)

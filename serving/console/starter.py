"""How a page starts a flow beside the apps: the console never imports a flow, whoever runs it hands a starter over."""

from __future__ import annotations

from typing import Protocol


class Starter(Protocol):
    """Starts flows by name (``configs/flows.yaml``), each at most once at a time."""

    def start(self, flow: str) -> bool:
        """Begin a run; False when one is under way, which will see what is queued by now or is told to run again."""
        ...

    def running(self, flow: str) -> bool: ...

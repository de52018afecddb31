"""The three apps of a demo in a process of their own, on the simulated shop's clock.

The clock is the real one moved by an offset that both processes see, so that a day of visits can be played in a minute
and time flows on at its own speed afterwards.
"""

from __future__ import annotations

import logging
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized

import httpx
import structlog

from serving.app import NAMES, Parts, address, serve
from serving.clock import utc_now
from serving.settings import Settings

START_SECONDS = 180


@dataclass(frozen=True)
class Apps:
    """The running apps and their clock."""

    settings: Settings
    process: BaseProcess
    offset: Synchronized[float]

    def set_clock(self, now: datetime) -> None:
        """Move the shop's time to ``now`` (UTC without a zone)."""
        self.offset.value = (now - utc_now()).total_seconds()

    def url(self, name: str) -> str:
        return address(getattr(self.settings.services, name))


@contextmanager
def running_apps(settings: Settings, now: datetime) -> Iterator[Apps]:
    """Start the apps at the shop's time ``now``, wait until all three are ready, stop them at the end."""
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of running threads
    offset: Synchronized[float] = context.Value("d", 0.0)
    process = context.Process(target=_run, args=(settings, offset), name="fairdeal-apps")
    apps = Apps(settings, process, offset)
    apps.set_clock(now)
    process.start()
    try:
        _wait_until_ready(apps)
        yield apps
    finally:
        process.terminate()
        process.join(30)
        if process.is_alive():
            process.kill()
            process.join()


def with_free_ports(settings: Settings) -> Settings:
    """The settings with a free port for every app whose own port is taken."""
    services = {}
    for name in NAMES:
        service = getattr(settings.services, name)
        with socket.socket() as probe:
            try:
                probe.bind((service.host, service.port))
            except OSError:
                probe.bind((service.host, 0))
            services[name] = service.model_copy(update={"port": probe.getsockname()[1]})
    return settings.model_copy(update={"services": settings.services.model_copy(update=services)})


def _run(settings: Settings, offset: Synchronized[float]) -> None:
    # The demo's own lines are on the screen; what the apps have to say is worth it only when something is wrong.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    serve(settings, parts=Parts(clock=lambda: utc_now() + timedelta(seconds=offset.value)))


def _wait_until_ready(apps: Apps) -> None:
    deadline = time.monotonic() + START_SECONDS
    waiting = list(NAMES)
    while waiting:
        if apps.process.exitcode is not None:
            raise RuntimeError(f"the apps stopped with exit code {apps.process.exitcode} before they were ready")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{', '.join(waiting)} not ready within {START_SECONDS} s")
        try:
            if httpx.get(f"{apps.url(waiting[0])}/readyz", timeout=5).is_success:
                waiting.pop(0)
                continue
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.2)

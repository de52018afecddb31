"""Flows as child processes of ``fairdeal serve``: what a page of the console asks for runs beside the apps.

The work of a flow runs without Prefect, whose server would take longer to start than a small backtest takes; in
production the schedule runs the flows themselves. One run of a flow at a time: who asks while one is under way gets
another run after it, so that nothing that was queued meanwhile waits for the schedule. The output goes to
``home/logs/<flow>.log``, of which the last run is kept.
"""

from __future__ import annotations

import subprocess
import sys
import threading

import structlog

from pipelines.runtime import prepare
from serving.settings import Settings, load_settings

log = structlog.get_logger(__name__)
FLOWS = ("judge_rules", "backtest_abuse")


def work(flow: str) -> None:
    """Do what a flow of FLOWS does, in this process."""
    settings = load_settings()
    prepare(settings)
    if flow == "judge_rules":
        from pipelines.judge_rules import judge_queued

        judge_queued(settings)
    else:
        from pipelines.backtest_abuse import backtest_task

        backtest_task.fn(settings, None, None, 90)


class ChildFlows:
    """Starts the flows of FLOWS; ``close`` ends what still runs."""

    def __init__(self, settings: Settings, command: tuple[str, ...] = ()) -> None:
        """``command`` replaces the command line that does the work of a flow (its name is appended)."""
        self._logs = settings.home.absolute() / "logs"
        self._command = command or (sys.executable, "-m", "pipelines.child_flows")
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._again: set[str] = set()
        self._closed = False

    def start(self, flow: str) -> bool:
        """Begin a run, or one more after the run that is under way (False)."""
        if flow not in FLOWS:
            raise KeyError(flow)
        with self._lock:
            if flow in self._running:
                self._again.add(flow)
                return False
            return self._spawn(flow)

    def running(self, flow: str) -> bool:
        with self._lock:
            return flow in self._running

    def close(self) -> None:
        """End the children; what they had claimed is queued again after some minutes of silence."""
        with self._lock:
            self._closed = True
            children = list(self._running.values())
        for child in children:
            child.terminate()
        for child in children:
            child.wait(timeout=30)

    def _spawn(self, flow: str) -> bool:
        if self._closed:
            return False
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{flow}.log").open("wb") as out:
            child = subprocess.Popen([*self._command, flow], stdout=out, stderr=subprocess.STDOUT)  # noqa: S603 - our own words
        self._running[flow] = child
        threading.Thread(target=self._wait, args=(flow, child), name=f"flow-{flow}", daemon=True).start()
        log.info("flow started", flow=flow, process=child.pid)
        return True

    def _wait(self, flow: str, child: subprocess.Popen[bytes]) -> None:
        code = child.wait()
        log.info("flow ended", flow=flow, process=child.pid, code=code)
        with self._lock:
            del self._running[flow]
            if flow in self._again:
                self._again.discard(flow)
                self._spawn(flow)


if __name__ == "__main__":
    work(sys.argv[1])

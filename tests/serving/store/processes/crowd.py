"""Real processes that do what a plan says to one ledger, each through a coupons app of its own.

    python crowd.py plan.json

One process imports everything and forks the workers, before any of them opens the ledger. A worker opens it, says that
it is ready, waits for all the others, sends its requests ``at_once`` many at a time and writes each answer to a file of
its own the moment it has it: what stands there was acknowledged. ``fault`` ("point:n") kills it with SIGKILL when it
comes to a named point for the n-th time, ``kill_after`` (seconds) kills it wherever it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # the tests
sys.path.insert(0, str(Path(__file__).resolve().parents[4]))  # the project

from fakes.shop import START, Clock, Scoring, Shop

from serving.api.sweeper import sweep
from serving.clock import Ids
from serving.store.faults import armed


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(stack: ExitStack, fault: str) -> None:
    point, _, nth = fault.partition(":")
    left = [int(nth)]
    lock = threading.Lock()  # PostgreSQL has several writing threads

    def hit() -> None:
        with lock:
            left[0] -= 1
            if left[0] == 0:
                die()

    stack.enter_context(armed(point, hit))


async def work(plan: dict[str, Any], worker: dict[str, Any], ready: int, go: int) -> None:
    clock = Clock(START + timedelta(minutes=worker.get("minutes_later", 0)))
    shop = Shop(Path(plan["home"]), plan["url"], clock, Scoring())
    shop.store.ids = Ids(clock)  # the shop's own are seeded, and so the same in every process
    answers = os.open(worker["answers"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    room = asyncio.Semaphore(worker["at_once"])

    async def send(asked: dict[str, Any]) -> None:
        async with room:
            if asked.get("sweep"):
                await sweep(shop.store, shop.app.state.sides.live.redeemer)
                return
            answer = await shop.post(asked["role"], asked["path"], asked["body"], asked["key"])
        replayed = answer.headers.get("Idempotent-Replayed") == "true"
        line = {"key": asked["key"], "status": answer.status_code, "body": answer.json(), "replayed": replayed}
        os.write(answers, json.dumps(line).encode() + b"\n")

    os.write(ready, b".")
    os.read(go, 1)
    if "kill_after" in worker:
        threading.Timer(worker["kill_after"], die).start()
    with ExitStack() as stack:
        if "fault" in worker:
            arm(stack, worker["fault"])
        await asyncio.gather(*(send(asked) for asked in worker["requests"]))
    await shop.close()


def main(plan: dict[str, Any]) -> list[int]:
    """How each worker ended: 0, or minus the signal that killed it."""
    ready_read, ready = os.pipe()
    go, go_write = os.pipe()
    children = []
    for worker in plan["workers"]:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                asyncio.run(work(plan, worker, ready, go))
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    os.close(ready)
    waiting = len(children)
    while waiting and (came := os.read(ready_read, waiting)):
        waiting -= len(came)
    os.write(go_write, b"!" * len(children))
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


if __name__ == "__main__":
    started = time.monotonic()
    codes = main(json.loads(Path(sys.argv[1]).read_text()))
    print(json.dumps({"codes": codes, "seconds": time.monotonic() - started}))

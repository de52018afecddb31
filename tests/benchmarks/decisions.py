"""What a decision costs over HTTP, beside a bare FastAPI endpoint that answers the same message, in the same run.

    python -m tests.benchmarks.decisions

A small simulated shop with its features in Feast's embedded store, an uplift model of the demo's size (fifteen
boosters of sixty trees), a policy and an abuse model. One process serves both apps with uvicorn, another one asks, one
request at a time over one connection each; the kinds of requests take turns, so that whatever else the machine does
meets all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow.parquet as pq
import uvicorn
from fastapi import FastAPI

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fakes.scoring import Models

from features.groups import GROUPS
from models.policy.assign import Policy
from models.policy.prices import Prices
from models.registry import Artefact
from pipelines.build_features import build, repo_of
from pipelines.shop import simulate
from serving.app import Parts, open_store, scoring_app
from serving.keys import embedded_keys
from serving.scoring.messages import (
    Decision,
    DecisionAnswers,
    DecisionBatch,
    DecisionRequest,
    OfferScore,
    Risk,
    RiskRequest,
)
from serving.settings import Settings

USERS, DAYS, ROUNDS, BATCH = 400, 30, 400, 100
WARM_UP = 30
OFFERS = ("cut_100_10", "cut_200_35", "flat_20", "flat_8", "pct_10_cap_30")
LIVE = tuple(f"{kind}_others_{window}" for kind in ("device", "ip", "address") for window in ("1h", "24h", "7d"))
KINDS = {"decision": "/v1/decisions", "risk": "/v1/risk", "batch": "/v1/decisions:batch"}


def booster(seed: int, columns: int, objective: str, rounds: int) -> str:
    """A model on noise: its answers mean nothing, its size and speed are those of a real one."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(1.0, 10.0, (2000, columns))
    y = rng.random(2000) if objective == "cross_entropy" else rng.normal(0, 100, 2000)
    params = {"objective": objective, "num_leaves": 8, "num_threads": 1, "verbosity": -1, "seed": seed}
    text: str = lightgbm.train(params, lightgbm.Dataset(X, y), rounds).model_to_string()
    return text


def models() -> Models:
    """Champions of the demo's size in a registry in memory: how versions are kept does not matter to a request."""
    names = GROUPS["user"].names + GROUPS["identity"].names
    trees = {
        f"{what}:{arm}": booster(17 * column + row, len(names), "regression", 60)
        for row, what in enumerate(("value", "cost", "redeem"))
        for column, arm in enumerate(OFFERS)
    }
    policy = Policy(("none", *OFFERS), Prices.of_cost(0.1, 1 + len(OFFERS)), 0.05, 0.05, "salt", "r1", "1")
    abuse = {"features": list(LIVE), "thresholds": {"hold": 0.99}, "reasons": {}}
    made = Models()
    made.put("uplift", Artefact("uplift", {"features": list(names), "arms": ["none", *OFFERS]}, trees))
    made.put("policy", Artefact("policy", policy.to_spec()))
    made.put("abuse", Artefact("abuse", abuse, {"abuse": booster(99, len(LIVE), "cross_entropy", 150)}))
    return made


def bare_app() -> FastAPI:
    """The floor: the same messages in and out, nothing done in between."""
    app = FastAPI()
    risk = Risk(user_id="u", score=0.1, action="allow", reasons=[], flagged=False, cold_start=False, versions={})
    scores = [
        OfferScore(offer=arm, value_cents=1.5, cost_cents=0.5, redeem_probability=0.1, score=1.0, probability=0.2)
        for arm in ("none", *OFFERS)
    ]
    decision = Decision(
        key="k",
        user_id="u",
        eligible=["none", *OFFERS],
        offer="none",
        propensity=0.2,
        holdout=False,
        explored=False,
        reason="best",
        offers=scores,
        risk=risk,
        cold_start=False,
        features_as_of=None,
        versions={"uplift": "1"},
    )

    @app.post(KINDS["decision"])
    async def one(body: DecisionRequest) -> Decision:
        return decision

    @app.post(KINDS["risk"])
    async def risky(body: RiskRequest) -> Risk:
        return risk

    @app.post(KINDS["batch"])
    async def many(body: DecisionBatch) -> DecisionAnswers:
        return DecisionAnswers(decisions=[decision] * len(body.decisions))

    return app


async def serve(settings: Settings, ports: list[int]) -> None:
    open_store(settings).close()  # the flags are read from the ledger's tables
    apps = [scoring_app(settings, Parts(models=models())), bare_app()]
    configs = [
        uvicorn.Config(app, port=port, loop="uvloop", log_level="warning", access_log=False)
        for app, port in zip(apps, ports, strict=True)
    ]
    await asyncio.gather(*(uvicorn.Server(config).serve() for config in configs))


@contextlib.contextmanager
def serving(home: Path) -> Iterator[tuple[HTTPConnection, HTTPConnection]]:
    """The two apps in a process of their own: a connection to scoring and one to the floor."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1], two.getsockname()[1]]
    # Its log goes to stdout, which is ours to print figures on.
    process = subprocess.Popen([sys.executable, __file__, str(home), *map(str, ports)], stdout=subprocess.DEVNULL)
    try:
        connections = tuple(HTTPConnection("127.0.0.1", port, timeout=60) for port in ports)
        for connection in connections:
            _wait(connection, process)
        yield connections[0], connections[1]
    finally:
        process.terminate()
        process.wait(30)


def _wait(connection: HTTPConnection, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with contextlib.suppress(ConnectionError):
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            answer.read()
            if answer.status != 503:  # the floor has no such route, which is an answer too
                return
            raise RuntimeError("the service started without its models or features")
        connection.close()
        time.sleep(0.1)
    raise RuntimeError(f"the apps ended with code {process.returncode}")


def ask(connection: HTTPConnection, path: str, body: dict[str, Any], key: str) -> float:
    """Seconds from sending to the whole answer."""
    content = json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    started = time.perf_counter()
    connection.request("POST", path, content, headers)
    answer = connection.getresponse()
    text = answer.read()
    seconds = time.perf_counter() - started
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {text[:300]!r}")
    return seconds


def bodies(shop: Path, rounds: int, batch: int) -> Iterator[dict[str, dict[str, Any]]]:
    """Requests about users of the shop, with the device, IP and address of one of their orders."""
    columns = ["user_id", "device_id", "ip", "address"]
    orders = pq.read_table(shop / "orders.parquet", columns=columns).to_pylist()
    rng = np.random.default_rng(0)
    for turn in range(rounds):
        seen = [orders[index] for index in rng.integers(0, len(orders), batch)]
        counts = {name: float(rng.integers(0, 3)) for name in LIVE}
        asks = [
            {**order, "key": f"k{turn}-{place}", "offers": list(OFFERS), "counts": counts}
            for place, order in enumerate(seen)
        ]
        yield {"decision": asks[0], "risk": {**seen[0], "counts": counts}, "batch": {"decisions": asks}}


def run(users: int = USERS, days: int = DAYS, rounds: int = ROUNDS, batch: int = BATCH) -> dict[str, float]:
    """Flat figures, milliseconds over HTTP; every tenth turn also asks a batch."""
    seconds: dict[str, list[float]] = {f"{side}{kind}": [] for kind in KINDS for side in ("", "floor_")}
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        shop = Path(folder) / "shop"
        simulate(users, days, 7, shop)
        build(shop, repo_of(settings))
        key = embedded_keys(settings.home)["coupons"]
        with serving(settings.home) as (scoring, floor):
            for turn, asked in enumerate(bodies(shop, WARM_UP + rounds, batch)):
                for kind, body in asked.items():
                    if kind == "batch" and turn % 10:
                        continue
                    for side, connection in (("", scoring), ("floor_", floor)):
                        took = ask(connection, KINDS[kind], body, key)
                        if turn >= WARM_UP:
                            seconds[side + kind].append(took)
    figures: dict[str, float] = {"rounds": float(rounds), "batch_decisions": float(batch)}
    for kind in KINDS:
        for share in (50, 99):
            own, bare = (1e3 * float(np.percentile(seconds[side + kind], share)) for side in ("", "floor_"))
            figures[f"{kind}_p{share}_ms"] = own
            figures[f"{kind}_floor_p{share}_ms"] = bare
            figures[f"{kind}_p{share}_over_floor"] = own / bare
    figures["batch_p50_ms_a_decision"] = figures["batch_p50_ms"] / batch
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(serve(Settings(home=Path(sys.argv[1])), [int(port) for port in sys.argv[2:]]))
    else:
        print(json.dumps(run(), indent=2))

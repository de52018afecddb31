"""The scoring service over HTTP: stateless; one set of champions per request, swapped when an alias moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Histogram

from serving.api.access import allowed
from serving.api.plumbing import add_plumbing
from serving.api.problems import ProblemError, add_problem_handlers
from serving.keys import MODELS, SCORE, KeyRing
from serving.scoring.champions import NAMES, Holder
from serving.scoring.decide import NotReadyError, decide
from serving.scoring.messages import Decision, DecisionAnswers, DecisionBatch, DecisionRequest, Risk, RiskRequest
from serving.scoring.risk import assess
from serving.scoring.sources import FeatureReader, Standings
from serving.scoring.vectors import gather

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1")
POLL_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of."""

    holder: Holder
    features: FeatureReader
    standings: Standings
    seconds: Histogram


def build(holder: Holder, features: FeatureReader, standings: Standings, keys: KeyRing) -> FastAPI:
    """The app on its parts. Models are loaded by the first ``refresh``: at start-up, then every few seconds."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(holder.refresh)
        poller = asyncio.create_task(_poll(holder))
        try:
            yield
        finally:
            poller.cancel()
            with suppress(asyncio.CancelledError):
                await poller

    app = FastAPI(title="Fairdeal scoring", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    registry = CollectorRegistry()
    seconds = Histogram(
        "scoring_seconds",
        "seconds in process, without HTTP",
        ("what",),
        registry=registry,
        buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0),
    )
    app.state.parts = Parts(holder, features, standings, seconds)
    app.state.keys = keys
    add_problem_handlers(app)

    async def ready() -> dict[str, str]:
        return _missing(holder)

    add_plumbing(app, ready, registry)
    app.include_router(router)
    return app


def _missing(holder: Holder) -> dict[str, str]:
    missing = {} if holder.current.can_decide else {"models": "a champion of uplift and of policy"}
    return missing if holder.features_ready else {**missing, "features": holder.refused.get("features", "not read yet")}


@router.post(
    "/decisions",
    response_model=None,
    summary="Decide on an offer",
    responses={200: {"model": Decision}},
    tags=["scoring"],
)
async def post_decision(
    request: Request, body: DecisionRequest, _: Annotated[Any, Depends(allowed(SCORE))]
) -> Response:
    """Which offer for this user, if any; the same key and user always get the same answer from the same models."""
    return _json(_decide(request, [body])[0])


@router.post(
    "/decisions:batch",
    response_model=None,
    summary="Decide on many offers",
    responses={200: {"model": DecisionAnswers}},
    tags=["scoring"],
)
async def post_decisions(request: Request, body: DecisionBatch, _: Annotated[Any, Depends(allowed(SCORE))]) -> Response:
    """Many decisions at once, in order; each equals the single answer."""
    # A thousand decisions take half a second; in a thread they do not keep single ones waiting.
    return _json(DecisionAnswers(decisions=await asyncio.to_thread(_decide, request, body.decisions)))


@router.post(
    "/risk",
    response_model=None,
    summary="Assess the risk of a user",
    responses={200: {"model": Risk}},
    tags=["scoring"],
)
async def post_risk(request: Request, body: RiskRequest, _: Annotated[Any, Depends(allowed(SCORE))]) -> Response:
    """How risky this user is now: what stands on file and the abuse model, with reasons."""
    parts: Parts = request.app.state.parts
    started = time.perf_counter()
    facts = gather(parts.features, [body])
    found = assess(parts.holder.current, [body], facts, parts.standings([body.user_id]))[0]
    parts.seconds.labels("risk").observe(time.perf_counter() - started)
    return _json(found)


@router.get("/model", summary="Show the models in use", tags=["models"], dependencies=[Depends(allowed(SCORE))])
async def get_model(request: Request) -> dict[str, Any]:
    """Versions in use, offers, and what was refused with its reason."""
    return _model_view(request.app.state.parts.holder)


@router.post("/model:reload", summary="Look for new models", tags=["models"], dependencies=[Depends(allowed(MODELS))])
async def reload_model(request: Request) -> dict[str, Any]:
    """Look at the aliases now instead of at the next poll."""
    holder: Holder = request.app.state.parts.holder
    await asyncio.to_thread(holder.refresh)
    return _model_view(holder)


def _decide(request: Request, asks: list[DecisionRequest]) -> list[Decision]:
    parts: Parts = request.app.state.parts
    started = time.perf_counter()
    try:
        found = decide(parts.holder.current, parts.features, parts.standings, asks)
    except NotReadyError as error:
        raise ProblemError("not_ready") from error
    parts.seconds.labels("decision" if len(asks) == 1 else "batch").observe(time.perf_counter() - started)
    return found


def _model_view(holder: Holder) -> dict[str, Any]:
    champions = holder.current
    return {
        "models": {name: champions.version_of.get(name) for name in NAMES},
        "offers": list(champions.policy.arms) if champions.policy else [],
        "policy_fits": champions.policy_fits,
        "refused": dict(holder.refused),
    }


def _json(message: Decision | DecisionAnswers | Risk) -> Response:
    # The message was built from checked values: validating the answer once more would only cost time.
    return Response(message.model_dump_json(), media_type="application/json")


async def _poll(holder: Holder) -> None:
    while True:
        await asyncio.sleep(POLL_SECONDS)
        try:
            await asyncio.to_thread(holder.refresh)
        except Exception as error:  # the registry may be away; the models in use keep answering
            log.error("model poll failed", error=type(error).__name__)

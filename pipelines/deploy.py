"""Flows by name: run one now, or keep all of them running at their times (``configs/flows.yaml``).

Flows are deployed by module path, so that no file of ours can shadow a package while Prefect loads it.
"""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import InputError
from pipelines.runtime import prepare
from serving.settings import CONFIGS, Settings, load_settings


class FlowEntry(BaseModel):
    """One flow: where its function is, the parameters it runs with, and when."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flow: str = Field(pattern=r"^pipelines(\.\w+)+:\w+$")
    cron: str | None = None
    parameters: dict[str, Any] = {}


def load_flows(path: Path = CONFIGS / "flows.yaml") -> dict[str, FlowEntry]:
    """Read and check the file of flows.

    >>> "build_features" in load_flows()
    True
    """
    try:
        entries = yaml.safe_load(path.read_text("utf-8"))["flows"]
        return {name: FlowEntry.model_validate(entry) for name, entry in entries.items()}
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{path.name}: {'.'.join(map(str, first['loc']))}", first.get("input"), first["msg"]
        ) from error
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InputError("flows file", str(path), f"YAML with a mapping 'flows' ({error})") from error


def flow_names() -> list[str]:
    """Names that ``fairdeal run`` takes."""
    return list(load_flows())


def run_flow(name: str, overrides: Mapping[str, str]) -> Any:
    """Run a flow in this process with its parameters from the file, ``overrides`` over them (read as YAML)."""
    prepare(load_settings())
    from prefect.exceptions import ParameterTypeError
    from prefect.logging.handlers import APILogHandler

    entry = _entry(load_flows(), name)
    function = load_function(entry)
    known = inspect.signature(function.fn).parameters
    for key in overrides:
        if key not in known:
            raise InputError("parameter", key, f"one of: {', '.join(known)}")
    values = {key: yaml.safe_load(value) for key, value in overrides.items()}
    try:
        checked = function.validate_parameters({**entry.parameters, **values})
    except ParameterTypeError as error:
        raise InputError("parameters", values, " ".join(str(error).split())) from None
    try:
        return function(**checked)
    finally:
        APILogHandler().flush()  # before the ephemeral server ends with this process


def load_function(entry: FlowEntry) -> Any:
    """The Prefect flow object that an entry names."""
    module, _, name = entry.flow.partition(":")
    return getattr(importlib.import_module(module), name)


def run_schedules(flows: Mapping[str, FlowEntry] | None = None, settings: Settings | None = None) -> None:
    """Serve every flow that has a time until interrupted; times are in the shop's time zone."""
    settings = settings or load_settings()
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO")  # here the console is the log
    prepare(settings)
    with prefect_server(settings):
        from prefect import serve
        from prefect.flows import EntrypointType
        from prefect.schedules import Cron

        deployments = [
            load_function(entry).to_deployment(
                name,
                schedule=Cron(entry.cron, timezone=settings.shop.timezone),
                parameters=entry.parameters,
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
            for name, entry in (flows or load_flows()).items()
            if entry.cron
        ]
        if not deployments:
            raise InputError("flows file", "no flow with a cron", "at least one flow with a time")
        serve(*deployments, limit=1, print_starting_message=False)


@contextmanager
def prefect_server(settings: Settings) -> Iterator[str]:
    """A Prefect server for this installation unless ``PREFECT_API_URL`` names one.

    An ephemeral server runs no scheduler, so schedules need this one; it has no sign-in of
    its own, so by default it listens on the loopback address only.
    """
    if url := os.environ.get("PREFECT_API_URL"):
        yield url
        return
    at = settings.services.flows
    url = f"http://{at.host}:{at.port}/api"
    log = settings.home.absolute() / "prefect" / "server.log"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", at.host, "--port", str(at.port)]
    with log.open("ab") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)  # noqa: S603 - our own words
    try:
        _wait_until_healthy(url, process, log)
        os.environ["PREFECT_API_URL"] = url
        yield url
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        process.terminate()
        process.wait(timeout=30)


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the Prefect server stopped with {process.returncode}; its log is {log}")
        try:
            if httpx.get(f"{url}/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise RuntimeError(f"the Prefect server did not answer within {seconds:.0f} s; its log is {log}")


def _entry(flows: Mapping[str, FlowEntry], name: str) -> FlowEntry:
    if name not in flows:
        raise InputError("flow", name, f"one of: {', '.join(flows)}")
    return flows[name]

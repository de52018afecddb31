"""``fairdeal doctor``: each store, its version, what it holds, what is missing and how to mend it."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table
from sqlalchemy.engine import make_url

from pipelines.cli.console import out, say
from serving.risk_settings import Risk
from serving.settings import Settings, load_settings

SAFE_SQLITE = (3, 51, 3)
"""The first SQLite without the corruption at WAL reset (3.7.0 to 3.51.2)."""


@dataclass(frozen=True)
class Finding:
    """One line of the examination; ``state`` is ok, missing (normal before the first run) or broken."""

    part: str
    state: str
    version: str
    detail: str
    fix: str = ""


def examine(as_json: bool) -> int:
    """Print every finding; return 1 when something is broken, else 0."""
    settings = load_settings()
    findings = [finding for check in CHECKS for finding in check(settings)]
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        table = Table("part", "state", "version", "detail", "fix")
        colours = {"ok": "green", "missing": "yellow", "broken": "red"}
        for f in findings:
            table.add_row(f.part, f"[{colours[f.state]}]{f.state}[/]", f.version, f.detail, f.fix)
        out.print(table)
    return int(any(finding.state == "broken" for finding in findings))


def _python(settings: Settings) -> Iterator[Finding]:
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    yield Finding("python", "ok" if good else "broken", version, sys.prefix, "" if good else "install Python >= 3.11")
    if settings.risk.key == Risk().key:
        yield Finding(
            "identifier key", "ok", "", "the embedded default; fine for a demo", "set FAIRDEAL_RISK__KEY for real users"
        )


def _ledger(settings: Settings) -> Iterator[Finding]:
    from serving.store.health import ledger_health

    url = make_url(settings.ledger_url)
    if url.get_backend_name() == "sqlite":
        import pysqlite3

        version = str(pysqlite3.sqlite_version)
        safe = tuple(int(part) for part in version.split(".")) >= SAFE_SQLITE
        if not safe:
            yield Finding("sqlite", "broken", version, "corrupts at WAL reset", "run make setup (SQLite >= 3.51.3)")
            return
        if not Path(url.database or "").exists():
            yield Finding("ledger", "missing", f"SQLite {version}", str(url.database), "run fairdeal demo or serve")
            return
    try:
        health = ledger_health(settings.ledger_url)
    except Exception as error:
        yield Finding("ledger", "broken", "", f"{type(error).__name__}: {error}", "check FAIRDEAL_STORES__LEDGER_URL")
        return
    yield Finding(
        "ledger",
        "ok" if health.current else "broken",
        f"{health.server}, schema {health.revision}",
        f"{health.coupons} coupons, {health.events} events",
        "" if health.current else "restart fairdeal serve: it migrates the schema",
    )


def _tables(settings: Settings) -> Iterator[Finding]:
    import pyarrow.dataset as ds

    from features.tables import TABLES

    here = [name for name in TABLES if (settings.tables / f"{name}.parquet").exists()]
    if not here:
        yield Finding("tables", "missing", "", str(settings.tables), "run fairdeal ingest DIR")
        return
    absent = [name for name in TABLES if name not in here]
    rows = {name: ds.dataset(settings.tables / f"{name}.parquet").count_rows() for name in here}
    detail = ", ".join(f"{name} {count:,}" for name, count in rows.items())
    fix = f"ingest {', '.join(absent)}" if absent else ""
    yield Finding("tables", "missing" if absent else "ok", f"Parquet, {_version('duckdb')}", detail, fix)


def _features(settings: Settings) -> Iterator[Finding]:
    registry, online = settings.feast / "registry.db", settings.stores.feast_online or settings.feast / "online.db"
    if registry.exists():
        yield Finding("features", "ok", _version("feast"), f"registry {registry}, online {online}")
    else:
        yield Finding("features", "missing", _version("feast"), str(registry), "run fairdeal run build_features")


def _models(settings: Settings) -> Iterator[Finding]:
    database = settings.mlflow_uri.removeprefix("sqlite:///")
    if settings.mlflow_uri.startswith("sqlite") and not Path(database).exists():
        yield Finding("models", "missing", _version("mlflow"), database, "run fairdeal run train_uplift")
        return
    from models.registry import Registry

    registry = Registry(settings.mlflow_uri, settings.mlflow_artifacts)
    for name, flow in (("uplift", "train_uplift"), ("policy", "choose_coupons"), ("abuse", "train_abuse")):
        loaded = registry.champion(name)
        if loaded is None:
            yield Finding(f"model {name}", "missing", _version("mlflow"), "no champion", f"run fairdeal run {flow}")
        else:
            yield Finding(f"model {name}", "ok", _version("mlflow"), f"champion is version {loaded.version}")


def _flows(settings: Settings) -> Iterator[Finding]:
    from pipelines.deploy import load_flows

    scheduled = [name for name, entry in load_flows().items() if entry.cron]
    yield Finding(
        "flows", "ok", _version("prefect"), f"{len(scheduled)} scheduled; state in {settings.home / 'prefect'}"
    )


def _engine(settings: Settings) -> Iterator[Finding]:
    if settings.stores.engine == "duckdb":
        yield Finding("engine", "ok", _version("duckdb"), "embedded")
        return
    java = shutil.which("java")
    state, fix = ("ok", "") if java else ("broken", "install Java 17 or later for Spark")
    yield Finding("engine", state, _version("pyspark"), java or "no java on the path", fix)


def _version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} is not installed"


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _python,
    _ledger,
    _tables,
    _features,
    _models,
    _flows,
    _engine,
)

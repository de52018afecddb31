"""Flows run by name under a real Prefect, and one really runs by its schedule."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from features.errors import InputError
from features.tables import TABLES, read_tables
from pipelines.deploy import FlowEntry, load_flows, load_function, run_flow
from serving.settings import load_settings


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home with Prefect's own state below it."""
    from prefect.testing.utilities import prefect_test_harness

    monkeypatch.setenv("FAIRDEAL_HOME", str(tmp_path / "home"))
    with prefect_test_harness(server_startup_timeout=180):
        yield tmp_path


def test_every_flow_of_the_file_exists_and_takes_its_parameters() -> None:
    for name, entry in load_flows().items():
        function = load_function(entry)
        assert function.name == name
        assert set(entry.parameters) <= set(function.parameters.properties), name


@pytest.mark.slow
def test_flows_run_by_name_with_parameters_over_those_of_the_file(installation: Path) -> None:
    shop = installation / "shop"
    out = run_flow("simulate_shop", {"out": str(shop), "users": "250", "days": "28", "seed": "2"})
    report = run_flow("ingest_tables", {"source": str(out)})
    assert set(report.counts) == set(TABLES)
    assert all(count.read == count.accepted > 0 for count in report.counts.values())
    taken = read_tables(load_settings().tables, TABLES)
    assert {name: len(table) for name, table in taken.items()} == {n: c.accepted for n, c in report.counts.items()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flows: {a: {flow: os.system}}", "a.flow|flow"),
        ("flows: {a: {flow: 'pipelines.x:y', when: never}}", "when"),
        ("other: {}", "mapping 'flows'"),
        ("flows: [", "mapping 'flows'"),
    ],
)
def test_a_bad_file_of_flows_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "flows.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_flows(path)


def test_an_unknown_parameter_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAIRDEAL_HOME", str(tmp_path))
    with pytest.raises(InputError, match="parameter: got 'sugar'"):
        run_flow("seal_audit", {"sugar": "2"})


@pytest.mark.slow
def test_a_scheduled_run_really_happens(tmp_path: Path) -> None:
    """Prefect's scheduler has failed silently with an untested SQLAlchemy; only a run that happened proves it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    entry = FlowEntry(flow="pipelines.export_ledger:export_ledger", cron="* * * * *")
    code = (
        "from pipelines.deploy import FlowEntry, run_schedules; "
        f"run_schedules({{'export_ledger': FlowEntry.model_validate_json({entry.model_dump_json()!r})}})"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "FAIRDEAL_HOME": str(tmp_path),
        "FAIRDEAL_SERVICES__FLOWS__PORT": str(port),
    }
    make_ledger(tmp_path)
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        states = wait_for_run(f"http://127.0.0.1:{port}/api", seconds=240)
        assert "COMPLETED" in states, (states, (tmp_path / "log").read_text()[-2000:])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        log.close()
    assert (tmp_path / "exported" / "coupons.parquet").exists()


def make_ledger(home: Path) -> None:
    from serving.store.migrate import upgrade

    upgrade(f"sqlite:///{home / 'ledger.db'}")


def wait_for_run(api: str, seconds: float) -> set[str]:
    """The states of runs that the scheduler made; returns as soon as one has ended."""
    question = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}}
    states: set[str] = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not states:
        time.sleep(2)
        try:
            answer = httpx.post(f"{api}/flow_runs/filter", json=question, timeout=10)
        except httpx.TransportError:
            continue  # the server is still starting
        answer.raise_for_status()
        states = {run["state_type"] for run in answer.json() if run["auto_scheduled"]}
    return states

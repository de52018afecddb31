"""The command line: every verb of the design is there, and bad input is one line and exit code 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app

VERBS = (
    ["demo"], ["simulate"], ["ingest"], ["trial"], ["abuse-study"], ["flag-abuse"], ["run"], ["serve"],
    ["ledger", "verify"], ["audit", "verify"], ["bench"], ["doctor"], ["openapi"],
    ["requirements"], ["events", "resend"], ["models"], ["models", "show"], ["models", "promote"],
    ["models", "rollback"],
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAIRDEAL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def fairdeal(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_explains_itself(verb: list[str]) -> None:
    result = CliRunner().invoke(app, [*verb, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "make_coffee"], "flow: got 'make_coffee', expected one of: "),
        (["bench", "nothing"], "bench: got 'nothing', expected one of: all, "),
        (["flag-abuse", "/nowhere", "--out", "x.parquet", "--as-of", "tomorrow"], "as-of: got 'tomorrow', expected a"),
        (["flag-abuse", "/nowhere", "--out", "x.parquet"], "/nowhere"),
        (["ingest", "/nowhere"], "/nowhere"),
        (["ledger", "verify"], "ledger.db', expected an existing ledger"),
        (["audit", "verify"], "ledger.db', expected an existing ledger"),
        (["run", "simulate_shop", "-p", "users=many"], "valid integer"),
        (["run", "build_features"], "users.parquet"),
        (["trial", "/nowhere.csv", "--spec", "configs/trials/hillstrom.yaml", "--out", "x"], "/nowhere.csv"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_2(words: list[str], message: str, home: Path) -> None:
    result = fairdeal(*words)
    assert not (home / "ledger.db").exists(), "looking at a ledger must not make one"
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys; from pipelines.cli.app import app; "
        "heavy = {'mlflow', 'feast', 'lightgbm', 'prefect', 'pandas', 'sklearn'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr

"""``fairdeal backtest`` on a small shop: the report, its figures and the accounts that would be treated otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.errors import InputError
from oracles.abuse_scenes import scene
from pipelines.abuse_rule import caps_of, decider_of
from pipelines.backtest_abuse import CHANGES, backtest_abuse
from pipelines.cli import app as cli
from serving.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    frames, truth = scene(seed=9, honest=150, copies=1)
    late = frames["users"]["registered_at"].max() + pd.Timedelta(days=1)
    seen = truth[truth["group"] != "honest"]
    frames["verdicts"] = pd.DataFrame(
        {
            "user_id": seen["user_id"],
            "decided_at": pd.Series(late, index=seen.index).astype("datetime64[us]"),
            "verdict": seen["abusive"].map({True: "abusive", False: "legitimate"}),
            "source": "reviewer",
        }
    )
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet")
    return folder


def test_the_report_shows_both_rules_and_lists_who_would_be_met(tables: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    done = backtest_abuse(tables, tmp_path / "out", settings, days=60, per_day=1)
    figures = json.loads((tmp_path / "out" / "report.json").read_text())
    assert figures["current_judged_abusive"] > 0
    assert figures["current_recall_of_judged"] > 0.5
    assert figures["current_look_alike_automatic_rate"] == 0
    assert figures["reviews_per_day"] == 1
    assert not figures["promised_automatic"]  # a handful of look-alikes promises nothing at .5 %
    moved = pd.read_parquet(tmp_path / "out" / CHANGES)
    assert len(moved) == figures["accounts_changed"] == done.changed
    page = done.page.read_text("utf-8")
    assert "停发" in page
    assert "withhold" in page


def test_bad_input_is_named(tables: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="days"):
        backtest_abuse(tables, tmp_path, Settings(home=tmp_path), days=0)
    with pytest.raises(InputError, match="some claim or order"):
        backtest_abuse(tables, tmp_path, Settings(home=tmp_path), as_of=pd.Timestamp("2001-01-01").to_pydatetime())


def test_the_command_says_where_the_report_is(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRDEAL_HOME", str(tmp_path / "home"))
    found = CliRunner().invoke(cli.app, ["backtest", str(tables), "--out", str(tmp_path / "out"), "--days", "30"])
    assert found.exit_code == 0, found.output
    assert "accounts would be treated otherwise" in " ".join(found.output.split())


def test_the_settings_are_the_rule(tmp_path: Path) -> None:
    risk = Settings(home=tmp_path).risk
    assert decider_of(risk).remedies["hold"].effort == 0.13
    assert caps_of(risk).review == 0.02

"""Backtests of changes: nothing leaks from later, limits do what the gate does, hubs explain what they explain."""

from __future__ import annotations

import json
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fakes.rules import SETTLED, Lab, rule

from models.abuse.decision.intervals import share_of_clusters, wilson
from models.abuse.decision.limits import Limits, replay, told
from models.abuse.detect import detect
from models.abuse.folder import open_folder
from oracles.abuse_scenes import scene
from oracles.limits import naive
from pipelines.abuse_rule import decider_for, rules_in_shadow, standing_rule, without_hubs
from pipelines.backtest_abuse import SWEEP, backtest_abuse
from pipelines.child_flows import ChildFlows
from pipelines.flag_abuse import flag_abuse, flag_task
from pipelines.judge_rules import judge_change, judge_queued
from serving.privacy import Hasher
from serving.review.rule_shadow import runs_of
from serving.review.rule_work import find_change, progress_of, promote, queue, withdraw
from serving.settings import Settings
from serving.store.unit import Store
from serving.store.verify import verify_ledger

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
LENA, OMAR = "staff:lena", "staff:omar"


def write_tables(folder: Path, until: pd.Timestamp | None = None) -> dict[str, pd.DataFrame]:
    """A small shop with verdicts; ``until`` leaves out what is not before it."""
    frames, truth = scene(seed=9, honest=150, copies=1)
    late = frames["users"]["registered_at"].max() - pd.Timedelta(days=20)
    seen = truth[truth["group"] != "honest"]
    frames["verdicts"] = pd.DataFrame(
        {
            "user_id": seen["user_id"],
            "decided_at": pd.Series(late, index=seen.index).astype("datetime64[us]"),
            "verdict": seen["abusive"].map({True: "abusive", False: "legitimate"}),
            "source": "reviewer",
        }
    )
    times = {"users": "registered_at", "events": "occurred_at", "orders": "placed_at", "coupons": "claimed_at",
             "verdicts": "decided_at"}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        if until is not None and name in times:
            frame = frame[frame[times[name]] < until]
        frame.to_parquet(folder / f"{name}.parquet")
    return frames


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_tables(folder)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home", stores={"ledger_url": f"sqlite:///{tmp_path / 'ledger.db'}"})
    write_tables(settings.tables)
    return settings


AFTER = rule(review=0.97, automatic=0.99, device_accounts=2, large_order_cents=20_000)


def test_a_queued_change_is_judged_and_its_lists_are_kept(home: Settings) -> None:
    store = Store(home.ledger_url)
    lab = Lab(store)
    change_id = lab.drafted(AFTER)
    lab.write(queue(change_id, LENA, SETTLED))
    assert judge_queued(home) == 1
    found = store.read(lambda connection: find_change(connection, change_id))
    assert found is not None and found.summary is not None
    assert (found.state, found.proven) == ("tested", True)
    assert store.read(lambda connection: progress_of(connection, change_id)) is None
    summary = found.summary
    assert summary["verdicts"] > 20
    assert summary["new"]["recall_of_judged"] <= summary["old"]["recall_of_judged"]
    assert summary["old"]["recall_of_judged_low"] <= summary["old"]["recall_of_judged"]
    assert summary["limits"]["new"]["device_accounts"]["rows"] > summary["limits"]["old"]["device_accounts"]["rows"]
    listed = pd.read_parquet(home.home / "lab" / change_id / "affected.parquet")
    assert summary["newly"] + summary["released"] + summary["otherwise"] == len(listed) > 0
    assert (listed.query("way == 'released'")["after"] == "allow").all()
    assert json.loads((home.home / "lab" / change_id / "summary.json").read_text()) == summary
    assert judge_queued(home) == 0
    lab.write(promote(change_id, OMAR, "agreed", SETTLED))
    assert standing_rule(home) == AFTER
    assert decider_for(standing_rule(home), home).thresholds.review == 0.97
    assert verify_ledger(home.ledger_url).exact
    store.close()


def test_what_cannot_be_read_fails_with_the_reason(home: Settings) -> None:
    store = Store(home.ledger_url)
    lab = Lab(store)
    (home.tables / "coupons.parquet").write_bytes(b"no table")
    change_id = lab.drafted(AFTER)
    lab.write(queue(change_id, LENA, SETTLED))
    assert judge_queued(home) == 1
    found = store.read(lambda connection: find_change(connection, change_id))
    assert found is not None
    assert found.state == "failed"
    assert "coupons.parquet" in str(found.failure)
    store.close()


def test_a_change_that_is_withdrawn_meanwhile_is_not_brought_back(home: Settings, monkeypatch: Any) -> None:
    store = Store(home.ledger_url)
    lab = Lab(store)
    change_id = lab.drafted(AFTER)
    lab.write(queue(change_id, LENA, SETTLED))
    from pipelines import judge_rules

    whole = judge_rules.detect

    def late(*given: Any, **more: Any) -> Any:
        lab.write(withdraw(change_id, LENA, "no"))
        return whole(*given, **more)

    monkeypatch.setattr(judge_rules, "detect", late)
    assert judge_queued(home) == 1
    found = store.read(lambda connection: find_change(connection, change_id))
    assert found is not None
    assert (found.state, found.summary) == ("withdrawn", None)
    store.close()


def test_what_comes_later_changes_no_earlier_figure(tmp_path: Path, tables: Path) -> None:
    settings = Settings(home=tmp_path)
    until = pd.read_parquet(tables / "coupons.parquet")["claimed_at"].quantile(0.6)
    write_tables(tmp_path / "then", until)
    moment = until.to_pydatetime()
    then = judge_change(settings, tmp_path / "then", SETTLED, AFTER, as_of=moment)
    now = judge_change(settings, tables, SETTLED, AFTER, as_of=moment)
    for result in (then, now):
        result.summary.pop("seconds")
    assert then.summary == now.summary
    pd.testing.assert_frame_equal(then.affected, now.affected)


def random_past(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    minute, day = 60_000_000, 86_400_000_000
    n = 400
    claims = pd.DataFrame(
        {
            "user_id": [f"u{x}" for x in rng.integers(0, 40, n)],
            "us": rng.choice([minute, 5 * minute, day], n) * rng.integers(0, 30, n),
            "device": rng.choice(["d1", "d2", "d3", None], n),
            "ip": rng.choice(["a", "b", None], n),
        }
    )
    orders = pd.DataFrame(
        {
            "user_id": [f"u{x}" for x in rng.integers(0, 5, n)],
            "us": minute * rng.integers(0, 500, n),
            "goods": rng.integers(0, 1000, n).astype(float),
        }
    )
    capped = pd.DataFrame({"user_id": [f"u{x}" for x in range(5)], "since": rng.integers(0, 5, 5) * day})
    return claims, orders, capped


@pytest.mark.parametrize("seed", range(12))
def test_limits_are_replayed_as_the_gate_would(seed: int) -> None:
    claims, orders, capped = random_past(seed)
    rng = np.random.default_rng(seed + 100)
    limits = Limits(int(rng.integers(1, 1000)), int(rng.integers(1, 4)), int(rng.integers(1, 60)),
                    int(rng.integers(2, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 3)))  # fmt: skip
    start, end = 86_400_000_000, 25 * 86_400_000_000
    got = replay(limits, claims, orders, capped, start, end)
    want = naive(limits, claims, orders, capped, start, end)
    assert sorted(got.itertuples(index=False, name=None)) == sorted(want)
    assert len(want) > 0


def test_told_counts_verdicts_of_users_once() -> None:
    met = pd.DataFrame({"limit": ["capped"] * 3, "user_id": ["a", "a", "b"], "us": [1, 2, 3]})
    found = told(met, pd.Series({"a": 1.0, "b": np.nan, "c": 0.0}))
    assert found["capped"] == {"rows": 3.0, "users": 2.0, "judged": 1.0, "precision": 1.0}
    assert found["ip_burst"]["precision"] is None


def test_members_of_one_ring_tell_less_than_strangers() -> None:
    hits = np.array([True] * 50 + [False] * 50)
    alone = share_of_clusters(hits, np.arange(100))
    rings = share_of_clusters(hits, np.repeat(np.arange(10), 10))
    assert rings[1] - rings[0] > 2 * (alone[1] - alone[0])
    assert alone == pytest.approx(wilson(0.5, 99))
    assert all(np.isnan(share_of_clusters(np.array([], bool), np.array([], np.int64))))


def ring_of(tables: Path, settings: Settings, hubs: tuple[Any, ...]) -> pd.DataFrame:
    out = settings.home / "flags.parquet"
    flag_abuse(tables, out, key=settings.risk.key, decider=decider_for(SETTLED, settings), hubs=hubs)
    return pd.read_parquet(out).set_index("user_id")


def test_a_hub_entry_removes_the_ring_that_it_explains(tmp_path: Path, tables: Path) -> None:
    settings = Settings(home=tmp_path)
    before = ring_of(tables, settings, ())
    ring = before[before["ring_id"].notna()]["ring_id"].value_counts().index[0]
    members = set(before.index[before["ring_id"] == ring])
    coupons = pd.read_parquet(tables / "coupons.parquet")
    mine = coupons[coupons["user_id"].isin(members)]
    until = (pd.Timestamp.now() + timedelta(days=30)).date().isoformat()
    hasher = Hasher(settings.risk.key)
    entries = [
        {"kind": kind, "value": str(hasher(kind, value)), "name": "kiosk", "until": until}
        for kind, column in (("device", "device_id"), ("ip", "ip"), ("address", "address"))
        if column in mine
        for value in mine[column].dropna().unique()
        if hasher(kind, value) is not None
    ]
    hubs = rule(hubs=entries).hubs
    after = ring_of(tables, settings, hubs)
    assert after.loc[sorted(members), "ring_id"].isna().all()
    others = before["ring_id"].notna() & ~before.index.isin(members)
    assert (after.loc[before.index[others], "ring_id"].notna()).mean() > 0.9
    ended = rule(hubs=[{**entry, "until": "2020-01-01"} for entry in entries]).hubs
    pd.testing.assert_frame_equal(ring_of(tables, settings, ended), before)


def test_hubs_leave_no_value_in_any_table_of_activity(tmp_path: Path, tables: Path) -> None:
    from features.engine import connect

    con = connect()
    opened = open_folder(con, tables)
    value = pd.read_parquet(tables / "coupons.parquet")["ip"].dropna().iloc[0]
    entry = {"kind": "ip", "value": f"{value}/32", "name": "x", "until": "2030-01-01"}
    found = without_hubs(con, opened, rule(hubs=[entry]).hubs, "a key of sixteen letters", date(2026, 5, 1))
    for name in ("coupons", "orders", "events"):
        column = con.to_pandas(found[name].select("ip"))["ip"]
        raw = pd.read_parquet(tables / f"{name}.parquet")["ip"]
        assert value not in set(column.dropna())
        assert column.notna().sum() == raw.notna().sum() - (raw == value).sum()
        assert len(column) == len(raw)
    con.disconnect()


def test_flags_follow_the_promoted_rule_and_weigh_the_shadow(home: Settings) -> None:
    store = Store(home.ledger_url)
    lab = Lab(store)
    lab.promoted(rule(review=0.3))
    shadow_id = lab.tested(rule(review=0.97, automatic=0.99))
    from serving.review.rule_work import shadow

    assert lab.write(shadow(shadow_id, LENA, SETTLED)).status == 200
    assert rules_in_shadow(home)[shadow_id].review == 0.97
    flag_task.fn(home, None, None, None)
    flags = pd.read_parquet(home.home / "flags.parquet")
    assert flags.loc[flags["action"] != "allow", "score"].min() >= 0.3
    runs = store.read(lambda connection: runs_of(connection, shadow_id))
    assert len(runs) == 1
    listed = pd.read_parquet(home.home / "lab" / shadow_id / f"shadow-{runs[0].run}.parquet")
    assert runs[0].affected + runs[0].released == len(listed) > 0
    before = flags
    flag_task.fn(home, None, None, None)
    assert len(store.read(lambda connection: runs_of(connection, shadow_id))) == 1
    pd.testing.assert_frame_equal(pd.read_parquet(home.home / "flags.parquet"), before)
    lab.write(withdraw(shadow_id, LENA, "enough"))
    assert rules_in_shadow(home) == {}
    assert verify_ledger(home.ledger_url).exact
    store.close()


def test_a_promoted_threshold_moves_the_flags(home: Settings) -> None:
    flag_task.fn(home, None, None, None)
    mild = pd.read_parquet(home.home / "flags.parquet")
    store = Store(home.ledger_url)
    Lab(store).promoted(AFTER)
    store.close()
    flag_task.fn(home, None, None, None)
    strict = pd.read_parquet(home.home / "flags.parquet")
    assert (strict["action"] != "allow").sum() < (mild["action"] != "allow").sum()


def test_the_backtest_leaves_a_fine_sweep_that_moves_together(tables: Path, tmp_path: Path) -> None:
    backtest_abuse(tables, tmp_path / "out", Settings(home=tmp_path / "home"))
    found = json.loads((tmp_path / "out" / SWEEP).read_text())
    series = found["series"]
    assert len(series["review"]) >= 60
    assert series["review"] == sorted(series["review"])
    assert found["review"] in series["review"]
    assert series["caught_cents"][0] >= series["caught_cents"][-1]
    assert series["honest_met"][0] >= series["honest_met"][-1]
    parts = [series[name] for name in ("lost_cents", "friction_cents", "effort_cents")]
    assert np.allclose(np.sum(np.array(parts, float), axis=0), series["cost_cents"], atol=1e-3)
    assert found["cheapest"] == series["review"][int(np.argmin(series["cost_cents"]))]


def test_children_run_one_at_a_time_and_once_more_when_asked_meanwhile(tmp_path: Path) -> None:
    code = "import pathlib, sys, time; pathlib.Path(sys.argv[1], str(time.time_ns())).touch(); time.sleep(0.4)"
    ran = tmp_path / "ran"
    ran.mkdir()
    flows = ChildFlows(Settings(home=tmp_path), (sys.executable, "-c", code, str(ran)))
    assert flows.start("judge_rules")
    assert not flows.start("judge_rules")
    assert not flows.start("judge_rules")
    deadline = time.monotonic() + 20
    while (flows.running("judge_rules") or len(list(ran.iterdir())) < 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(list(ran.iterdir())) == 2
    assert (tmp_path / "logs" / "judge_rules.log").exists()
    with pytest.raises(KeyError):
        flows.start("rm")
    flows.close()
    assert not flows.start("judge_rules")


def test_one_run_of_the_detector_serves_both_rules_unless_hubs_change(
    tables: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    from pipelines import judge_rules

    runs: list[int] = []
    monkeypatch.setattr(judge_rules, "detect", lambda *a, **k: runs.append(1) or detect(*a, **k))
    judge_change(Settings(home=tmp_path), tables, SETTLED, AFTER)
    assert len(runs) == 1
    hub = {"kind": "ip", "value": "36.0.0.0/12", "name": "x", "until": "2030-01-01"}
    judge_change(Settings(home=tmp_path), tables, SETTLED, rule(hubs=[hub]))
    assert len(runs) == 3

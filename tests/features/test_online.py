"""What is read online is what was computed offline, bit for bit, for every group; the unknown has a defined answer."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.address import normalise
from features.engine import connect, load_tables
from features.errors import InputError
from features.groups import GROUPS, compute, everyone
from features.online import OnlineFeatures, SchemaError
from features.repo import FeatureRepo, objects
from features.shop import prepare
from features.snapshots import midnight, schema_number, wide_file
from oracles.small_shop import ADDRESSES, DEVICES, IPS, small_shop
from pipelines.build_features import BuildReport, build, build_features

DAY = date(2026, 5, 1)
pytestmark = pytest.mark.slow  # importing Feast takes ten seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("shop")
    (home / "tables").mkdir()
    for name, frame in small_shop(31).items():
        frame.to_parquet(home / "tables" / f"{name}.parquet")
    return home


@pytest.fixture(scope="module")
def told() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def repo(folder: Path) -> FeatureRepo:
    return FeatureRepo(folder / "feast", folder / "features", "a key of sixteen+")


@pytest.fixture(scope="module")
def report(folder: Path, repo: FeatureRepo, told: list[tuple[str, float]]) -> BuildReport:
    days = [DAY - timedelta(days=1), DAY]
    return build(folder / "tables", repo, days=days, progress=lambda what, share: told.append((what, share)))


@pytest.fixture(scope="module")
def online(repo: FeatureRepo, report: BuildReport) -> OnlineFeatures:
    return OnlineFeatures(repo)


def offline(folder: Path, group: str) -> pd.DataFrame:
    """The group's features at the served midnight, computed afresh."""
    con = connect(threads=1)
    tables = prepare(con, load_tables(con, folder / "tables"))
    rows = compute(GROUPS[group], tables, everyone(GROUPS[group], tables, midnight(DAY))).execute()
    con.disconnect()
    return rows.set_index(GROUPS[group].key)


@pytest.mark.parametrize("group", list(GROUPS))
def test_online_reads_equal_offline_rows(folder: Path, online: OnlineFeatures, group: str) -> None:
    expected = offline(folder, group)
    raw = {normalise(a).unit_key: a for a in ADDRESSES if normalise(a)} if group == "address" else {}
    keys = [raw.get(key, key) for key in expected.index]
    assert len(keys) >= 2
    for row, (_, truth) in zip(online.read_many(group, keys), expected.iterrows(), strict=True):
        assert row.known
        assert row.as_of == midnight(DAY)
        assert row.names == GROUPS[group].names
        want = truth[list(row.names)].to_numpy(dtype=np.float64)
        assert np.array_equal(row.values, want, equal_nan=True)


def test_the_written_snapshot_holds_the_same_rows(folder: Path, report: BuildReport, repo: FeatureRepo) -> None:
    expected = offline(folder, "user").sort_index()
    frame = pq.read_table(wide_file(repo.snapshots, GROUPS["user"], DAY)).to_pandas().set_index("user_id")
    names = list(GROUPS["user"].names)
    pd.testing.assert_frame_equal(frame[names], expected[names], check_exact=True)
    assert report.rows["user"] == len(frame)


@pytest.mark.parametrize("group", list(GROUPS))
def test_an_unknown_entity_has_a_defined_answer(online: OnlineFeatures, group: str) -> None:
    row = online.read(group, "nobody has seen this one")
    assert not row.known
    assert row.as_of is None
    assert row.age(datetime(2026, 5, 2)) is None
    assert row.values.shape == (len(GROUPS[group].names),)
    assert np.isnan(row.values).all()


def test_the_age_of_a_snapshot_is_reported(online: OnlineFeatures) -> None:
    assert online.read("template", "t1").age(datetime(2026, 5, 3, 6)) == timedelta(days=2, hours=6)


def test_no_raw_identifier_reaches_the_stores(repo: FeatureRepo, online: OnlineFeatures) -> None:
    stored = b"".join(path.read_bytes() for path in [*repo.root.rglob("*.db"), *repo.snapshots.rglob("*.parquet")])
    raw = [key for key in (*DEVICES, *IPS) if key and len(key) > 4 and key != "unknown"]
    assert raw
    assert not [key for key in raw if key.encode() in stored]
    assert "世纪大道".encode() not in stored


def test_an_unknown_group_is_named_in_the_error(online: OnlineFeatures) -> None:
    with pytest.raises(InputError, match="feature group: got 'mood', expected one of: user, identity"):
        online.read("mood", "u1")


def test_no_keys_give_no_rows(online: OnlineFeatures) -> None:
    assert online.read_many("user", []) == []


def test_vectors_of_another_column_order_are_refused(online: OnlineFeatures, monkeypatch: pytest.MonkeyPatch) -> None:
    online.check()
    changed = GROUPS["template"].features[::-1]
    group = type(GROUPS["template"])("template", "template_id", changed)
    monkeypatch.setitem(GROUPS, "template", group)
    assert schema_number(group) == int(float(schema_number(group)))
    with pytest.raises(SchemaError, match="column order"):
        online.check()
    with pytest.raises(SchemaError, match="column order"):
        online.read("template", "t1")


def test_features_that_were_never_applied_are_refused(tmp_path: Path) -> None:
    repo = FeatureRepo(tmp_path / "feast", tmp_path / "features", "a key of sixteen+")
    with pytest.raises(SchemaError, match="build_features"):
        OnlineFeatures(repo).check()


def test_a_day_without_a_snapshot_cannot_be_served(repo: FeatureRepo, report: BuildReport) -> None:
    with pytest.raises(InputError, match="2020-01-01"):
        repo.materialise(date(2020, 1, 1))


def test_progress_grows_to_one(report: BuildReport, told: list[tuple[str, float]]) -> None:
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert report.days == (DAY - timedelta(days=1), DAY)


def test_a_second_build_keeps_the_codes_of_the_first(folder: Path, repo: FeatureRepo, report: BuildReport) -> None:
    before = (repo.snapshots / "vocabulary.json").read_text("utf-8")
    build(folder / "tables", repo, days=[DAY], materialise=False)
    assert (repo.snapshots / "vocabulary.json").read_text("utf-8") == before


def test_there_is_no_on_demand_view(tmp_path: Path) -> None:
    assert not [made for made in objects(tmp_path) if "OnDemand" in type(made).__name__]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", {"type": "sqlite"}),
        ("redis://cache:6379", {"type": "redis", "connection_string": "cache:6379"}),
        ("rediss://:pw@cache:6380/2", {"type": "redis", "connection_string": "cache:6380,db=2,password=pw,ssl=true"}),
    ],
)
def test_the_online_store_is_configuration(tmp_path: Path, url: str, expected: dict[str, Any]) -> None:
    store = FeatureRepo(tmp_path, tmp_path, "a key of sixteen+", url).store
    found = store.config.online_store.model_dump()
    assert {key: found[key] for key in expected} == expected


def test_a_wrong_online_store_does_not_show_its_password(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="feast_online") as caught:
        _ = FeatureRepo(tmp_path, tmp_path, "a key of sixteen+", "memcached://:secret@x").store
    assert "secret" not in str(caught.value)


def test_the_flow_has_retries() -> None:
    from pipelines.build_features import build_task

    assert build_features.name == "build_features"
    assert build_task.retries == 2

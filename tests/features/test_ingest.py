from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.ingest import ingest_folder
from features.tables import TABLES, read_tables
from features.validation import REJECTED_COLUMNS
from pipelines.shop import simulate


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shop") / "tables"
    simulate(users=300, days=28, seed=3, out=out)
    return out


@pytest.fixture
def source(shop: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shop, tmp_path / "source"))


class Folder:
    """Where a test's tables come from and go to."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.target, self.rejected = source.parent / "tables", source.parent / "rejected"

    def ingest(self, **options: object) -> dict[str, tuple[int, int, int]]:
        report = ingest_folder(self.source, self.target, self.rejected, **options)  # type: ignore[arg-type]
        return {name: (c.read, c.accepted, c.rejected) for name, c in report.counts.items()}

    def change(self, name: str, change: object) -> pd.DataFrame:
        frame = pq.read_table(self.source / f"{name}.parquet").to_pandas()
        frame = change(frame)  # type: ignore[operator]
        schema = pa.schema([f for f in TABLES[name].arrow_schema if f.name in frame])
        pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), self._path(name))
        return frame

    def reasons(self, name: str) -> list[tuple[int, str, str]]:
        frame = pq.read_table(self.rejected / f"{name}.parquet").to_pandas()
        return list(frame[["row", "column", "reason"]].itertuples(index=False, name=None))

    def _path(self, name: str) -> Path:
        return self.source / f"{name}.parquet"


@pytest.fixture
def folder(source: Path) -> Folder:
    return Folder(source)


def test_every_row_is_read_once_and_lands_in_accepted_or_rejected(folder: Folder) -> None:
    counts = folder.ingest()
    assert set(counts) == set(TABLES)
    for name, (read, accepted, rejected) in counts.items():
        assert read == pq.read_metadata(folder.source / f"{name}.parquet").num_rows
        assert (accepted, rejected) == (read, 0)
        assert pq.read_metadata(folder.target / f"{name}.parquet").num_rows == accepted
        assert pq.read_schema(folder.rejected / f"{name}.parquet").names == list(REJECTED_COLUMNS)


def test_ingested_tables_hold_the_same_rows_in_the_order_of_time(folder: Folder) -> None:
    folder.ingest()
    before, after = read_tables(folder.source), read_tables(folder.target)
    for name, table in TABLES.items():
        frames = [
            tables[name].to_pandas().sort_values(list(table.key), ignore_index=True) for tables in (before, after)
        ]
        pd.testing.assert_frame_equal(*frames)
        if table.time:
            assert after[name].to_pandas()[table.time].is_monotonic_increasing


def test_rejected_rows_say_table_row_column_reason_and_value(folder: Folder) -> None:
    def spoil(orders: pd.DataFrame) -> pd.DataFrame:
        orders.loc[0, "goods_cents"] = -5
        orders.loc[1, "paid_at"] = orders.loc[1, "placed_at"] - pd.Timedelta(hours=1)
        return pd.concat([orders, orders.iloc[[2]]])

    spoiled = folder.change("orders", spoil)
    counts = folder.ingest()
    assert folder.reasons("orders") == [
        (1, "goods_cents", "below 0"),
        (2, "paid_at", "before placed_at"),
        (len(spoiled), "order_id", "duplicate key"),
    ]
    assert counts["orders"] == (len(spoiled), len(spoiled) - 3, 3)
    lines = pq.read_table(folder.source / "order_lines.parquet").to_pandas()
    orphans = lines.order_id.isin(spoiled.order_id.iloc[:2]).sum()
    assert counts["order_lines"][2] == orphans > 0
    assert {reason for _, _, reason in folder.reasons("order_lines")} == {"not in orders"}


def test_rows_out_of_order_are_sorted_not_rejected(folder: Folder) -> None:
    folder.change("events", lambda events: events.sample(frac=1, random_state=1))
    assert folder.ingest()["events"][2] == 0
    assert read_tables(folder.target)["events"].to_pandas().occurred_at.is_monotonic_increasing


def test_csv_and_parquet_give_the_same_tables(folder: Folder) -> None:
    folder.ingest()
    expected = read_tables(folder.target)
    for name in TABLES:
        frame = pq.read_table(folder.source / f"{name}.parquet").to_pandas()
        if name == "decisions":
            frame["eligible"] = frame.eligible.map("|".join)
        (folder.source / f"{name}.parquet").unlink()
        frame.to_csv(folder.source / f"{name}.csv", index=False)
    assert all(rejected == 0 for _, _, rejected in folder.ingest().values())
    for name, table in read_tables(folder.target).items():
        assert table.equals(expected[name]), name


def test_a_folder_of_parquet_parts_is_one_table(folder: Folder) -> None:
    whole = folder.ingest()
    events = pq.read_table(folder.source / "events.parquet")
    (folder.source / "events.parquet").unlink()
    parts = folder.source / "events.parquet"
    parts.mkdir()
    half = len(events) // 2
    pq.write_table(events.slice(0, half), parts / "part-0.parquet")
    pq.write_table(events.slice(half), parts / "part-1.parquet")
    assert folder.ingest() == whole


def test_a_missing_table_is_one_error_that_names_it_unless_it_was_not_required(folder: Folder) -> None:
    (folder.source / "verdicts.parquet").unlink()
    (folder.source / "coupons.parquet").unlink()
    with pytest.raises(InputError, match="also: coupons, verdicts"):
        folder.ingest()
    assert "coupons" not in folder.ingest(required=["users", "events"])


def test_a_missing_required_column_is_an_error_and_a_missing_optional_one_becomes_null(folder: Folder) -> None:
    folder.change("users", lambda users: users.drop(columns="member_tier"))
    assert folder.ingest()["users"][2] == 0
    assert read_tables(folder.target)["users"]["member_tier"].null_count == 300
    folder.change("users", lambda users: users.drop(columns="registered_at"))
    with pytest.raises(InputError, match=r"users\.registered_at: got 'no such column'"):
        folder.ingest()


def test_an_empty_table_is_an_error_when_required(folder: Folder) -> None:
    folder.change("verdicts", lambda verdicts: verdicts.iloc[:0])
    with pytest.raises(InputError, match="verdicts: got 'an empty table'"):
        folder.ingest()
    assert folder.ingest(required=["users"])["verdicts"] == (0, 0, 0)


def test_a_csv_that_is_not_utf8_is_an_error_that_names_file_and_line(folder: Folder) -> None:
    (folder.source / "templates.parquet").unlink()
    text = "template_id,kind,scope\nt1,percent,all\nt2,percent,城\n"
    (folder.source / "templates.csv").write_bytes(text.encode("gb18030"))
    with pytest.raises(InputError, match=r"templates.csv: .*UTF-8 text \(line 3\)"):
        folder.ingest()


@pytest.mark.parametrize("content", [b"", b"not parquet at all"])
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(folder: Folder, content: bytes) -> None:
    (folder.source / "orders.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"orders: got 'orders.parquet', expected a file that can be read"):
        folder.ingest()


def test_a_ragged_csv_is_an_error_that_names_it(folder: Folder) -> None:
    (folder.source / "templates.parquet").unlink()
    (folder.source / "templates.csv").write_text("template_id,kind,scope\nt1,percent,all,more,and more\n")
    with pytest.raises(InputError, match="templates"):
        folder.ingest()


def test_a_source_that_is_not_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"source: got .*expected a folder of tables"):
        ingest_folder(tmp_path / "nowhere", tmp_path / "tables", tmp_path / "rejected")


def test_an_error_leaves_the_last_good_tables_in_place(folder: Folder) -> None:
    folder.ingest()
    before = {path.name: path.read_bytes() for path in folder.target.iterdir()}
    folder.change("events", lambda events: events.drop(columns="kind"))
    with pytest.raises(InputError):
        folder.ingest()
    assert {path.name: path.read_bytes() for path in folder.target.iterdir()} == before
    assert sorted(path.name for path in folder.source.parent.iterdir()) == ["rejected", "source", "tables"]


def test_progress_names_each_table_and_ends_at_one(folder: Folder) -> None:
    told: list[tuple[str, float]] = []
    folder.ingest(progress=lambda step, fraction: told.append((step, fraction)))
    assert [step for step, _ in told] == [*TABLES, "done"]
    assert told[-1][1] == 1.0
    assert [fraction for _, fraction in told] == sorted(fraction for _, fraction in told)


@pytest.mark.parametrize("unit", ["us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
def test_times_with_a_zone_become_utc_whatever_their_unit(folder: Folder, unit: str, zone: str) -> None:
    frame = pq.read_table(folder.source / "events.parquet").to_pandas()
    path = folder.source / "events.parquet"
    zoned = frame.assign(occurred_at=frame["occurred_at"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.as_unit(unit))
    pq.write_table(pa.Table.from_pandas(zoned, preserve_index=False), path)
    read, accepted, rejected = folder.ingest()["events"]
    assert (accepted, rejected) == (read, 0)
    taken = pq.read_table(folder.target / "events.parquet").to_pandas().set_index("event_id")["occurred_at"]
    assert (taken.reindex(frame["event_id"]).to_numpy() == frame["occurred_at"].to_numpy()).all()

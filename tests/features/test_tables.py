from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.contract import Table
from features.errors import InputError
from features.tables import TABLES, read_tables, validate
from oracles.contract import failures

DAY = datetime(2026, 4, 1, 12)


def good_rows(name: str) -> list[dict[str, Any]]:
    """Two rows of each table that keep the contract."""
    rows: dict[str, dict[str, Any]] = {
        "users": {"user_id": "u1", "registered_at": DAY, "member_tier": "gold"},
        "templates": {"template_id": "t1", "kind": "percent", "percent_off": 10.0, "scope": "all", "valid_days": 7},
        "decisions": {
            "decision_id": "d1",
            "user_id": "u1",
            "decided_at": DAY,
            "trigger": "session",
            "eligible": ["none", "t1"],
            "offer": "none",
            "propensity": 0.5,
            "holdout": False,
            "policy_version": "1",
            "value_cents": -5,
        },
        "orders": {
            "order_id": "o1",
            "user_id": "u1",
            "placed_at": DAY,
            "paid_at": DAY + timedelta(minutes=1),
            "state": "paid",
            "goods_cents": 900,
            "freight_cents": 100,
            "discount_cents": 50,
            "paid_cents": 950,
            "margin_cents": -20,
        },
        "order_lines": {
            "order_id": "o1",
            "line_no": 0,
            "sku": "s1",
            "category": "c1",
            "quantity": 1,
            "unit_price_cents": 900,
            "unit_cost_cents": 870,
            "discount_cents": 50,
        },
        "coupons": {
            "coupon_id": "c1",
            "template_id": "t1",
            "user_id": "u1",
            "claimed_at": DAY,
            "valid_from": DAY,
            "valid_until": DAY + timedelta(days=7),
            "state": "unused",
        },
        "events": {
            "event_id": "e1",
            "user_id": "u1",
            "occurred_at": DAY,
            "kind": "view",
            "terminal": "web",
            "dwell_seconds": 3.5,
        },
        "verdicts": {"user_id": "u1", "decided_at": DAY, "verdict": "legitimate", "source": "audit"},
    }
    first = rows[name]
    other = {key: ("other" if key == TABLES[name].key[0] else value) for key, value in first.items()}
    full = {column.name: None for column in TABLES[name].columns}
    return [full | first, full | other]


def split(table: Table, rows: list[dict[str, Any]]) -> list[tuple[int, str, str]]:
    rejected = validate(_typed(table, rows), table).rejected
    return list(rejected[["row", "column", "reason"]].itertuples(index=False, name=None))


def _typed(table: Table, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """As arrow-typed columns where the values allow it, else as the texts they are."""
    columns = {}
    for field in table.arrow_schema:
        values = [row[field.name] for row in rows]
        try:
            columns[field.name] = pa.array(values, field.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[field.name] = pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)


@pytest.mark.parametrize("name", TABLES)
def test_rows_that_keep_the_contract_are_accepted_with_its_columns_and_types(name: str) -> None:
    table = TABLES[name]
    done = validate(_typed(table, good_rows(name)), table)
    assert len(done.accepted) == 2
    assert done.rejected.empty
    assert tuple(done.accepted.columns) == table.names


@pytest.mark.parametrize("name", TABLES)
def test_every_required_column_rejects_null_and_every_optional_one_takes_it(name: str) -> None:
    table = TABLES[name]
    for column in table.columns:
        rows = good_rows(name)
        rows[0][column.name] = None
        found = [(row, field) for row, field, _ in split(table, rows)]
        assert ((1, column.name) in found) == (not column.optional), column.name


@pytest.mark.parametrize("name", TABLES)
def test_a_missing_required_column_is_one_clear_error_and_a_missing_optional_one_becomes_null(name: str) -> None:
    table = TABLES[name]
    frame = _typed(table, good_rows(name))
    for column in table.columns:
        without = frame.drop(columns=column.name)
        if column.optional:
            assert validate(without, table).accepted[column.name].isna().all()
        else:
            with pytest.raises(InputError, match=rf"{name}\.{column.name}: got 'no such column'"):
                validate(without, table)


@pytest.mark.parametrize(
    ("name", "column", "value", "reason"),
    [
        ("orders", "goods_cents", -1, "below 0"),
        ("orders", "paid_cents", -1, "below 0"),
        ("orders", "state", "lost", "not one of: pending, paid, shipped, completed, cancelled, refunded"),
        ("orders", "paid_at", DAY - timedelta(seconds=1), "before placed_at"),
        ("orders", "goods_cents", "1.5", "not a whole number"),
        ("orders", "goods_cents", "many", "not a whole number"),
        ("orders", "placed_at", "yesterday", "not a time"),
        ("orders", "order_id", "", "empty"),
        ("order_lines", "quantity", 0, "below 1"),
        ("order_lines", "unit_cost_cents", -5, "below 0"),
        ("coupons", "valid_until", DAY - timedelta(days=1), "before valid_from"),
        ("coupons", "redeemed_at", DAY - timedelta(days=1), "before claimed_at"),
        ("coupons", "state", "gone", "not one of: unused, used, expired, revoked"),
        ("coupons", "discount_cents", -1, "below 0"),
        ("decisions", "propensity", 0.0, "not above 0"),
        ("decisions", "propensity", 1.5, "above 1"),
        ("decisions", "propensity", float("inf"), "not a finite number"),
        ("decisions", "propensity", float("nan"), "missing"),
        ("decisions", "offer", "t9", "not in eligible"),
        ("decisions", "eligible", [], "empty"),
        ("decisions", "holdout", "perhaps", "not true or false"),
        ("templates", "percent_off", 120.0, "above 100"),
        ("templates", "kind", "present", "not one of: threshold_cut, percent, no_threshold, tiered_cut, "),
        ("events", "kind", "dance", "not one of: view, add_to_cart"),
        ("events", "dwell_seconds", -2.0, "below 0"),
        ("verdicts", "verdict", "odd", "not one of: abusive, legitimate"),
    ],
)
def test_a_broken_value_is_rejected_with_its_row_column_and_reason(
    name: str, column: str, value: object, reason: str
) -> None:
    rows = good_rows(name)
    rows[1][column] = value
    found = split(TABLES[name], rows)
    assert any(row == 2 and field == column and why.startswith(reason) for row, field, why in found), found
    assert {row for row, _, _ in found} == {2}


def test_margin_and_expected_values_may_be_negative() -> None:
    assert split(TABLES["orders"], good_rows("orders")) == []
    assert split(TABLES["decisions"], good_rows("decisions")) == []


@pytest.mark.parametrize("name", TABLES)
def test_a_later_row_with_the_same_key_is_rejected(name: str) -> None:
    rows = [*good_rows(name), good_rows(name)[0]]
    assert split(TABLES[name], rows) == [(3, TABLES[name].key[0], "duplicate key")]


def test_a_broken_row_does_not_reject_a_good_one_with_its_key() -> None:
    rows = good_rows("orders")[:1] * 2
    rows = [rows[0] | {"goods_cents": -1}, rows[1]]
    assert [row for row, *_ in split(TABLES["orders"], rows)] == [1]


def test_times_with_a_zone_become_utc() -> None:
    frame = pd.DataFrame({"user_id": ["u"], "registered_at": pd.to_datetime(["2026-04-01T08:00:00+08:00"])})
    assert validate(frame, TABLES["users"]).accepted.registered_at[0] == pd.Timestamp("2026-04-01T00:00:00")
    text = pd.DataFrame({"user_id": ["u"], "registered_at": ["2026-04-01T08:00:00+08:00"]})
    assert validate(text, TABLES["users"]).accepted.registered_at[0] == pd.Timestamp("2026-04-01T00:00:00")


def test_the_rejected_value_is_shown_as_it_was_given() -> None:
    rows = good_rows("orders")
    rows[0]["goods_cents"] = -77
    rejected = validate(_typed(TABLES["orders"], rows), TABLES["orders"]).rejected
    assert rejected[["table", "value"]].values.tolist() == [["orders", "-77"]]


_MONEY = st.one_of(st.none(), st.integers(-3, 5))
_MOMENT = st.one_of(st.none(), st.integers(0, 3).map(lambda days: DAY + timedelta(days=days)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "order_id": st.sampled_from(["a", "b", "c", "", None]),
                "user_id": st.just("u"),
                "placed_at": _MOMENT,
                "paid_at": _MOMENT,
                "state": st.sampled_from(["paid", "lost", None]),
                "goods_cents": _MONEY,
                "discount_cents": _MONEY,
                "margin_cents": _MONEY,
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_queries_agree_with_the_oracle_row_by_row(drawn: list[dict[str, Any]]) -> None:
    table = TABLES["orders"]
    full: dict[str, Any] = {column.name: None for column in table.columns}
    rows = [full | {"freight_cents": 0, "paid_cents": 0} | row for row in drawn]
    done = validate(_typed(table, rows), table)
    found = sorted(done.rejected[["row", "column"]].itertuples(index=False, name=None))
    assert found == sorted(failures(rows, table))
    assert len(done.accepted) == len(rows) - len({row for row, _ in found})


def test_reading_fills_absent_optional_columns_and_names_what_is_missing(tmp_path: Path) -> None:
    schema = pa.schema([("user_id", pa.string()), ("registered_at", pa.timestamp("us"))])
    pq.write_table(pa.table({"user_id": ["u"], "registered_at": [DAY]}, schema=schema), tmp_path / "users.parquet")
    users = read_tables(tmp_path)["users"]
    assert users.schema == TABLES["users"].arrow_schema
    assert users["member_tier"].null_count == 1
    with pytest.raises(InputError, match=r"table: got 'orders', expected a file orders.parquet"):
        read_tables(tmp_path, ["orders"])
    pq.write_table(pa.table({"user_id": ["u"]}), tmp_path / "users.parquet")
    with pytest.raises(InputError, match=r"users.registered_at: got 'no such column'"):
        read_tables(tmp_path)


def test_importing_the_contract_loads_no_library() -> None:
    code = "import sys, features.tables; print(sorted({'pyarrow', 'pandas', 'duckdb', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Every feature against an independent recomputation, for moments that fall on, just after and between rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from features.definition import Tables
from features.engine import connect, tables_in
from features.groups import GROUPS, compute
from features.shop import prepare, vocabulary_of
from oracles import features as oracle
from oracles.small_shop import moments_of, small_shop

SEEDS = (1, 2)


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    connection = connect(threads=1)
    yield connection
    connection.disconnect()


def ready(con: Any, seed: int) -> tuple[dict[str, pd.DataFrame], Tables]:
    frames = small_shop(seed)
    return frames, prepare(con, tables_in(con, frames))


def spine_of(key: str, keys: list[str], moments: list[pd.Timestamp]) -> Any:
    pairs = pd.DataFrame([(k, m) for k in keys for m in moments], columns=[key, "as_of"])
    return ibis.memtable(pairs, schema=ibis.schema({key: "string", "as_of": "timestamp"}))


def differences(found: pd.DataFrame, expected: Callable[[str, Any], dict[str, float]], group: str) -> list[str]:
    key, names = GROUPS[group].key, GROUPS[group].names
    wrong = []
    for row in found.to_dict("records"):
        truth = expected(row[key], row["as_of"].to_pydatetime())
        for feature in GROUPS[group].features:
            want = float(truth.get(feature.name, 0 if truth and feature.empty is not None else np.nan))
            if not np.isclose(row[feature.name], want, rtol=1e-6, atol=2e-6, equal_nan=True):
                wrong.append(f"{row[key]} at {row['as_of']}: {feature.name} is {row[feature.name]}, not {want}")
        assert not truth or set(truth) <= set(names)
    return wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_user_features_equal_plain_loops(con: Any, seed: int) -> None:
    frames, tables = ready(con, seed)
    shop, words = oracle.rows_of(frames), vocabulary_of(tables)
    spine = spine_of("user_id", [*frames["users"].user_id, "stranger"], moments_of(frames, seed))
    found = compute(GROUPS["user"], tables, spine).execute()
    assert differences(found, lambda who, at: oracle.user(shop, who, at, words), "user") == []


@pytest.mark.parametrize("seed", SEEDS)
def test_identity_features_equal_plain_loops(con: Any, seed: int) -> None:
    frames, tables = ready(con, seed)
    shop = oracle.rows_of(frames)
    spine = spine_of("user_id", [*frames["users"].user_id, "stranger"], moments_of(frames, seed))
    found = compute(GROUPS["identity"], tables, spine).execute()
    assert differences(found, lambda who, at: oracle.identity(shop, who, at), "identity") == []


@pytest.mark.parametrize("group", ["device", "ip", "address"])
@pytest.mark.parametrize("seed", SEEDS)
def test_features_of_shared_things_equal_plain_loops(con: Any, seed: int, group: str) -> None:
    frames, tables = ready(con, seed)
    shop = oracle.rows_of(frames)
    keys = sorted({key for kind, key in oracle.sightings(shop) if kind == group})
    spine = spine_of(GROUPS[group].key, [*keys, "never seen", "10.0.0.1", "unknown"], moments_of(frames, seed))
    found = compute(GROUPS[group], tables, spine).execute()
    assert differences(found, lambda key, at: oracle.shared(shop, group, key, at), group) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_template_features_equal_plain_loops(con: Any, seed: int) -> None:
    frames, tables = ready(con, seed)
    shop = oracle.rows_of(frames)
    spine = spine_of("template_id", ["t1", "t2", "t3", "t9"], moments_of(frames, seed))
    found = compute(GROUPS["template"], tables, spine).execute()
    assert differences(found, lambda key, at: oracle.template(shop, key, at), "template") == []


@pytest.mark.requirement(89)
def test_a_known_user_is_in_exactly_one_lifecycle_stage(con: Any) -> None:
    frames, tables = ready(con, 4)
    spine = spine_of("user_id", list(frames["users"].user_id), moments_of(frames, 4, 30))
    found = compute(GROUPS["user"], tables, spine).execute()
    known = found.account_age_days.notna()
    assert found.lifecycle[known].isin([0, 1, 2, 3, 4]).all()
    assert found.lifecycle[~known].isna().all()
    assert found.lifecycle.nunique() == 5


def test_extra_columns_and_repeated_rows_of_the_spine_stay(con: Any) -> None:
    _, tables = ready(con, 1)
    moment = pd.Timestamp("2026-05-01")
    spine = ibis.memtable(pd.DataFrame({"row": [1, 2, 3], "user_id": ["u1", "u1", "u2"], "as_of": [moment] * 3}))
    found = compute(GROUPS["identity"], tables, spine).execute().sort_values("row")
    assert found.row.tolist() == [1, 2, 3]
    assert found.device_count.iloc[0] == found.device_count.iloc[1]


def test_feature_names_are_unique_over_all_groups() -> None:
    names = [name for group in GROUPS.values() for name in group.names]
    assert len(names) == len(set(names))

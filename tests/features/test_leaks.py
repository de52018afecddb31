"""What was said about a moment never changes when later rows arrive: every group, training frames and labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ibis
import pandas as pd
import pytest

from features.engine import connect, tables_in
from features.groups import GROUPS, compute, everyone
from features.labels import decision_outcomes
from features.shop import prepare, vocabulary_of
from features.training import training_frame
from oracles.small_shop import before, small_shop

CUTS = [pd.Timestamp("2026-04-20"), pd.Timestamp("2026-05-15 13:37:11.000003")]


@pytest.fixture(params=CUTS, ids=str)
def then_and_now(request: pytest.FixtureRequest) -> Iterator[tuple[pd.Timestamp, Any, Any, Any, Any]]:
    """The shop as known at a cut, and the same shop with everything that came later."""
    frames, cut = small_shop(11), request.param
    old, new = connect(threads=1), connect(threads=1)
    yield cut, old, tables_in(old, before(frames, cut)), new, tables_in(new, frames)
    old.disconnect()
    new.disconnect()


def same(old: Any, new: Any, by: list[str]) -> None:
    left, right = (table.execute().sort_values(by, ignore_index=True) for table in (old, new))
    pd.testing.assert_frame_equal(left, right, check_exact=True)


@pytest.mark.parametrize("group", list(GROUPS))
def test_later_rows_change_no_earlier_feature(
    then_and_now: tuple[pd.Timestamp, Any, Any, Any, Any], group: str
) -> None:
    cut, old_con, old_raw, new_con, new_raw = then_and_now
    old, new = prepare(old_con, old_raw), prepare(new_con, new_raw)
    key = GROUPS[group].key
    moments = [moment.to_pydatetime(warn=False) for moment in (cut, cut - pd.Timedelta(days=9, microseconds=1))]
    then, now = (ibis.union(*(everyone(GROUPS[group], tables, at) for at in moments)) for tables in (old, new))
    same(compute(GROUPS[group], old, then), compute(GROUPS[group], new, now), [key, "as_of"])


def test_later_rows_change_no_category_code(then_and_now: tuple[pd.Timestamp, Any, Any, Any, Any]) -> None:
    _, old_con, old_raw, new_con, new_raw = then_and_now
    earlier, later = vocabulary_of(prepare(old_con, old_raw)), vocabulary_of(prepare(new_con, new_raw))
    for kind, values in earlier.items():
        assert later[kind][: len(values)] == values


def test_later_rows_change_no_label_of_a_closed_window(then_and_now: tuple[pd.Timestamp, Any, Any, Any, Any]) -> None:
    cut, _, old, _, new = then_and_now
    outcomes = [decision_outcomes(tables, cut.to_pydatetime()) for tables in (old, new)]
    assert outcomes[0].count().execute() > 0
    same(*outcomes, ["decision_id"])


def test_later_rows_change_no_training_row(then_and_now: tuple[pd.Timestamp, Any, Any, Any, Any]) -> None:
    cut, old_con, old, new_con, new = then_and_now
    asked = pd.DataFrame({"user_id": ["u1", "u2", "u3"], "as_of": [cut, cut, cut - pd.Timedelta(days=3)]})
    spine = ibis.memtable(asked)
    same(training_frame(old_con, old, spine), training_frame(new_con, new, spine), ["user_id"])

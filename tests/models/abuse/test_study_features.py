"""Past-only features of a study against plain loops over the rows before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.abuse.study.features import groups, label_free_score, link_features, seven_day_rule, without_labels
from models.abuse.study.log import KINDS, Study, StudySpec

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
DAY = 86_400_000_000
ROW = st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["x", "y", None]))


def study(rows: list[tuple[int, str, str | None]], bad: list[int] | None = None) -> Study:
    """Rows of (days since the one before, user, device)."""
    us = np.cumsum([days for days, _, _ in rows]) * DAY + np.arange(len(rows))
    log = pd.DataFrame({"user_id": [u for _, u, _ in rows], "us": us, "registered": us - DAY, "amount": 5.0})
    log = log.assign(**dict.fromkeys(KINDS)).assign(device=[d for _, _, d in rows])
    log["label"] = np.array(bad if bad else [0] * len(rows), float)
    log.insert(0, "row", np.arange(len(rows)))
    return Study(StudySpec(user="u", time="t", registered="r", label="y", label_delay_days=2), log)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=30), st.sampled_from([1.0, 7.0, None]))
def test_the_rule_equals_a_look_at_every_earlier_row(
    rows: list[tuple[int, str, str | None]], days: float | None
) -> None:
    log = study(rows).log
    seen = list(log[["us", "user_id", "device"]].itertuples(index=False, name=None))
    expected = [
        any(
            d == device and u != user and (days is None or us - at <= days * DAY) for at, u, d in seen[:i] if d
        )
        for i, (us, user, device) in enumerate(seen)
    ]  # fmt: skip
    assert (seven_day_rule(study(rows), days) > 0).tolist() == expected


def test_known_labels_count_accounts_once_and_only_after_the_delay() -> None:
    rows = [(0, "a", "x"), (0, "a", "x"), (1, "b", "x"), (1, "c", "x"), (1, "d", "x")]
    found = link_features(study(rows, bad=[1, 1, 0, 0, 0]), past_labels=True)
    assert found["device_bad_ever"].tolist() == [0, 0, 0, 1, 1]
    assert found["device_good_ever"].tolist() == [0, 0, 0, 0, 1]
    plain = link_features(study(rows, bad=[1, 1, 0, 0, 0]))
    pd.testing.assert_frame_equal(without_labels(found), plain)


def test_company_in_a_crowd_counts_less_than_company_at_home() -> None:
    home = {"device_n_24h": 2.0, "device_n_7d": 2.0, "device_n_30d": 2.0, "device_n_ever": 2.0, "device_new_7d": 2.0}
    kiosk = {**home, "device_n_ever": 500.0}
    scores = label_free_score(pd.DataFrame([home, kiosk]))
    assert scores[0] > 2 * scores[1] > 0


def test_rows_are_grouped_by_device_and_alone_without_one() -> None:
    found = groups(study([(0, "a", "x"), (0, "b", "x"), (0, "c", None), (0, "c", None), (0, "d", None)]))
    assert found.tolist() == [0, 0, 1, 1, 2]

"""A spec turns a table into a trial, or says in one line what is wrong with either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from features.errors import InputError
from models.uplift.reading import read_names, read_table
from models.uplift.spec import TrialSpec

ROOT = Path(__file__).resolve().parents[3]
SPEC: dict[str, Any] = {
    "unit": "customer",
    "arm": "coupon",
    "control": "none",
    "propensity": {"none": 0.5, "满10减1": "1/4", "flat": 0.25},
    "value": "revenue - 0.5 * goods",
    "outcomes": {"bought": "revenue > 0"},
    "cost": {"满10减1": 1, "flat": 2.5},
    "time": "sent_at",
    "cluster": "household",
    "drop": ["note"],
}


def frame(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    arms = np.array(["none", "none", "满10减1", "flat"])
    return pd.DataFrame(
        {
            "customer": [f"c{i}" for i in range(n)],
            "coupon": arms[np.arange(n) % 4],
            "revenue": rng.integers(0, 3, n) * 10.0,
            "goods": 4.0,
            "age": rng.integers(18, 80, n),
            "city": rng.choice(["上海", "Paris"], n),
            "sent_at": pd.date_range("2026-01-01", periods=n, tz="Asia/Shanghai"),
            "household": np.arange(n) // 2,
            "chance": np.array([0.5, 0.5, 0.25, 0.25])[np.arange(n) % 4],
            "note": "n",
        }
    )


def test_a_spec_turns_a_table_into_a_trial() -> None:
    data = frame()
    trial = TrialSpec.parse(SPEC).table(data)
    assert trial.arms == ("none", "flat", "满10减1")
    assert list(trial.X.columns) == ["age", "city", "chance"]
    np.testing.assert_array_equal(trial.treatment, np.array([0, 0, 2, 1])[np.arange(40) % 4])
    np.testing.assert_array_equal(trial.propensity, np.tile([0.5, 0.25, 0.25], (40, 1)))
    np.testing.assert_array_equal(trial.value, data.revenue - 2)
    np.testing.assert_array_equal(trial.outcomes["bought"], data.revenue > 0)
    np.testing.assert_array_equal(trial.cost, np.array([0.0, 0.0, 1.0, 2.5])[np.arange(40) % 4])
    assert trial.time is not None
    assert trial.time[0] == np.datetime64("2025-12-31T16:00")
    assert trial.cluster is not None
    assert trial.cluster[1] == "0"


def parsed(**changes: Any) -> TrialSpec:
    return TrialSpec.parse({key: value for key, value in {**SPEC, **changes}.items() if value is not ...})


def test_a_logged_propensity_that_is_constant_per_arm_fills_all_arms() -> None:
    trial = parsed(propensity="chance").table(frame())
    np.testing.assert_array_equal(trial.propensity, np.tile([0.5, 0.25, 0.25], (40, 1)))


def test_a_logged_propensity_that_varies_leaves_the_other_arms_unknown() -> None:
    data = frame()
    data.loc[0, "chance"] = 0.4
    trial = parsed(propensity="chance").table(data)
    assert trial.propensity[0, 0] == 0.4
    assert np.isnan(trial.propensity[0, 1:]).all()


def test_propensities_may_be_a_column_per_arm() -> None:
    data = frame().assign(p0=0.5, p1=0.2, p2=0.3)
    trial = parsed(propensity={"none": "p0", "满10减1": "p1", "flat": "p2"}).table(data)
    np.testing.assert_array_equal(trial.propensity[0], [0.5, 0.3, 0.2])
    assert "p1" not in trial.X


def test_empirical_propensities_are_the_shares_of_the_arms() -> None:
    trial = parsed(propensity="empirical").table(frame())
    np.testing.assert_allclose(trial.propensity[0], [0.5, 0.25, 0.25])


def test_listed_arms_leave_the_others_out() -> None:
    spec = parsed(arms=["flat"], propensity={"none": "2/3", "flat": "1/3"}, cost={"flat": 1})
    trial = spec.table(frame())
    assert (trial.arms, len(trial)) == (("none", "flat"), 30)


def test_a_number_as_cost_is_what_a_treated_unit_costs() -> None:
    trial = parsed(cost=3).table(frame())
    np.testing.assert_array_equal(trial.cost, np.where(trial.treatment > 0, 3.0, 0.0))


def test_a_column_as_cost_is_taken_as_it_is_and_is_no_feature() -> None:
    trial = parsed(cost="goods / 2", drop=...).table(frame())
    np.testing.assert_array_equal(trial.cost, np.full(40, 2.0))
    assert "goods" not in trial.X


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "x"}, "spec.kind: got 'unknown key', expected one of unit, arm"),
        ({"arm": ...}, "spec.arm: got 'missing key'"),
        ({"arm": "voucher"}, "arm: got 'voucher', expected a column of the data"),
        ({"control": "nothing"}, "control: got 'nothing', expected an arm of the data"),
        ({"arms": ["gold"]}, "arm: got 'gold', expected an arm of the data"),
        (
            {"propensity": {"none": 0.5, "满10减1": 0.3, "flat": 0.3}},
            "propensity: got 1.1, expected propensities .* sum",
        ),
        ({"propensity": {"none": 0.5, "flat": 0.5}}, "a propensity for every arm, also '满10减1'"),
        ({"propensity": {"none": "half", "满10减1": "1/4", "flat": "1/4"}}, "propensity: got 'half'.*a column"),
        ({"propensity": {"none": True, "满10减1": "1/4", "flat": "1/4"}}, "propensity.none: got True"),
        ({"propensity": {"none": "1/0", "满10减1": "1/4", "flat": "1/4"}}, "propensity.none: got '1/0'"),
        ({"propensity": "weight"}, "propensity: got 'weight', expected a column"),
        ({"propensity": 0.5}, "propensity: got 0.5"),
        ({"propensity": "age"}, r"propensity: got .*probability in \(0, 1\]"),
        ({"value": "profit"}, "value: got 'profit', expected a column"),
        ({"value": ["revenue"]}, "value: got .* a column or arithmetic"),
        ({"value": "revenue / (goods - 4)"}, "value: got (nan|inf|-inf), expected finite numbers"),
        ({"value": "city"}, "a column of numbers"),
        ({"outcomes": ["bought"]}, "outcomes: got .* a mapping"),
        ({"outcomes": {"value": "revenue"}}, "outcomes: got 'value'"),
        ({"cost": {"flat": 1}}, "a cost for every arm, also '满10减1'"),
        ({"cost": {"flat": 1, "满10减1": 1, "silver": 2}}, "arm: got 'silver'"),
        ({"ladder": {"flat": 100}}, "ladder: got .* at least two arms"),
        ({"ladder": {"flat": 100, "gold": 200}}, "ladder: got 'gold', expected an arm of the trial"),
        ({"ladder": {"flat": 100, "满10减1": 0.5}}, "ladder.满10减1: got 0.5, expected whole cents"),
        ({"features": ["height"]}, "features: got 'height'"),
        ({"features": "age"}, "features: got 'age', expected a list"),
        ({"drop": ["height"]}, "drop: got 'height'"),
        (
            {"time": "city"},
            "time: got '.*', expected a time .* row of 'city' .40 are none.$",
        ),
        ({"cluster": "family"}, "cluster: got 'family'"),
        ({"drop": ["note", "age", "city", "chance"]}, "features: got 'none left'"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused_by_its_key(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parsed(**changes).table(frame())


@pytest.mark.parametrize("content", ["", "[1, 2]", "arm: [", "just text"])
def test_a_file_that_is_no_spec_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"^spec: got"):
        TrialSpec.load(path)
    with pytest.raises(InputError, match="a file that can be read"):
        TrialSpec.load(tmp_path / "absent.yaml")


def test_a_trial_of_one_arm_is_refused() -> None:
    data = frame()
    data["coupon"] = "none"
    with pytest.raises(InputError, match="at least two arms"):
        parsed(propensity="empirical", cost=...).table(data)


def test_an_arm_with_a_single_unit_is_refused() -> None:
    data = frame()
    data.loc[0, "coupon"] = "rare"
    with pytest.raises(InputError, match="'rare', expected an arm with at least 2 units"):
        parsed(propensity="empirical", cost=...).table(data)


def test_units_without_an_arm_or_a_time_are_refused() -> None:
    for column in ("coupon", "sent_at"):
        data = frame()
        data.loc[3, column] = None
        with pytest.raises(InputError, match="1 empty rows"):
            parsed().table(data)


def test_rows_of_a_repeated_unit_stay_together() -> None:
    trial = parsed(unit="household", cluster=...).table(frame())
    assert trial.cluster is not None
    assert list(trial.cluster[:4]) == ["0", "0", "1", "1"]
    assert parsed(cluster=...).table(frame()).cluster is None


def test_rows_without_an_outcome_are_left_out_and_counted_by_arm() -> None:
    data = frame()
    data.loc[[0, 1, 2], "revenue"] = np.nan  # control, control, 满10减1
    trial = parsed().table(data)
    assert len(trial) == 37
    assert trial.missing is not None
    assert trial.missing.tolist() == [2, 0, 1]
    assert np.isfinite(trial.value).all()


def test_a_cost_that_is_empty_for_the_control_is_none() -> None:
    data = frame()
    data["price"] = np.where(data.coupon == "none", np.nan, 2.0)
    trial = parsed(cost="price").table(data)
    assert len(trial) == 40
    np.testing.assert_array_equal(trial.cost, np.where(trial.treatment > 0, 2.0, 0.0))


def test_an_arm_whose_outcomes_are_all_missing_is_refused() -> None:
    data = frame()
    data.loc[data.coupon == "flat", "revenue"] = np.nan
    with pytest.raises(InputError, match="value: got \"0 measured rows of 'flat'\""):
        parsed().table(data)


def test_a_bare_no_in_yaml_is_explained() -> None:
    with pytest.raises(InputError, match="quote it"):
        parsed(control=False).table(frame())


def test_an_id_is_no_arm() -> None:
    data = pd.DataFrame({"arm": np.arange(3000), "y": 1.0, "x": 0.0})
    with pytest.raises(InputError, match="arm: got 'arm', expected a column with at most 2000 arms"):
        TrialSpec.parse({"arm": "arm", "control": 0, "value": "y"}).table(data)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(InputError, match="a table with rows"):
        parsed().table(frame()[:0])


def test_an_infinite_outcome_is_refused() -> None:
    data = frame()
    data.loc[5, "revenue"] = np.inf
    with pytest.raises(InputError, match="value: got inf"):
        parsed().table(data)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "姓名,x\n".encode("gb18030"), "a CSV file in UTF-8"),
        ("b.csv", b"", "a table with rows"),
        ("c.csv", b"x,y\n", "a table with rows"),
        ("d.csv", b'x,y\n1,2\n"3,4,5\n6,7,8,9\n', "a readable table"),
        ("e.parquet", b"not parquet", "a readable table"),
        ("f.xlsx", b"x", r"a \.csv or \.parquet file"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(path)
    with pytest.raises(InputError, match="a file that exists"):
        read_table(tmp_path / "absent.csv")


def test_csv_with_a_byte_order_mark_and_parquet_read_alike(tmp_path: Path) -> None:
    data = frame()[["customer", "age", "city"]]
    data.to_csv(tmp_path / "t.csv", index=False, encoding="utf-8-sig")
    data.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), read_table(tmp_path / "t.parquet"), check_dtype=False)


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "trials").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_spec_that_we_ship_parses(path: Path) -> None:
    assert TrialSpec.parse(yaml.safe_load(path.read_text("utf-8"))).arm


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"features": ["age", "revenue"]}, "value"),
        ({"features": ["coupon"]}, "arm"),
        ({"features": ["chance"], "propensity": "chance"}, "propensity"),
        ({"features": ["age"], "cost": "age / 10"}, "cost"),
        ({"features": ["age"], "outcomes": {"old": "age > 60"}}, r"outcomes\.old"),
    ],
)
def test_what_the_trial_is_about_is_no_feature(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError, match=f"features: got .*, expected columns that {key} does not use"):
        parsed(**changes).table(frame())


@pytest.mark.parametrize(
    "propensity",
    [{"none": "p0", "满10减1": "p1", "flat": "p2"}, {"none": 0.5, "满10减1": 0.25, "flat": 0.25}, "chance"],
)
def test_propensities_of_all_arms_are_renormalised_over_the_listed_arms(propensity: object) -> None:
    data = frame().assign(p0=0.5, p1=0.25, p2=0.25)
    trial = parsed(arms=["flat"], propensity=propensity, cost=...).table(data)
    assert len(trial) == 30
    np.testing.assert_allclose(trial.propensity, np.tile([2 / 3, 1 / 3], (30, 1)))


def test_propensities_that_cannot_be_renormalised_are_refused() -> None:
    data = frame().assign(p0=0.5, p1=0.5, p2=0.25)
    with pytest.raises(InputError, match=r"propensity: got 1\.25"):
        parsed(arms=["flat"], propensity={"none": "p0", "满10减1": "p1", "flat": "p2"}, cost=...).table(data)
    data.loc[0, "chance"] = 0.4
    with pytest.raises(InputError, match=r"propensity: got 'chance', expected propensities per arm"):
        parsed(arms=["flat"], propensity="chance", cost=...).table(data)


@pytest.mark.parametrize("control", [0, 0.0, "0"], ids=["int", "float", "text"])
def test_arm_codes_that_are_whole_floats_are_integers(control: object) -> None:
    data = frame().assign(coupon=np.array([0.0, 0.0, 10.0, 20.0])[np.arange(40) % 4])
    trial = parsed(control=control, propensity={0: 0.5, 10.0: 0.25, "20": 0.25}, cost={10: 1, 20: 2}).table(data)
    assert trial.arms == ("0", "10", "20")


def test_names_keep_what_is_no_whole_float() -> None:
    assert read_names(pd.Series([1.0, None, 2.5])).tolist() == ["1", None, "2.5"]
    assert read_names(pd.Series([True, False])).tolist() == ["True", "False"]
    assert read_names(pd.Series(["1.0", None])).tolist() == ["1.0", None]


def test_a_wrong_time_is_named_in_one_line() -> None:
    data = frame()
    data["sent_at"] = data["sent_at"].astype(str)
    data.loc[7, "sent_at"] = "yesterday"
    with pytest.raises(InputError, match=r"time: got 'yesterday', .* \(1 are none\)") as caught:
        parsed().table(data)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="time: got '"):
        parsed(time="age").table(frame())


def test_the_first_byte_that_is_not_utf8_is_found_far_into_a_file(tmp_path: Path) -> None:
    before = b"x,y\n" + b"1,2\n" * 200_000
    (tmp_path / "t.csv").write_bytes(before + "ü,3\n".encode("latin-1"))
    with pytest.raises(InputError, match=f"byte {len(before)} is not, in line 200002"):
        read_table(tmp_path / "t.csv")


def test_parquet_is_read_under_both_endings_and_from_a_folder(tmp_path: Path) -> None:
    data = frame()[["customer", "age"]]
    (tmp_path / "parts").mkdir()
    data.to_parquet(tmp_path / "parts" / "a.parquet")
    data.to_parquet(tmp_path / "t.pq")
    for path in (tmp_path / "parts", tmp_path / "t.pq"):
        pd.testing.assert_frame_equal(read_table(path), data)


def test_arms_of_numbers_stand_in_the_order_of_the_numbers() -> None:
    frame = pd.DataFrame({"arm": [20, 5, 0, 10] * 3, "x": range(12), "y": 1.0})
    assert TrialSpec.parse({"arm": "arm", "control": 0, "value": "y"}).table(frame).arms == ("0", "5", "10", "20")
    frame["arm"] = ["off 20", "off 5", "none", "off 10"] * 3
    named = TrialSpec.parse({"arm": "arm", "control": "none", "value": "y"}).table(frame)
    assert named.arms == ("none", "off 5", "off 10", "off 20")


def test_dates_written_as_text_are_times_and_other_text_stays_text() -> None:
    frame = pd.DataFrame({"arm": [0, 1] * 4, "y": range(8)})
    frame["since"] = ["2026-01-01", None, *("2026-02-03 10:00:00",) * 6]
    frame["note"] = ["2026-01-01", "soon", *("",) * 6]
    X = TrialSpec.parse({"arm": "arm", "control": 0, "value": "y"}).table(frame).X
    assert pd.api.types.is_datetime64_any_dtype(X["since"])
    assert X["since"].isna().tolist() == [False, True, *[False] * 6]
    assert X["note"].tolist() == frame["note"].tolist()

"""Effects along a ladder of face values never fall, pass through what was tried, and stop where nothing is known."""

from __future__ import annotations

import json
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from features.errors import InputError
from models.registry import Artefact, effects
from models.registry.ladder import Groups, Ladder, Rungs, read_ladders
from models.registry.monotone import along, nearest_rising
from models.registry.response import average_response, interval_at, row_intervals
from tests.oracles.ladder import nearest_rising_by_force

ARMS = ("none", "off_20", "gift", "off_8", "off_12")
NUMBER = st.integers(-(10**8), 10**8).map(lambda cents: cents / 100)


@st.composite
def noisy_steps(draw: st.DrawFn) -> tuple[np.ndarray, tuple[float, ...]]:
    m = draw(st.integers(2, 6))
    steps = draw(st.lists(st.lists(NUMBER, min_size=m, max_size=m), min_size=1, max_size=4))
    return np.array(steps), tuple(draw(st.lists(st.floats(0.01, 100), min_size=m, max_size=m)))


def near(steps: np.ndarray, weight: tuple[float, ...]) -> np.ndarray:
    return nearest_rising(steps[None], (weight,))[0]


@given(noisy_steps())
def test_the_nearest_rising_steps_are_those_found_by_trying_all_blocks(case: tuple[np.ndarray, tuple]) -> None:
    steps, weight = case
    for row, found in zip(steps, near(steps, weight), strict=True):
        np.testing.assert_allclose(found, nearest_rising_by_force(row, np.array(weight)), atol=1e-5, rtol=1e-9)


@given(noisy_steps())
def test_steps_rise_after_projection_and_a_second_one_changes_no_bit(case: tuple[np.ndarray, tuple]) -> None:
    steps, weight = case
    risen = near(steps, weight)
    assert (np.diff(risen, axis=1) >= 0).all()
    np.testing.assert_array_equal(near(risen, weight), risen)


@given(noisy_steps())
def test_steps_that_rise_already_are_not_touched(case: tuple[np.ndarray, tuple]) -> None:
    steps = np.sort(case[0], axis=1)
    np.testing.assert_array_equal(near(steps, case[1]), steps)


@given(noisy_steps(), st.randoms(use_true_random=False))
def test_no_rising_truth_is_further_from_the_projection(case: tuple[np.ndarray, tuple], random: object) -> None:
    steps, weight = case
    truth = np.sort(np.random.default_rng(random.getrandbits(32)).normal(scale=1e5, size=steps.shape), axis=1)
    before, after = (np.sum(np.array(weight) * (table - truth) ** 2, axis=1) for table in (steps, near(steps, weight)))
    assert (after <= before * (1 + 1e-9) + 1e-3).all()


@given(noisy_steps())
def test_one_row_alone_gives_the_bits_it_gives_among_others(case: tuple[np.ndarray, tuple]) -> None:
    steps, weight = case
    for i, risen in enumerate(near(steps, weight)):
        np.testing.assert_array_equal(near(steps[i : i + 1], weight)[0], risen)


@given(noisy_steps(), st.lists(st.integers(1, 5000), min_size=6, max_size=6), st.lists(st.floats(0, 1), min_size=5))
def test_the_curve_passes_the_rungs_and_rises_between(
    case: tuple[np.ndarray, tuple], gaps: list[int], shares: list[float]
) -> None:
    steps = np.sort(case[0], axis=1)
    at = tuple(np.cumsum(gaps[: steps.shape[1]]).astype(float).tolist())
    where = np.sort([at[0] + share * (at[-1] - at[0]) for share in shares])
    np.testing.assert_array_equal(np.stack([along(steps, at, face) for face in at], axis=1), steps)
    read = np.stack([along(steps, at, face) for face in where], axis=1)
    scale = 1e-9 * max(1.0, float(np.abs(steps).max()))
    assert (np.diff(read, axis=1) >= -scale).all()
    np.testing.assert_allclose(read, PchipInterpolator(at, steps, axis=1)(where), atol=1e-6 + scale, rtol=1e-9)


# -- an artefact with a ladder ----------------------------------------------------------------------------------------


def rungs(scale: float = 1.0, groups: Groups | None = None) -> Rungs:
    return Rungs((1.0, 2.0, 0.5), (1.0 * scale, 2.0 * scale, 4.0 * scale), (0.1, 0.1, 0.2), groups)


def ladder(**changes: object) -> Ladder:
    everything = {"value": rungs(100), "cost": rungs(50), "redeem": rungs(0.1)}
    content: dict = {"name": "off", "arms": ("off_8", "off_12", "off_20"), "faces": (800, 1200, 2000)}
    return Ladder(**{**content, "outcomes": everything, **changes})


def with_spec(*ladders: Ladder, boosters: dict[str, str] | None = None) -> Artefact:
    spec = {"features": ["a", "b"], "arms": list(ARMS)}
    if ladders:
        spec["ladders"] = [json.loads(json.dumps(one.to_json())) for one in ladders]
    return Artefact("uplift", spec, boosters or {})


@pytest.fixture(scope="module")
def boosters() -> dict[str, str]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    quiet = {"num_leaves": 4, "num_threads": 1, "verbosity": -1}
    return {
        f"{what}:{arm}": lightgbm.train(
            quiet, lightgbm.Dataset(X, scale * (X[:, 0] + rng.normal(size=500))), 5
        ).model_to_string()
        for what, scale in (("value", 300.0), ("cost", 100.0), ("redeem", 0.5))
        for arm in ARMS[1:]
    }


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(60, 2))


UP = [3, 4, 1]  # off_8, off_12, off_20 among ARMS


def test_without_ladders_effects_are_the_models_own(boosters: dict[str, str], rows: np.ndarray) -> None:
    artefact = with_spec(boosters=boosters)
    found, scores = effects(artefact, rows), artefact.predict(rows)
    for column, arm in enumerate(ARMS[1:], start=1):
        np.testing.assert_array_equal(found.value[:, column], scores[f"value:{arm}"])
        np.testing.assert_array_equal(found.cost[:, column], np.maximum(scores[f"cost:{arm}"], 0.0))
        np.testing.assert_array_equal(found.redeem[:, column], np.clip(scores[f"redeem:{arm}"], 0.0, 1.0))
    assert (np.diff(found.value[:, UP], axis=1) < 0).any()


def test_effects_rise_along_the_ladder_and_other_offers_stay(boosters: dict[str, str], rows: np.ndarray) -> None:
    plain, found = effects(with_spec(boosters=boosters), rows), effects(with_spec(ladder(), boosters=boosters), rows)
    for what in ("value", "cost", "redeem"):
        assert (np.diff(getattr(found, what)[:, UP], axis=1) >= 0).all()
        np.testing.assert_array_equal(getattr(found, what)[:, [0, 2]], getattr(plain, what)[:, [0, 2]])
    assert found.arms == plain.arms == ARMS


def test_an_outcome_that_is_not_on_the_ladder_stays(boosters: dict[str, str], rows: np.ndarray) -> None:
    only_cost = ladder(outcomes={"cost": rungs()})
    found, plain = effects(with_spec(only_cost, boosters=boosters), rows), effects(with_spec(boosters=boosters), rows)
    np.testing.assert_array_equal(found.value, plain.value)
    assert (np.diff(found.cost[:, UP], axis=1) >= 0).all()
    with pytest.raises(InputError, match="value, redeem was not found to rise"):
        effects(with_spec(only_cost, boosters=boosters), rows, {"off_10": 1000})


def test_an_untried_face_lies_between_its_neighbours_and_a_tried_one_is_its_rung(
    boosters: dict[str, str], rows: np.ndarray
) -> None:
    artefact = with_spec(ladder(), boosters=boosters)
    found = effects(artefact, rows, {"off_10": 1000, "again_12": 1200, "off_19": 1999})
    assert found.arms == (*ARMS, "off_10", "again_12", "off_19")
    for what in ("value", "cost", "redeem"):
        table = getattr(found, what)
        np.testing.assert_array_equal(table[:, 6], table[:, 4])
        assert (np.diff(table[:, [3, 5, 4, 7, 1]], axis=1) >= 0).all()
        np.testing.assert_array_equal(table[:, :5], getattr(effects(artefact, rows), what))


def test_a_row_alone_gets_the_bits_it_gets_in_a_batch(boosters: dict[str, str], rows: np.ndarray) -> None:
    artefact = with_spec(ladder(), boosters=boosters)
    together = effects(artefact, rows, {"off_10": 1000})
    for i in range(len(rows)):
        alone = effects(artefact, rows[i : i + 1], {"off_10": 1000})
        for what in ("value", "cost", "redeem", "profit"):
            np.testing.assert_array_equal(getattr(alone, what)[0], getattr(together, what)[i])


def test_a_written_artefact_keeps_its_ladders(boosters: dict[str, str], rows: np.ndarray, tmp_path: Path) -> None:
    groups = Groups((0.5,), ((1.0, 2.0, 3.0), (2.0, 3.0, 4.0)), ((0.1, 0.1, 0.1), (0.2, 0.2, 0.2)))
    artefact = with_spec(ladder(outcomes={"value": rungs(1, groups)}), boosters=boosters)
    again = Artefact.from_dir(tmp_path, artefact.to_dir(tmp_path))
    assert read_ladders(again.spec) == read_ladders(artefact.spec) == (ladder(outcomes={"value": rungs(1, groups)}),)
    np.testing.assert_array_equal(effects(again, rows).value, effects(artefact, rows).value)


@pytest.mark.parametrize("face", [799, 2001, 0, -5, True, 1000.0, float("nan"), "1000", None])
def test_a_face_beyond_the_tried_ones_is_refused(face: object) -> None:
    with pytest.raises(InputError, match=r"face_cents of off_x.*whole cents from 800 to 2000: nothing is known beyond"):
        effects(with_spec(ladder()), np.zeros((1, 2)), {"off_x": face})  # type: ignore[dict-item]


def test_with_two_ladders_an_untried_offer_names_its_own(rows: np.ndarray) -> None:
    spec = {"arms": ["none", "a", "b", "c", "d"], "features": ["x", "y"]}
    one = ladder(name="one", arms=("a", "b"), faces=(100, 200), outcomes={})
    other = ladder(name="other", arms=("c", "d"), faces=(100, 200), outcomes={})
    artefact = Artefact("uplift", {**spec, "ladders": [one.to_json(), other.to_json()]})
    with pytest.raises(InputError, match="ladder of new: got 100"):
        effects(artefact, rows, {"new": 100})
    with pytest.raises(InputError, match="ladder of new: got 'third'"):
        effects(artefact, rows, {"new": ("third", 100)})
    assert effects(artefact, rows, {"new": ("other", 100)}).arms[-1] == "new"


def test_an_offer_of_the_model_is_not_asked_for_again() -> None:
    with pytest.raises(InputError, match="arms: got 'off_8'"):
        effects(with_spec(ladder()), np.zeros((1, 2)), {"off_8": 1000})


def test_a_model_without_ladders_knows_no_untried_offer() -> None:
    with pytest.raises(InputError, match=r"ladder of off_10"):
        effects(with_spec(), np.zeros((1, 2)), {"off_10": 1000})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"arms": ("a",), "faces": (100,)}, "arms"),
        ({"arms": ("a", "a", "b")}, "arms"),
        ({"faces": (800, 800, 2000)}, "faces"),
        ({"faces": (1200, 800, 2000)}, "faces"),
        ({"faces": (800, 1200)}, "faces"),
        ({"faces": (-800, 1200, 2000)}, "faces"),
        ({"faces": (0, 1200, 2000)}, "faces"),
        ({"faces": (float("nan"), 1200, 2000)}, "faces"),
        ({"faces": (800, True, 2000)}, "faces"),
        ({"outcomes": {"profit": rungs()}}, "outcomes"),
        ({"outcomes": {"value": Rungs((1.0, 0.0, 1.0), (1.0,) * 3, (1.0,) * 3)}}, "weight"),
        ({"outcomes": {"value": Rungs((1.0,) * 3, (1.0, float("nan"), 1.0), (1.0,) * 3)}}, "average"),
        ({"outcomes": {"value": Rungs((1.0,) * 3, (1.0,) * 3, (1.0, -1.0, 1.0))}}, "standard_error"),
        ({"outcomes": {"value": Rungs((1.0,) * 2, (1.0,) * 3, (1.0,) * 3)}}, "weight"),
        ({"outcomes": {"value": rungs(1, Groups((2.0, 1.0), ((1.0,) * 3,) * 3, ((1.0,) * 3,) * 3))}}, "groups"),
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused(changes: dict, field: str) -> None:
    with pytest.raises(InputError, match=f"ladder off.*{field}"):
        ladder(**changes)


@pytest.mark.parametrize("content", [{}, {"name": "x"}, {**ladder().to_json(), "outcomes": {"value": {}}}])
def test_a_spec_that_holds_no_ladder_is_refused(content: dict) -> None:
    with pytest.raises(InputError, match="ladder: got"):
        Ladder.from_json(content)


def test_ladders_stand_on_offers_of_the_model_and_share_none() -> None:
    for arms in (["none", "off_8", "off_12"], [*ARMS, "off_9"]):
        spec = {"arms": arms, "ladders": [ladder().to_json()] * (2 if "off_9" in arms else 1)}
        with pytest.raises(InputError, match="ladder arms"):
            read_ladders(spec)


# -- intervals --------------------------------------------------------------------------------------------------------


def test_between_two_rungs_the_interval_reaches_from_the_lower_end_to_the_upper_end() -> None:
    at = average_response(ladder(), "value", [800, 900, 1199, 1200, 1500, 2000])
    assert [one.tried for one in at] == [True, False, False, True, False, True]
    assert [one.value for one in at] == sorted(one.value for one in at)
    assert (at[1].low, at[1].high) == (at[2].low, at[2].high) == (at[0].low, at[3].high)
    assert (at[4].low, at[4].high) == (at[3].low, at[5].high)
    assert at[0].high - at[0].low == pytest.approx(2 * 1.959964 * 0.1)


def test_the_cost_bends_towards_nothing_at_no_face() -> None:
    convex = ladder(outcomes={"cost": Rungs((1.0,) * 3, (100.0, 250.0, 600.0), (1.0,) * 3)})
    [middle] = average_response(convex, "cost", [1000])
    assert 100 < middle.value < 175


def test_rungs_that_fall_keep_an_interval_that_holds_the_pooled_value() -> None:
    falling = ladder(outcomes={"value": Rungs((1.0,) * 3, (5.0, 1.0, 3.0), (0.1,) * 3)})
    for one in average_response(falling, "value", [800, 900, 1200, 1300, 2000]):
        assert one.low <= one.value <= one.high


@pytest.mark.parametrize("level", [0.0, 1.0, -1, 2])
def test_a_level_is_a_probability(level: float) -> None:
    with pytest.raises(InputError, match="level"):
        interval_at(ladder(), np.zeros((1, 3)), np.ones((1, 3)), level=level)


def test_averages_are_refused_beyond_the_tried_faces_and_for_outcomes_that_do_not_rise() -> None:
    with pytest.raises(InputError, match="nothing is known beyond"):
        average_response(ladder(), "value", [2500])
    with pytest.raises(InputError, match="outcome: got 'value'"):
        average_response(ladder(outcomes={}), "value")


def test_a_row_gets_the_interval_of_the_group_that_it_is_predicted_with(
    boosters: dict[str, str], rows: np.ndarray
) -> None:
    groups = Groups((0.0,), ((1.0, 2.0, 3.0), (11.0, 12.0, 13.0)), ((0.0,) * 3,) * 2)
    artefact = with_spec(ladder(outcomes={"value": rungs(1, groups)}), boosters=boosters)
    predicted = effects(artefact, rows).value[:, UP].mean(axis=1)
    low, high = row_intervals(artefact, rows, "value", [800, 1000])
    assert low.tolist() == [[11.0, 11.0] if level >= 0 else [1.0, 1.0] for level in predicted]
    assert high.tolist() == [[11.0, 12.0] if level >= 0 else [1.0, 2.0] for level in predicted]
    with pytest.raises(InputError, match="measured on held-out units"):
        row_intervals(with_spec(ladder(), boosters=boosters), rows, "value", [800])
    with pytest.raises(InputError, match="ladder: got 'other'"):
        row_intervals(artefact, rows, "value", [800], ladder="other")
    with pytest.raises(InputError, match="outcome: got 'profit'"):
        row_intervals(artefact, rows, "profit", [800])

"""Ladders are found among templates, measured on a trial, and their intervals hold the truth whatever its shape."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.errors import InputError
from models.registry import effects
from models.registry.ladder import Ladder
from models.registry.response import average_response, row_intervals
from models.report import Report
from models.uplift.bundle import fit_bundle
from models.uplift.ladders.fit import declared, fit_ladders, ladders_of, with_ladders
from models.uplift.ladders.measure import measure, segment_response
from models.uplift.ladders.report import ladder_section
from pipelines.shop.offers import TEMPLATES
from tests.oracles.ladder import FACES, SHAPES, SimulatedLadder, simulated_ladder

OFF = declared("off", {f"off_{face}": face for face in FACES})


def template(name: str, face: float | None, **terms: object) -> dict[str, object]:
    return {"template_id": name, "kind": "no_threshold", "face_cents": face, "scope": "all", "valid_days": 7, **terms}


def test_the_shop_has_one_ladder() -> None:
    table = pd.DataFrame([vars(one) for one in TEMPLATES])
    assert ladders_of(table) == (Ladder("no_threshold/all", ("flat_8", "flat_20"), (800, 2000)),)


def test_offers_with_other_terms_stand_on_other_ladders() -> None:
    rows = [
        template("b", 2000),
        template("a", 800),
        template("c", 500, kind="threshold_cut", minimum_cents=3000),
        template("d", 900, kind="threshold_cut", minimum_cents=3000),
        template("e", 700, scope="newcomer"),
        template("f", float("nan"), percent_off=10.0),
        template("g", None),
        template("h", 0),
        template("i", 1500, minimum_cents=9900),
        template("j", 1600, valid_days=14, scope="long"),
        template("k", 1700, valid_days=28, scope="long"),
    ]
    expected = [("no_threshold/all", ("a", "b")), ("threshold_cut/3000/all", ("c", "d"))]
    for templates in (rows, pd.DataFrame(rows)):
        assert [(one.name, one.arms) for one in ladders_of(templates)] == expected


def test_terms_with_the_same_face_twice_form_no_ladder() -> None:
    assert ladders_of([template("a", 800), template("b", 800), template("c", 900)]) == ()


def test_ladders_that_only_their_validity_tells_apart_have_different_names() -> None:
    rows = [template(f"{face}/{days}", face, valid_days=days) for face in (100, 200) for days in (7, 14)]
    assert len({one.name for one in ladders_of(rows)}) == 2


@pytest.mark.parametrize(
    "faces", [{"a": 100}, {}, {"a": 100, "b": 100}, {"a": -1, "b": 5}, {"a": float("nan"), "b": 5}, {"a": "x", "b": 5}]
)
def test_declared_faces_that_make_no_ladder_are_refused(faces: dict) -> None:
    with pytest.raises(InputError, match="ladder off"):
        declared("off", faces)


@pytest.fixture(scope="module")
def learnt() -> SimulatedLadder:
    return simulated_ladder(6000, 3)


def test_averages_are_near_the_truth_and_weights_follow_the_arms_sizes(learnt: SimulatedLadder) -> None:
    [fitted] = fit_ladders((OFF,), measure(learnt.trial))
    assert fitted.constrained == ("value", "cost", "redeem")
    for outcome, rungs in fitted.outcomes.items():
        for face, average, error in zip(FACES, rungs.average, rungs.standard_error, strict=True):
            assert abs(average - learnt.truth(face)[outcome].mean()) < 4.5 * error
    redeem = fitted.outcomes["redeem"]
    counts = np.bincount(learnt.trial.treatment)[1:]
    variance = np.array([learnt.truth(face)["redeem"].mean() for face in FACES]) / counts
    assert np.corrcoef(redeem.weight, 1 / variance)[0, 1] > 0.9
    assert np.mean(redeem.weight) == pytest.approx(1)


def test_an_outcome_that_falls_by_more_than_chance_is_left_out() -> None:
    upside_down = declared("off", {f"off_{face}": 10_000 - face for face in FACES})
    [fitted] = fit_ladders((upside_down,), measure(simulated_ladder(6000, 4, "linear").trial))
    assert "cost" not in fitted.outcomes


def test_a_ladder_of_unknown_arms_is_refused(learnt: SimulatedLadder) -> None:
    with pytest.raises(InputError, match="ladder x arms: got 'a', expected arms of the trial"):
        fit_ladders((declared("x", {"a": 1, "b": 2}),), measure(learnt.trial))


def test_an_artefact_with_ladders_rises_and_keeps_its_boosters(learnt: SimulatedLadder) -> None:
    rows = learnt.trial.X.to_numpy(float)
    plain = fit_bundle(learnt.trial).artefact(rows[:16], {})
    held_out = simulated_ladder(3000, 5).trial
    artefact = with_ladders(plain, learnt.trial, (OFF,), held_out)
    assert artefact.boosters is plain.boosters
    columns = [artefact.spec["arms"].index(arm) for arm in OFF.arms]
    found, without = effects(artefact, rows), effects(with_ladders(plain, learnt.trial, (OFF,)), rows)
    for what in ("value", "cost", "redeem"):
        assert (np.diff(getattr(found, what)[:, columns], axis=1) >= 0).all()
        np.testing.assert_array_equal(getattr(found, what), getattr(without, what))
    low, high = row_intervals(artefact, rows[:50], "cost", [500, 700, 1000])
    assert (low[:, 1] == low[:, 0]).all()
    assert (high[:, 1] == high[:, 2]).all()
    assert (low < high).all()


def test_offers_that_form_no_ladder_leave_the_artefact_as_it_is(learnt: SimulatedLadder) -> None:
    artefact = fit_bundle(learnt.trial.rows(np.arange(2000))).artefact(learnt.trial.X.to_numpy(float)[:4], {})
    templates = pd.DataFrame([template("off_500", 500), template("never_tried", 900)])
    assert with_ladders(artefact, learnt.trial, templates) is artefact
    assert with_ladders(artefact, learnt.trial, ()) is artefact


def test_a_segment_has_its_own_response(learnt: SimulatedLadder) -> None:
    found = measure(learnt.trial)
    [fitted] = fit_ladders((OFF,), found)
    keen = learnt.pull > np.median(learnt.pull)
    sums = [
        [one.value for one in segment_response(fitted, found, "redeem", rows, [1000, 1500])] for rows in (keen, ~keen)
    ]
    assert sums[0][0] > sums[1][0]
    assert segment_response(fitted, found, "redeem") == average_response(fitted, "redeem")
    with pytest.raises(InputError, match="segment: got 0"):
        segment_response(fitted, found, "redeem", np.zeros(len(keen), dtype=bool))
    with pytest.raises(InputError, match="outcome: got 'profit'"):
        segment_response(fitted, found, "profit")


def test_nobody_redeeming_is_measured_without_a_warning(learnt: SimulatedLadder) -> None:
    trial = learnt.trial.rows(np.arange(1500))
    silent = type(trial)(**{**vars(trial), "cost": np.zeros(1500), "outcomes": {"redeemed": np.zeros(1500)}})
    [fitted] = fit_ladders((OFF,), measure(silent))
    assert fitted.outcomes["cost"].average == (0.0,) * 4
    assert fitted.outcomes["cost"].weight == (1.0,) * 4


def test_intervals_hold_the_truth_at_tried_and_untried_faces() -> None:
    """Each figure may miss in five of a hundred trials; more than nine of sixty is chance of one in a thousand.

    A response that jumps just beside a rung is the hardest for the faces in between.
    """
    faces, runs = (500, 501, 750, 1500, 2700, 3499, 3500), 60
    held = np.zeros((3, len(faces)))
    everybody = {shape: simulated_ladder(20_000, 1, shape) for shape in SHAPES}
    for seed in range(runs):
        shape = SHAPES[seed % len(SHAPES)]
        drawn = simulated_ladder(1200, 1000 + seed, shape)
        truth = SimulatedLadder(**{**vars(everybody[shape]), "jumps": drawn.jumps})
        [fitted] = fit_ladders((OFF,), measure(drawn.trial, seed))
        for row, outcome in enumerate(("value", "cost", "redeem")):
            if outcome not in fitted.outcomes:  # the false alarm that is allowed for: nothing is claimed
                held[row] += 1
                continue
            for column, one in enumerate(average_response(fitted, outcome, faces)):
                held[row, column] += one.low <= truth.truth(one.face_cents)[outcome].mean() <= one.high
    assert (held >= runs - 9).all(), held


def test_the_report_draws_the_response(learnt: SimulatedLadder) -> None:
    report = ladder_section(Report("t"), OFF, learnt.trial)
    assert report.figures["ladder_off_rises"] == ["value", "cost", "redeem"]
    figures = [report.figures[f"ladder_off_cost_{face}"] for face in FACES]
    assert figures == sorted(figures)
    found = measure(learnt.trial)
    net = found.at(OFF, "value")[0] - found.at(OFF, "cost")[0]
    assert [report.figures[f"ladder_off_profit_{face}"] for face in FACES] == pytest.approx(list(net))
    page = report.html()
    assert page.count("<svg") == 3
    assert "对面值的响应" in page
    assert "3500" in page or "3,500" in page


def test_the_report_says_where_an_outcome_falls() -> None:
    upside_down = declared("off", {f"off_{face}": 10_000 - face for face in FACES})
    page = ladder_section(Report("t"), upside_down, simulated_ladder(6000, 4, "linear").trial).html()
    assert "falls with the face value by more than chance explains" in page

"""A round of coupons over users with features: within budget, flagged users left out, every row explained."""

from __future__ import annotations

import json
from datetime import date
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fakes.rounds import FEATURES, effects_artefact

from features.errors import InputError
from models.policy.assign import REASONS, Policy, choose
from models.policy.expected import expected_profit
from models.policy.reasons import Why
from models.registry import Loaded, effects
from pipelines.choose_coupons import (
    CHOICES,
    choices_of,
    compare_segments,
    decide,
    report_of,
    round_key,
)
from pipelines.read_features import matrix_of
from pipelines.round_inputs import Inputs, _withheld, withheld_users
from pipelines.round_policy import segmentation
from pipelines.standings import standings
from serving.settings import Settings

KEY = round_key(date(2026, 5, 31))


@pytest.fixture(scope="module")
def uplift() -> Loaded:
    return Loaded(effects_artefact(), "uplift", "3", "run", {}, {})


@pytest.fixture(scope="module")
def users() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(1_500, 3)), columns=list(FEATURES))
    frame.loc[::17, "money"] = np.nan  # a feature can be missing
    return frame.assign(user_id=[f"u{number:05d}" for number in range(1_500)])


def test_the_round_stays_within_its_budget_and_uses_it(uplift: Loaded, users: pd.DataFrame) -> None:
    done = decide(Inputs.of(users, uplift, frozenset()), Settings(), KEY, budget_cents=40_000)
    figures = done.figures()
    assert 0.97 * 40_000 < figures["spend_cents"] <= 40_000
    assert done.policy.budget_cents == 40_000
    assert done.policy.uplift_version == "3"
    assert (
        decide(Inputs.of(users, uplift, frozenset()), Settings(), KEY).policy.budget_cents
        == Settings().policy.budget_cents
    )


def test_every_choice_is_repeated_by_the_promoted_policy_for_one_user_alone(
    uplift: Loaded, users: pd.DataFrame
) -> None:
    inputs = Inputs.of(users, uplift, frozenset())
    done = decide(inputs, Settings(), KEY, budget_cents=40_000)
    rows = choices_of(done, inputs, KEY)
    policy = Policy.from_spec(json.loads(json.dumps(done.policy.to_spec())))
    for i in range(0, 1_500, 7):
        found = effects(uplift.artefact, matrix_of(users.iloc[[i]], FEATURES))
        alone = choose(policy, found.profit, found.cost, [rows.user_id[i]], [rows.key[i]])
        assert policy.arms[alone.offer[0]] == rows.offer[i]
        assert alone.propensity[0] == rows.propensity[i]


LIMITED = {
    "limits": {
        "stock": {"large": 60},
        "roi_floor": 0.5,
        "contacts": {"offers": 2, "days": 7},
        "per_user_cents": 300,
        "segments": {
            "feature": "account_age_days",
            "edges": [30],
            "limits": {"account_age_days < 30": {"min_users": 130}, "30 <= account_age_days": {"max_users": 200}},
        },
    }
}


@pytest.fixture(scope="module")
def seen(users: pd.DataFrame) -> pd.DataFrame:
    """Users with what the limits look at."""
    rng = np.random.default_rng(3)
    return users.assign(
        account_age_days=np.where(rng.random(len(users)) < 0.05, np.nan, rng.integers(0, 100, len(users))),
        claims_7d=rng.integers(0, 4, len(users)),
        coupon_discount_cents_90d=rng.integers(0, 350, len(users)),
    )


def test_all_limits_of_the_settings_are_kept_and_the_promoted_policy_keeps_them(
    uplift: Loaded, seen: pd.DataFrame
) -> None:
    settings = Settings(policy=LIMITED)
    p_abuse = np.random.default_rng(4).random(len(seen)) * 0.5
    inputs = Inputs.of(seen, uplift, frozenset(), p_abuse)
    done = decide(inputs, settings, KEY, 40_000)
    rows = choices_of(done, inputs, KEY).set_index(seen.index)
    given_ = rows.offer != "none"
    young = seen.account_age_days < 30
    assert rows.cost_cents.sum() <= 40_000
    assert (rows.offer == "large").sum() <= 60
    assert rows.value_cents.sum() >= 0.5 * rows.cost_cents.sum()
    assert (given_ & young).sum() >= 130
    assert (given_ & (seen.account_age_days >= 30)).sum() <= 200
    assert (seen.claims_7d[given_] < 2).all()
    assert (seen.coupon_discount_cents_90d[given_] + rows.cost_cents[given_] <= 300).all()
    assert set(rows.reason[seen.claims_7d >= 2]) == {"contact_limit"}
    policy = Policy.from_spec(json.loads(json.dumps(done.policy.to_spec())))
    found = effects(uplift.artefact, matrix_of(seen, FEATURES))
    profit = expected_profit(found, p_abuse)
    for i in range(0, 1_500, 13):
        facts = {name: seen[name].to_numpy(float)[[i]] for name in policy.needs}
        alone = choose(policy, profit[[i]], found.cost[[i]], [rows.user_id[i]], [KEY], facts=facts)
        assert (policy.arms[alone.offer[0]], alone.propensity[0]) == (rows.offer[i], rows.propensity[i])


def test_a_limit_that_cannot_be_kept_is_one_line_that_names_it(uplift: Loaded, seen: pd.DataFrame) -> None:
    segments = {"feature": "account_age_days", "edges": [30], "limits": {"account_age_days < 30": {"min_users": 1_400}}}
    settings = Settings(policy={"limits": {"segments": segments}})
    with pytest.raises(InputError, match=r"segments\[account_age_days < 30\].min_users: got 1400.*at most") as caught:
        decide(Inputs.of(seen, uplift, frozenset()), settings, KEY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"stock": {"huge": 1}}, "huge"),
        ({"segments": {"feature": "shoe_size", "limits": {"a": {}}}}, "shoe_size"),
        ({"segments": {"limits": {"gold": {"max_users": 1}}}}, "member_tier"),
        ({"segments": {"feature": "lifecycle", "limits": {"gold": {"max_users": 1}}}}, "gold"),
    ],
)
def test_a_limit_on_what_does_not_exist_is_named(
    uplift: Loaded, seen: pd.DataFrame, limits: dict[str, object], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        decide(Inputs.of(seen, uplift, frozenset()), Settings(policy={"limits": limits}), KEY)


def test_the_words_of_a_choice_follow_from_its_row(uplift: Loaded, users: pd.DataFrame) -> None:
    inputs = Inputs.of(users, uplift, frozenset())
    done = decide(inputs, Settings(), KEY, budget_cents=40_000)
    rows = choices_of(done, inputs, KEY)
    found = done.explained()
    for i in range(0, 1_500, 101):
        why = Why.of(found, done.policy.arms, done.case.values, done.case.costs, i)
        row = rows.iloc[i]
        assert row.rule_offer == why.rule_offer
        assert row.runner_up == why.runner_up
        for name in (
            "budget_price",
            "unit_price_cents",
            "lead_cents",
            "price_below",
            "price_above",
            "cost_below_cents",
        ):
            told = getattr(why, name)
            assert np.isnan(row[name]) if told is None else row[name] == told
    decided = rows.reason.isin(["best", "no_gain"])
    assert (rows.offer[decided] == rows.rule_offer[decided]).all()


def test_an_abuser_is_worth_less(uplift: Loaded, users: pd.DataFrame) -> None:
    free = decide(Inputs.of(users, uplift, frozenset()), Settings(), KEY, 40_000)
    sure = decide(Inputs.of(users, uplift, frozenset(), np.ones(len(users))), Settings(), KEY, 40_000)
    assert free.figures()["profit_cents"] > 0
    assert not sure.assigned.best.any()  # all that is left of them is the coupon's cost


def test_choices_keep_their_schema_and_explain_every_row(uplift: Loaded, users: pd.DataFrame) -> None:
    inputs = Inputs.of(users, uplift, frozenset({"u00003"}))
    done = decide(inputs, Settings(), KEY, budget_cents=40_000)
    rows = choices_of(done, inputs, KEY)
    assert list(rows.columns) == CHOICES.names
    assert set(rows.reason) <= set(REASONS)
    assert rows.loc[rows.user_id == "u00003", ["offer", "reason"]].to_numpy().tolist() == [["none", "withheld"]]
    none = rows.offer == "none"
    assert (rows.loc[none, ["value_cents", "cost_cents", "score"]] == 0).all(axis=None)
    assert (rows.propensity > 0).all()
    assert (rows.loc[rows.reason == "best", "score"] > 0).all()


def test_flags_that_keep_coupons_are_told_from_those_that_wait_for_review(tmp_path: Path) -> None:
    flags = tmp_path / "flags.parquet"
    actions = ["allow", "hold", "withhold", "block"]
    pd.DataFrame({"user_id": ["a", "b", "c", "d"], "action": actions}).to_parquet(flags)
    assert withheld_users(flags) == {"c", "d"}
    assert withheld_users(None) == frozenset()


def test_a_flags_file_that_is_missing_or_lacks_a_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="flags: got"):
        withheld_users(tmp_path / "none.parquet")
    pd.DataFrame({"user": ["a"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="flags: got"):
        withheld_users(tmp_path / "other.parquet")


def test_a_feature_that_no_longer_exists_is_named(uplift: Loaded, users: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="features: got 'money'"):
        decide(Inputs.of(users.drop(columns="money"), uplift, frozenset()), Settings(), KEY)


def test_the_report_holds_all_figures(uplift: Loaded, users: pd.DataFrame, tmp_path: Path) -> None:
    done = decide(Inputs.of(users, uplift, frozenset()), Settings(), KEY, budget_cents=40_000)
    page = report_of(done, date(2026, 5, 31)).write(tmp_path)
    saved = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert saved == pytest.approx(done.figures())
    assert "One more ¥1 of budget would earn ¥" in page.read_text("utf-8")
    text = page.read_text("utf-8")
    assert "预期花费" in text
    assert "<dd>¥400</dd>" in text  # the budget
    assert "<svg" in text


def test_segments_are_compared_with_intervals_and_a_floor_has_its_price(
    uplift: Loaded, seen: pd.DataFrame, tmp_path: Path
) -> None:
    settings = Settings(policy=LIMITED)
    done = decide(Inputs.of(seen, uplift, frozenset()), settings, KEY, 40_000)
    fair = compare_segments(done, seen, segmentation(settings))
    assert fair is not None
    page = report_of(done, date(2026, 5, 31), fair).write(tmp_path).read_text("utf-8")
    widest = fair.widest
    assert widest is not None
    assert f"Among users of equal need, {escape(widest.name.replace('<=', '≤'))} gets an offer" in page
    assert "The floor “at least so many users of account_age_days &lt; 30” costs ¥" in page
    assert "在需求相同的用户中" in page
    saved = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert saved["segment[account_age_days < 30]_gap_alike_low"] > 0
    assert saved["limit_stock[large]_price"] > 0


def test_people_decide_above_flags_and_models() -> None:
    flagged = frozenset({"a", "b", "c"})
    assert _withheld(flagged, {"a": "allow", "b": "hold", "d": "block"}) == {"c", "d"}


def test_without_a_ledger_nothing_stands_against_anybody(tmp_path: Path) -> None:
    assert standings(Settings(home=tmp_path), ["u"]) == {}
    assert not (tmp_path / "ledger.db").exists()

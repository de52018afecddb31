"""The rest of a day is priced for who may still come, with what is really left."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from fakes.rounds import FEATURES, registry_with_effects

from features.errors import InputError
from models.policy.assign import Policy, choose
from models.policy.expected import expected_profit
from models.registry import Registry, effects
from pipelines import pace_budget
from pipelines.choose_coupons import decide, log_policy
from pipelines.pace_budget import Repriced, chances, reprice, start_of_day
from pipelines.read_features import matrix_of
from pipelines.round_inputs import Inputs
from serving.settings import Settings
from serving.store.spending import Coming, Taken

NOON = datetime(2026, 6, 1, 4)  # in Shanghai
BUDGET = 40_000
USERS = 1_500


@pytest.fixture
def settings(tmp_path: object) -> Settings:
    return Settings(home=tmp_path, policy={"budget_cents": BUDGET, "exploration": 0.0, "holdout": 0.0})


@pytest.fixture
def users() -> pd.DataFrame:
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(USERS, 3)), columns=list(FEATURES))
    return frame.assign(user_id=[f"u{number:05d}" for number in range(USERS)])


@pytest.fixture
def registry(settings: Settings) -> Registry:
    return registry_with_effects(settings)


class Day:
    """A shop in the middle of a day: what was taken so far, and how often people came before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, users: pd.DataFrame) -> None:
        self.taken: list[Taken] = []
        self.coming = Coming(0, {})
        monkeypatch.setattr(pace_budget, "users_on", lambda *_: users)
        monkeypatch.setattr(pace_budget, "newest_day", lambda *_: NOON.date())
        monkeypatch.setattr(pace_budget, "taken_between", lambda *_: self.taken)
        monkeypatch.setattr(pace_budget, "coming_between", lambda *_: self.coming)


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch, users: pd.DataFrame) -> Day:
    return Day(monkeypatch, users)


@pytest.fixture
def night(registry: Registry, settings: Settings, users: pd.DataFrame) -> Policy:
    """The policy that the night's round promoted."""
    done = decide(Inputs.of(users, registry.load("uplift"), frozenset()), settings, "round:2026-05-31")
    log_policy(registry, done.policy, {})
    return done.policy


def champion(registry: Registry) -> Policy:
    return Policy.from_spec(registry.load("policy").artefact.spec)


def test_with_nothing_spent_and_everybody_expected_the_price_stays(
    registry: Registry, settings: Settings, night: Policy, day: Day
) -> None:
    done = reprice(settings, NOON)
    assert done.figures["users_expected"] == USERS
    assert champion(registry).prices.cost[0] == pytest.approx(night.prices.cost[0], rel=1e-3)
    assert champion(registry).version == "round:2026-05-31+04:00"
    assert champion(registry).limits == night.limits  # what the next pricing starts from again


def test_money_spent_faster_than_planned_makes_the_rest_of_the_day_dearer(
    registry: Registry, settings: Settings, night: Policy, users: pd.DataFrame, day: Day
) -> None:
    day.taken = [Taken(user, "large", 300.0) for user in users.user_id[:100]]
    done = reprice(settings, NOON)
    assert done.figures["spent_cents"] == 30_000
    assert done.figures["users_expected"] == USERS - 100
    assert champion(registry).prices.cost[0] > night.prices.cost[0]
    assert done.figures["spend_cents"] <= BUDGET - 30_000
    # Who has come is not planned for again, and the others' offers fit into what is left.
    found = effects(registry.load("uplift").artefact, matrix_of(users[100:], FEATURES))
    ids = users.user_id[100:].tolist()
    given = choose(champion(registry), expected_profit(found), found.cost, ids, ["round:2026-05-31"] * len(ids)).offer
    assert found.cost[np.arange(len(ids)), given].sum() <= BUDGET - 30_000


def test_when_few_people_come_on_a_day_those_few_get_the_money(
    registry: Registry, settings: Settings, night: Policy, users: pd.DataFrame, day: Day
) -> None:
    day.coming = Coming(28, dict.fromkeys(users.user_id, 7))  # each on one day in four
    done = reprice(settings, start_of_day(NOON, settings.shop.timezone))
    assert done.figures["users_expected"] == pytest.approx(USERS / 4, rel=0.15)
    assert champion(registry).prices.cost[0] < night.prices.cost[0]


def test_the_day_is_the_shops_own_and_a_rerun_prices_for_the_same_people(
    registry: Registry, settings: Settings, night: Policy, users: pd.DataFrame, day: Day
) -> None:
    assert start_of_day(NOON, "Asia/Shanghai") == datetime(2026, 5, 31, 16)
    assert start_of_day(datetime(2026, 3, 8, 12), "America/New_York") == datetime(2026, 3, 8, 5)
    day.coming = Coming(28, dict.fromkeys(users.user_id[::2], 9))
    one, two = reprice(settings, NOON), reprice(settings, NOON)
    assert one.figures == two.figures
    assert one.policy_version != two.policy_version


def test_when_everybody_has_come_the_last_price_stands(
    registry: Registry, settings: Settings, night: Policy, users: pd.DataFrame, day: Day
) -> None:
    day.taken = [Taken(user, "none", 0.0) for user in users.user_id]
    before = registry.version("policy")
    assert reprice(settings, NOON) == Repriced(
        None, {"decisions": 1500.0, "spent_cents": 0.0, "users_expected": 0.0, "users_come": 1500.0}
    )
    assert registry.version("policy") == before


def test_chances_are_drawn_to_the_average_and_unknown_without_a_past() -> None:
    assert chances(["a"], Coming(0, {})) is None
    found = chances(["daily", "never", "half"], Coming(20, {"daily": 20, "half": 10}))
    assert found is not None
    assert found.tolist() == pytest.approx([21 / 22, 1 / 22, 11 / 22])


def test_without_a_policy_there_is_nothing_to_pace(registry: Registry, settings: Settings) -> None:
    with pytest.raises(InputError, match=r"^model policy: got 'no champion'"):
        reprice(settings, NOON + timedelta(hours=1))

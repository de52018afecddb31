"""The live scorecard: it adds up, more company within minutes never helps, places and old hands are spared."""

from __future__ import annotations

import math
from typing import Any

import pytest
from fakes.scoring import Features, Models, abuse
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from serving.scoring.champions import Holder
from serving.scoring.live import KINDS, RULES, STEPS, Weights, known_places, weigh
from serving.scoring.live_words import live_reasons
from serving.scoring.messages import RiskRequest
from serving.scoring.risk import assess
from serving.scoring.vectors import gather

COUNT = st.integers(0, 30)


@st.composite
def figures(draw: Any) -> dict[str, float]:
    """What an issuer may send: nested windows of each kind, places, guilt, the account's own."""
    found: dict[str, float] = {}
    for kind in KINDS:
        windows = sorted(draw(st.lists(COUNT, min_size=len(STEPS), max_size=len(STEPS))))
        found |= {f"{kind}_{step}": float(n) for step, n in zip(STEPS, windows, strict=True)}
        found[f"{kind}_settled"] = float(draw(COUNT))
        found[f"{kind}_accounts"] = found[f"{kind}_24h"]
        found[f"{kind}_minutes"] = 5.0
    for name in ("ip_doors", "device_doors"):
        found[name] = draw(st.floats(0, 1))
    found |= {"device_flagged": float(draw(st.integers(0, 2))), "once": float(draw(st.booleans()))}
    return found | ({"age_days": draw(st.floats(0, 900))} if draw(st.booleans()) else {})


def within_minutes(kind: str, count: float) -> dict[str, float]:
    windows = {f"{kind}_{step}": count for step in STEPS}
    return {**windows, f"{kind}_accounts": count, f"{kind}_minutes": 6.0, "once": 1.0}


@given(figures())
def test_the_score_is_the_sum_of_its_points(live: dict[str, float]) -> None:
    found = weigh(live, {})
    odds = found.base + sum(found.points.values())
    assert math.isclose(math.log(found.score / (1 - found.score)), odds, abs_tol=1e-6)
    assert all(points >= 0 for points in found.points.values())


@given(figures(), st.sampled_from(KINDS))
def test_one_more_account_within_minutes_never_lowers_the_score(live: dict[str, float], kind: str) -> None:
    more = {**live, **{f"{kind}_{step}": live[f"{kind}_{step}"] + 1 for step in STEPS}}
    assert weigh(more, {}).score >= weigh(live, {}).score - 1e-12


@given(figures(), st.sampled_from(["settled", "age", "orders", "terminal"]))
def test_what_speaks_for_a_place_or_an_account_never_raises_the_score(live: dict[str, float], what: str) -> None:
    stored: dict[str, float] = {"account_age_days": 40.0} if what == "age" else {}
    if what == "orders":
        stored = {"orders_life": 3.0}
    if what == "settled":
        stored = {f"{kind}_accounts_life": 60.0 for kind in KINDS} | {f"{kind}_claimers_life": 20.0 for kind in KINDS}
    kinder = weigh(live, stored, "kiosk" if what == "terminal" else None)
    assert kinder.score <= weigh(live, {}).score + 1e-12


@given(figures())
def test_what_scoring_tells_back_is_enough_to_weigh_again(live: dict[str, float]) -> None:
    stored = {"device_accounts_life": 31.0, "device_claimers_life": 9.0, "account_age_days": 2.0, "orders_life": 1.0}
    assert weigh(live, known_places(stored)) == weigh(live, stored)


@pytest.mark.parametrize(("others", "action"), [(1, "allow"), (2, "withhold"), (5, "withhold")])
def test_the_third_account_on_a_device_is_one_too_many(others: int, action: str) -> None:
    assert weigh(within_minutes("device", others), {}).action == action


def test_a_terminal_of_the_shop_and_a_place_that_many_know_are_spared() -> None:
    queue = {f"device_{step}": n for step, n in zip(STEPS, (1.0, 3.0, 12.0, 60.0), strict=True)} | {"once": 1.0}
    assert weigh(queue, {}).action == "withhold"
    assert weigh(queue, {}, "kiosk").action == "allow"
    known = {"device_accounts_life": 60.0, "device_claimers_life": 40.0}
    assert weigh(queue, known).action == "allow"


def test_reasons_say_what_raised_the_score_and_what_lowered_it_in_both_languages() -> None:
    live = {**within_minutes("device", 4.0), "device_flagged": 1.0, "redeemed_1h": 2.0, "new_device": 1.0}
    live |= {"device_settled": 8.0, "ip_10m": 3.0, "ip_1h": 3.0, "ip_24h": 3.0, "ip_doors": 1.0, "age_days": 30.0}
    found = live_reasons(live, weigh(live, {}))
    codes = [reason.code for reason in found]
    assert {"live_device", "live_guilt", "live_drain", "live_new_device"} <= set(codes)
    assert codes[-3:] == ["live_own", "live_device_settled", "live_ip_doors"]
    assert all(reason.en.isascii() and any("一" <= letter <= "鿿" for letter in reason.zh) for reason in found)


@pytest.mark.parametrize(
    "change", [{"base": None}, {"doubling": -1.0}, {"hold": 0.9}, {"place": 0.0}, {"surprise": 1.0}, {"rush": None}]
)
def test_a_scorecard_that_is_none_is_refused(change: dict[str, Any]) -> None:
    spec = {name: value for name, value in {**RULES, **change}.items() if value is not None}
    with pytest.raises(InputError, match="live scorecard"):
        Weights.of(spec)


def test_without_a_model_the_rules_answer_and_say_so() -> None:
    features = Features({})
    holder = Holder(Models(), features)
    ask = RiskRequest(user_id="p3", device_id="phone", live=within_minutes("device", 2.0))
    (found,) = assess(holder.current, [ask], gather(features, [ask]), {})
    assert (found.action, found.versions) == ("withhold", {"risk": "live-rules-1"})
    assert found.live is not None
    assert found.score == found.live.score
    (cleared,) = assess(holder.current, [ask], gather(features, [ask]), {"p3": "allow"})
    assert cleared.action == "allow"
    quiet = RiskRequest(user_id="p3", device_id="phone")
    (alone,) = assess(holder.current, [quiet], gather(features, [quiet]), {})
    assert (alone.score, alone.action, alone.live) == (None, "allow", None)


def test_a_model_that_counts_accounts_is_told_of_a_place() -> None:
    features, models = Features({("device", "kiosk"): [40.0]}), Models()
    models.put("abuse", abuse())  # three others on one device are enough for it
    holder = Holder(models, features)
    holder.refresh()
    counts = {"device_others_24h": 5.0}
    queue = {"device_1h": 1.0, "device_24h": 5.0, "device_7d": 5.0, "once": 1.0}

    def action(**more: Any) -> str:
        ask = RiskRequest(user_id="new", device_id="kiosk", counts=counts, live=queue, **more)
        return assess(holder.current, [ask], gather(features, [ask]), {})[0].action

    assert (action(), action(terminal="kiosk")) == ("withhold", "allow")

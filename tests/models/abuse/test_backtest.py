"""Rules replayed over the past: against an oracle of plain loops, with rings and reviews by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from models.abuse.decision.actions import Decider, Thresholds
from models.abuse.decision.backtest import Past, backtest, changes
from models.abuse.decision.budgets import GRID
from models.abuse.decision.innocent import judged, look_alikes
from models.abuse.decision.standing import NEVER, company, reached, spending, stakes
from models.abuse.detect import Detected
from models.abuse.marks import DAY, HOUR
from oracles.backtest import cheapest, replay

Event = tuple[int, int, float, int]  # account, moment in hours, score, cents
NO_LINKS = pd.DataFrame({"at": [], "row": [], "a": [], "b": [], "kind": [], "strength": []}).astype(
    {"at": "int64", "row": "int64", "a": "int64", "b": "int64", "strength": "float64"}
)


def detected(events: list[Event], accounts: int, links: pd.DataFrame = NO_LINKS) -> Detected:
    events = sorted(events, key=lambda e: (e[1], e[0]))
    rows = pd.DataFrame(events, columns=["account", "us", "score", "cents"]).astype({"cents": "float64"})
    rows["us"] *= HOUR
    rows["kind"] = "order"
    for column in ("device_n_ever", "address_n_ever", "ip_n_ever", "full_orders_ever"):
        rows[column] = 0.0
    last = {who: score for who, _, score, _ in sorted(events, key=lambda event: event[1])}
    scores = [last.get(i, 0.0) for i in range(accounts)]
    names = pd.DataFrame({"user_id": [f"u{i}" for i in range(accounts)], "score": scores})
    return Detected(rows, pd.DataFrame(index=rows.index), names, links, 0)


def past(found: Detected, days: int, abusive: list[float] | None = None) -> Past:
    n = len(found.accounts)
    said = np.full(n, np.nan) if abusive is None else np.array(abusive)
    return Past(found, said, np.zeros(n, bool), 0, days * DAY)


events = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 95), st.floats(0, 1), st.integers(0, 9000)), min_size=1, max_size=25
)


@settings(max_examples=60, deadline=None)
@given(events=events, review=st.sampled_from([0.1, 0.25, 0.33, 0.6]))
def test_every_account_is_decided_as_event_by_event(events: list[Event], review: float) -> None:
    found = detected(events, 4)
    decider = Decider(Thresholds(review, 0.7))
    result = backtest(past(found, 4), decider, 100).accounts.set_index("account")
    paid = [c for *_, c in events if c > 0]
    typical = float(np.median(paid)) if paid else 2000.0
    for account in range(4):
        mine = [(at * HOUR, score) for who, at, score, _ in events if who == account]
        spent = [(at * HOUR, c) for who, at, _, c in events if who == account and c > 0]
        first, last, since = replay(
            mine, spent, typical, decider.levels(GRID), lambda p, s: cheapest(p, s, review, 0.7, coupon=typical)
        )
        if not mine:
            assert account not in result.index
            continue
        line = result.loc[account]
        assert (line["first"], line["action"], line["at"]) == (first, last, NEVER if since is None else since)
        after = sum(c for at, c in spent if since is not None and at >= since)
        passes = {"allow": 1.0, "cap": 0.8, "hold": 0.05, "withhold": 0.0}[first]
        assert line["taken_cents"] == sum(c for _, c in spent)
        assert line["stopped_cents"] == pytest.approx(after * (1 - passes))


@settings(max_examples=30, deadline=None)
@given(events=events, later=events)
def test_later_rows_change_no_decision_of_earlier_days(events: list[Event], later: list[Event]) -> None:
    """Only the price of a typical coupon looks at the whole window, so it is held here."""
    events = [(who, at, score, 1000) for who, at, score, _ in events]
    added = [(who, at + 96, score, 1000) for who, at, score, _ in later]
    short = backtest(past(detected(events, 4), 4), Decider(), 1).accounts
    long = backtest(past(detected(events + added, 4), 8), Decider(), 1).accounts.set_index("user_id")
    acted = short[(short["first"].isin(["hold", "withhold"]))]
    for line in acted.itertuples():
        same = long.loc[line.user_id]
        assert (same["first"], same["at"], same["p"] >= line.p) == (line.first, line.at, True)


def test_a_ring_is_one_case_and_its_members_are_met_when_it_is_found() -> None:
    links = pd.DataFrame({"at": [2 * HOUR], "row": [1], "a": [0], "b": [1], "kind": ["device"], "strength": [1.0]})
    found = detected([(0, 1, 0.1, 4000), (1, 2, 0.6, 4000), (0, 30, 0.1, 4000), (2, 3, 0.5, 4000)], 3, links)
    result = backtest(past(found, 3), Decider(), 1)
    by = result.accounts.set_index("user_id")
    assert by.loc["u0", "at"] == by.loc["u1", "at"] == 2 * HOUR
    assert by.loc["u0", "case"] == by.loc["u1", "case"] != by.loc["u2", "case"]
    assert result.figures["cases"] == 2
    assert by.loc["u0", "stopped_cents"] == pytest.approx(4000 * 0.95)  # its later order, not its first
    assert result.daily["reviewed"].tolist() == [1, 1, 0]
    assert by.loc["u0", "reviewed_day"] == 0


def test_an_honest_account_is_released_at_the_end_of_its_review_day() -> None:
    found = detected([(0, 1, 0.5, 5000), (0, 20, 0.5, 3000), (0, 30, 0.5, 4000)], 1)
    result = backtest(past(found, 3, [0.0]), Decider(), 1)
    assert result.accounts.loc[0, "stopped_cents"] == pytest.approx(0.95 * 8000)
    assert result.figures["honest_cents_stopped"] == pytest.approx(0.95 * 8000)
    waiting = backtest(past(found, 3, [0.0]), Decider(), 0)
    assert waiting.accounts.loc[0, "stopped_cents"] == pytest.approx(0.95 * 12000)
    assert waiting.figures["waiting_at_the_end"] == 1


def test_figures_count_judged_accounts_alone() -> None:
    found = detected([(0, 1, 0.9, 500), (1, 1, 0.9, 500), (2, 1, 0.9, 500), (3, 1, 0.0, 500)], 4)
    figures = backtest(past(found, 1, [1.0, 0.0, np.nan, 1.0]), Decider(), 5).figures
    assert (figures["judged"], figures["judged_abusive"]) == (3, 2)
    assert figures["precision_of_judged"] == 0.5
    assert figures["recall_of_judged"] == 0.5


def test_the_changes_between_two_rules_are_listed_by_what_is_at_stake() -> None:
    found = detected([(0, 1, 0.3, 5000), (1, 0, 0.1, 9000), (1, 1, 0.3, 9000), (2, 1, 0.95, 5000)], 3)
    window = past(found, 1)
    mild, strict = Decider(Thresholds(0.5, 0.9)), Decider(Thresholds(0.2, 0.9))
    moved = changes(backtest(window, mild, 5), backtest(window, strict, 5))
    assert (moved["before"] == "allow").all()
    assert moved["user_id"].tolist() == ["u1", "u0"]


def test_what_was_acted_on_before_the_window_is_not_decided_again() -> None:
    found = detected([(0, 1, 0.9, 500), (0, 60, 0.9, 500), (1, 60, 0.9, 500)], 2)
    window = Past(found, np.full(2, np.nan), np.zeros(2, bool), 2 * DAY, 4 * DAY)
    assert backtest(window, Decider(), 5).accounts["user_id"].tolist() == ["u1"]
    with pytest.raises(InputError, match="window"):
        Past(found, np.full(2, np.nan), np.zeros(2, bool), 2, 2)


def test_money_stakes_and_company_by_hand() -> None:
    found = detected([(0, 0, 0.1, 100), (0, 24, 0.5, 300), (1, 24, 0.5, 0), (0, 900, 0.9, 700)], 2)
    spent = spending(found)
    assert spent["cents"].tolist() == [100, 300, 700]
    at = reached(found, 0.5)
    assert at.at.tolist() == [24 * HOUR, 24 * HOUR]
    assert stakes(spent, at.at, 50.0).tolist() == [150.0, 50.0]
    assert company(np.array([5, 5, 3, 9]), np.array([0, 0, 0, 1])).tolist() == [3, 3, 1, 1]


def test_the_last_word_of_a_person_counts_and_use_speaks_where_nobody_looked() -> None:
    found = detected([(0, 1, 0.1, 0), (1, 1, 0.1, 0), (2, 1, 0.1, 0), (3, 1, 0.1, 0)], 4)
    found.rows["device_n_ever"] = [3.0, 3.0, 3.0, 0.0]
    found.rows["full_orders_ever"] = [0.0, 1.0, 1.0, 1.0]
    verdicts = pd.DataFrame({"user_id": ["u0", "u0", "u2"], "us": [2, 1, 1], "abusive": [0, 1, 1]})
    said = judged(found, verdicts)
    assert np.array_equal(said, [0.0, np.nan, 1.0, np.nan], equal_nan=True)
    assert look_alikes(found, said).tolist() == [True, True, False, False]
    assert np.isnan(judged(found, None)).all()

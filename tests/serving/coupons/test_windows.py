"""Hours and days of the shop, across midnights and changes of its clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fakes.counter import ZONE, goods, local, pays, template
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.coupons.audience import Audience
from serving.coupons.kinds import Gift, GiftItem, NoThreshold
from serving.coupons.money import InvalidError
from serving.coupons.template import Limits
from serving.coupons.validity import DaysFromClaim, FixedDates
from serving.coupons.windows import Slot, Window, is_open, open_slot, wait_seconds

NEW_YORK = ZoneInfo("America/New_York")
MORNING = Window(time(8), time(10))


@pytest.mark.requirement("F019")
def test_an_early_bird_coupon_is_usable_from_eight_to_ten() -> None:
    of = template(NoThreshold(500), coupon_class="early_bird", windows=(MORNING,))
    answers = [pays(of, goods(3000), at=local(f"2026-05-02 {at}")) for at in ("07:59", "08:00", "09:59", "10:01")]
    assert answers == ["outside_hours", 2500, 2500, "outside_hours"]
    assert pays(of, goods(3000), at=local("2026-05-02 10:00")) == "outside_hours"


@pytest.mark.requirement("F026")
def test_occasions_are_windows_of_the_calendar_or_fixed_dates() -> None:
    member_day = template(NoThreshold(500), coupon_class="member_day", windows=(Window(month_days=(8,)),))
    days = ("2026-05-07 23:59", "2026-05-08 00:00", "2026-05-08 23:59", "2026-05-09 00:00")
    found = [pays(member_day, goods(3000), at=local(at), claimed=local("2026-05-06 12:00")) for at in days]
    assert found == ["outside_hours", 2500, 2500, "outside_hours"]
    for month, day in ((11, 11), (6, 18), (12, 25)):
        festival = date(2026, month, day)
        of = template(NoThreshold(500), coupon_class="festival", validity=FixedDates(festival, festival))
        noons = [local(f"{festival + timedelta(days=n)} 12:00") for n in (-1, 0, 1)]
        found = [pays(of, goods(3000), at=at, claimed=local(f"2026-{month:02d}-01 09:00")) for at in noons]
        assert found == ["not_yet_valid", 2500, "coupon_expired"]
        every_year = Window(months=(month,), month_days=(day,))
        assert [every_year.opens_on(festival.replace(year=year)) for year in (2026, 2027)] == [True, True]
        assert not every_year.opens_on(festival + timedelta(days=1))


@pytest.mark.requirement("F026")
def test_a_birthday_coupon_may_come_with_a_small_gift() -> None:
    of = template(Gift((GiftItem("card"),), 100), coupon_class="birthday", audience=Audience(birthday_month=True))
    assert pays(of, goods(3000)) == 3000


def test_a_night_belongs_to_the_day_on_which_it_began() -> None:
    friday_night = Window(time(22), time(2), weekdays=(5,))
    held = [
        datetime(2026, 5, day, hour)
        for day in (1, 2, 3)
        for hour in range(24)
        if friday_night.holds(datetime(2026, 5, day, hour))
    ]
    assert held == [datetime(2026, 5, 1, 22), datetime(2026, 5, 1, 23), datetime(2026, 5, 2), datetime(2026, 5, 2, 1)]


def test_everything_given_must_hold_and_nothing_given_is_always_open() -> None:
    assert Window(weekdays=(5,), month_days=(13,)).opens_on(date(2026, 2, 13))
    assert not Window(weekdays=(5,), month_days=(13,)).opens_on(date(2026, 5, 13))
    assert Window().holds(datetime(2026, 5, 1, 3))
    assert is_open((), datetime(2026, 5, 1), ZONE)
    assert wait_seconds((), datetime(2026, 5, 1), ZONE) == 0


def test_the_wait_is_the_time_until_the_next_opening_of_any_window() -> None:
    windows = (MORNING, Window(time(20), time(21)))
    assert wait_seconds(windows, local("2026-05-01 07:59"), ZONE) == 60
    assert wait_seconds(windows, local("2026-05-01 10:00"), ZONE) == 10 * 3600
    assert wait_seconds(windows, local("2026-05-01 20:30"), ZONE) == 0
    assert wait_seconds(windows, local("2026-05-01 21:00"), ZONE) == 11 * 3600
    just = local("2026-05-01 07:59") + timedelta(seconds=59, microseconds=1)
    assert wait_seconds(windows, just, ZONE) == 1
    leap_day = Window(months=(2,), month_days=(29,))
    assert (
        wait_seconds((leap_day,), local("2026-05-01 00:00"), ZONE)
        == (date(2028, 2, 29) - date(2026, 5, 1)).days * 86400
    )
    never_soon = Window(weekdays=(1,), months=(2,), month_days=(29,))
    assert wait_seconds((never_soon,), local("2026-05-01 00:00"), ZONE) is None


@settings(deadline=None)
@given(
    st.sampled_from([datetime(2026, 3, 7, 20), datetime(2026, 10, 31, 20), datetime(2026, 5, 1)]),
    st.integers(0, 30 * 60),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from([(), (6,), (7,), (1,)]),
)
def test_the_wait_ends_when_the_window_opens_and_not_before(
    start: datetime, minutes: int, opens: time, closes: time, weekdays: tuple[int, ...]
) -> None:
    """Minute by minute through the nights on which New York changes its clock."""
    window, now = Window(opens, closes, weekdays), start + timedelta(minutes=minutes)
    wait = wait_seconds((window,), now, NEW_YORK)
    assert wait is not None
    moments = [now + timedelta(minutes=n) for n in range(9 * 24 * 60)]
    first = next(at for at in moments if window.holds(at.replace(tzinfo=UTC).astimezone(NEW_YORK).replace(tzinfo=None)))
    assert now + timedelta(seconds=wait) == first


def test_slots_say_which_one_is_open() -> None:
    slots = (Slot(time(10), time(10, 30), 100), Slot(time(20), time(0), 100))
    found = [open_slot(slots, local(f"2026-05-01 {at}"), ZONE) for at in ("09:59", "10:00", "10:30", "20:00", "23:59")]
    assert found == [None, 0, None, 1, 1]
    assert open_slot(slots, local("2026-05-02 00:00"), ZONE) is None


CROSSED = (Slot(time(10), time(12), 1), Slot(time(11), time(13), 1))
AFTER_MIDNIGHT = (Slot(time(20), time(0), 1), Slot(time(21), time(22), 1))


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        (Window, {"weekdays": (0,)}, "windows.weekdays"),
        (Window, {"weekdays": (1, 1)}, "windows.weekdays"),
        (Window, {"month_days": (32,)}, "windows.month_days"),
        (Window, {"month_days": (30, 31), "months": (2,)}, "windows.month_days"),
        (Window, {"months": (13,)}, "windows.months"),
        (Window, {"start": time(8, tzinfo=UTC)}, "windows.start"),
        (Slot, {"start": time(10), "end": time(10), "quota": 1}, "slots.end"),
        (Slot, {"start": time(10), "end": time(9), "quota": 1}, "slots.end"),
        (Slot, {"start": time(10), "end": time(11), "quota": 0}, "slots.quota"),
        (Limits, {"slots": CROSSED}, "slots.start"),
        (Limits, {"slots": AFTER_MIDNIGHT}, "slots.start"),
        (Limits, {"carry": True}, "carry"),
    ],
)
def test_hours_that_cannot_be_name_their_field(kind: type[Any], values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        kind(**values)
    assert caught.value.field == field


def test_windows_leave_the_validity_alone() -> None:
    of = template(NoThreshold(500), windows=(MORNING,), validity=DaysFromClaim(1))
    assert pays(of, goods(3000), at=local("2026-05-02 08:30")) == "coupon_expired"

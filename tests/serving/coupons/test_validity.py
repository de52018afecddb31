"""When a coupon may be used, to the second, where the shop is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fakes.counter import ZONE, goods, local, pays, template
from hypothesis import given
from hypothesis import strategies as st

from serving.coupons.advice import validity_use
from serving.coupons.kinds import NoThreshold
from serving.coupons.money import InvalidError
from serving.coupons.validity import (
    PRESET_DAYS,
    DaysFromClaim,
    FixedDates,
    MinutesFromClaim,
    Validity,
    local_day,
    midnight,
    validity_from_data,
    validity_to_data,
)

CASH = NoThreshold(500)
ZONES = [ZoneInfo(name) for name in ("Asia/Shanghai", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "UTC")]


@pytest.mark.requirement("F018")
def test_a_coupon_of_two_hours_ends_two_hours_after_the_claim() -> None:
    of = template(CASH, coupon_class="limited_time", validity=MinutesFromClaim(120))
    claimed = local("2026-05-01 10:00")
    found = [pays(of, goods(3000), at=local(f"2026-05-01 {at}"), claimed=claimed) for at in ("10:00", "11:59", "12:01")]
    assert found == [2500, 2500, "coupon_expired"]
    assert pays(of, goods(3000), at=local("2026-05-01 12:00"), claimed=claimed) == "coupon_expired"


@pytest.mark.requirement("F035")
def test_validity_is_fixed_dates_or_days_from_the_claim() -> None:
    assert FixedDates(date(2026, 5, 1), date(2026, 5, 1)).length_days == 1
    with pytest.raises(InvalidError, match="first: got '2026-05-02', expected a day not after last"):
        FixedDates(date(2026, 5, 2), date(2026, 5, 1))
    with pytest.raises(InvalidError, match="days: got 0, expected an integer from 1"):
        DaysFromClaim(0)
    with pytest.raises(InvalidError, match="validity"):
        validity_from_data({"kind": "both"})


@pytest.mark.requirement("F036")
def test_the_day_of_the_claim_is_day_one() -> None:
    of = template(CASH, validity=DaysFromClaim(7))
    for claimed in (local("2026-05-01 00:00"), local("2026-05-01 23:59")):
        assert pays(of, goods(3000), at=local("2026-05-07 23:59"), claimed=claimed) == 2500
        assert pays(of, goods(3000), at=local("2026-05-08 00:00"), claimed=claimed) == "coupon_expired"


@pytest.mark.requirement("F037")
def test_the_presets_are_3_7_15_and_30_days_beside_fixed_dates() -> None:
    assert PRESET_DAYS == (3, 7, 15, 30)
    for days in PRESET_DAYS:
        ends = DaysFromClaim(days).window(local("2026-05-01 12:00"), ZONE)[1]
        assert ends == local("2026-05-01 00:00") + timedelta(days=days)


@pytest.mark.requirement("F204")
def test_a_coupon_for_one_festival_is_usable_on_that_day_only() -> None:
    day = date(2026, 11, 11)
    of = template(CASH, coupon_class="festival", validity=FixedDates(day, day))
    claimed = local("2026-11-01 09:00")
    moments = ("2026-11-10 23:59", "2026-11-11 00:00", "2026-11-11 23:59", "2026-11-12 00:00")
    found = [pays(of, goods(3000), at=local(at), claimed=claimed) for at in moments]
    assert found == ["not_yet_valid", 2500, 2500, "coupon_expired"]
    uses = [validity_use(DaysFromClaim(days)) for days in PRESET_DAYS]
    assert uses == ["timed_event", "newcomer", "time_to_decide", "member_right"]
    assert validity_use(FixedDates(day, day)) == "festival"


def test_days_end_at_midnight_across_changes_of_the_clock_and_ends_of_months() -> None:
    york = ZoneInfo("America/New_York")
    for claimed, last in (("2026-03-07 12:00", "2026-03-08"), ("2026-10-31 12:00", "2026-11-01")):
        ends = DaysFromClaim(2).window(local(claimed, york), york)[1]
        assert ends == local(f"{date.fromisoformat(last) + timedelta(days=1)} 00:00", york)
    assert DaysFromClaim(1).window(local("2028-02-29 23:59"), ZONE)[1] == local("2028-03-01 00:00")
    assert DaysFromClaim(30).window(local("2026-01-31 08:00"), ZONE)[1] == local("2026-03-02 00:00")


def test_two_hours_are_two_hours_while_the_clock_changes() -> None:
    york = ZoneInfo("America/New_York")
    for claimed in (local("2026-03-08 01:30", york), local("2026-11-01 00:30", york)):
        start, end = MinutesFromClaim(120).window(claimed, york)
        assert (start, end - start) == (claimed, timedelta(hours=2))


def test_a_day_without_a_midnight_begins_when_its_clock_does() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # from 24 April 2026, 00:00 to 01:00
    begins = midnight(date(2026, 4, 24), cairo)
    assert local_day(begins, cairo) == date(2026, 4, 24)
    assert local_day(begins - timedelta(seconds=1), cairo) == date(2026, 4, 23)


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),
    st.integers(1, 400),
    st.sampled_from(ZONES),
    st.integers(1, 5),
)
def test_the_last_day_is_the_days_after_the_day_before_the_claim(
    claimed: datetime, days: int, zone: ZoneInfo, seconds: int
) -> None:
    start, end = DaysFromClaim(days).window(claimed, zone)
    first = claimed.replace(tzinfo=UTC).astimezone(zone).date()
    last = first + timedelta(days=days - 1)
    assert start == claimed < end
    assert local_day(end - timedelta(seconds=seconds), zone) == last
    assert local_day(end, zone) == last + timedelta(days=1)
    assert FixedDates(first, last).window(claimed, zone)[1] == end


@given(
    st.one_of(
        st.integers(1, 3660).map(DaysFromClaim),
        st.integers(1, 9999).map(MinutesFromClaim),
        st.dates(date(2000, 1, 1), date(2999, 12, 31)).map(lambda day: FixedDates(day, day)),
    )
)
def test_a_stored_validity_reads_back_as_it_was(validity: Validity) -> None:
    assert validity_from_data(validity_to_data(validity)) == validity
    assert validity.length_days >= 1

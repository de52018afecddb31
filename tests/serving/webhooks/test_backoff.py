"""The waits between attempts, against a table written out by hand."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from serving.webhooks.backoff import MOST_ATTEMPTS, delay

PLAIN = [10, 40, 160, 640, 2560, 10240, 40960, 43200, 43200, 43200, 43200, 43200]


def test_the_waits_are_those_of_the_table_and_end() -> None:
    assert [delay(n, 0.5) for n in range(1, MOST_ATTEMPTS)] == [timedelta(seconds=seconds) for seconds in PLAIN]
    assert delay(MOST_ATTEMPTS, 0.5) is None
    assert delay(MOST_ATTEMPTS + 5, 0.5) is None


@given(st.integers(1, MOST_ATTEMPTS - 1), st.floats(0, 1, exclude_max=True))
def test_chance_moves_a_wait_by_a_fifth_at_most(attempts: int, draw: float) -> None:
    wait = delay(attempts, draw)
    assert wait is not None
    plain = timedelta(seconds=PLAIN[attempts - 1])
    assert plain * 0.799999 <= wait <= plain * 1.200001


def test_all_attempts_together_take_about_three_days() -> None:
    for draw, least, most in ((0.0, 2.5, 3.2), (0.5, 3.0, 3.3), (0.999, 3.0, 3.8)):
        total = sum((delay(n, draw) or timedelta() for n in range(1, MOST_ATTEMPTS)), timedelta())
        assert timedelta(days=least) < total < timedelta(days=most)

"""Chance that can be checked: in range, repeatable, without favour."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter

import pytest
from fakes.counter import coupon, goods, pays, template
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from serving.coupons.draws import draw, face_cents, pick
from serving.coupons.kinds import NoThreshold, Prize, RandomAmount
from serving.coupons.money import InvalidError

SEED = b"a seed of an installation"


@pytest.mark.requirement("F017")
def test_ten_thousand_draws_are_in_range_repeatable_and_fair() -> None:
    names = [f"cpn_{n}" for n in range(10_000)]
    drawn = [draw(SEED, name, 1, 100) for name in names]
    assert min(drawn) == 1
    assert max(drawn) == 100
    assert drawn == [draw(SEED, name, 1, 100) for name in names]
    assert drawn != [draw(b"another seed", name, 1, 100) for name in names]
    counts = Counter(drawn)
    assert chisquare([counts[face] for face in range(1, 101)]).pvalue > 0.01


@pytest.mark.requirement("F017")
def test_a_random_amount_is_drawn_once_and_used_as_it_was_drawn() -> None:
    kind = RandomAmount(100, 10_000)
    faces = {face_cents(kind, SEED, f"cpn_{n}") for n in range(200)}
    assert all(100 <= face <= 10_000 for face in faces)
    assert len(faces) > 150
    drawn = face_cents(kind, SEED, "cpn_1")
    assert drawn == face_cents(kind, SEED, "cpn_1")
    assert pays(kind, goods(20_000), face=drawn) == 20_000 - drawn
    assert coupon(template(kind), face=drawn).coupon.live_cents == drawn
    assert face_cents(NoThreshold(700), SEED, "cpn_1") == 700


@pytest.mark.requirement("F017")
def test_draws_that_stop_at_the_pool_never_promise_more_than_it() -> None:
    """The pool is counted where coupons are claimed; what has to hold for it is that a face is known before."""
    kind, pool, promised = RandomAmount(100, 10_000), 1_000_000, 0
    of = template(kind, pool_cents=pool)
    for n in range(1_000):
        face = face_cents(of.kind, SEED, f"cpn_{n}")
        if promised + face <= pool:
            promised += face
    assert pool - 10_000 < promised <= pool


@pytest.mark.requirement("F020")
def test_each_member_of_a_group_draws_one_coupon_by_the_weights() -> None:
    prizes = (Prize("ten", 6), Prize("twenty", 3), Prize("fifty", 1))
    group = [pick(SEED, f"group 7/{member}", prizes) for member in ("ann", "bo", "cy")]
    assert group == [pick(SEED, f"group 7/{member}", prizes) for member in ("ann", "bo", "cy")]
    assert set(group) <= {"ten", "twenty", "fifty"}
    drawn = Counter(pick(SEED, f"group {n}/ann", prizes) for n in range(10_000))
    assert chisquare([drawn["ten"], drawn["twenty"], drawn["fifty"]], [6000, 3000, 1000]).pvalue > 0.01


def test_a_draw_is_what_anybody_with_the_seed_computes_from_its_definition() -> None:
    message = len(b"cpn_1").to_bytes(4, "big") + b"cpn_1" + bytes(4)
    number = int.from_bytes(hmac.new(SEED, message, hashlib.sha256).digest(), "big")
    assert draw(SEED, "cpn_1", 5, 14) == 5 + number % 10


@given(st.integers(-(10**6), 10**6), st.integers(0, 10**6), st.text(max_size=20))
def test_every_draw_is_in_its_range(low: int, more: int, name: str) -> None:
    assert low <= draw(SEED, name, low, low + more) <= low + more


def test_numbers_that_would_favour_some_results_are_drawn_anew() -> None:
    """Of 3·2**254 results a quarter of all 256-bit numbers is left over; without rejection it would fall on the
    first third of them twice."""
    size = 3 * 2**254
    drawn = [draw(SEED, f"n{n}", 0, size - 1) for n in range(3_000)]
    thirds = Counter(number // 2**254 for number in drawn)
    assert chisquare([thirds[third] for third in range(3)]).pvalue > 0.01


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any), st.text(max_size=9))
def test_what_has_no_weight_is_never_picked(weights: list[int], name: str) -> None:
    assert weights[pick(SEED, name, list(enumerate(weights)))] > 0


def test_an_empty_range_and_a_negative_weight_are_errors() -> None:
    with pytest.raises(InvalidError, match="low"):
        draw(SEED, "x", 2, 1)
    with pytest.raises(InvalidError, match="low"):
        pick(SEED, "x", [("a", 0)])
    with pytest.raises(InvalidError, match="weight"):
        pick(SEED, "x", [("a", -1), ("b", 5)])

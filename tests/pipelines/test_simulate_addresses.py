from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from oracles.doors import door_numbers
from pipelines.shop.addresses import Place, respell, write

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.booleans(), st.integers(0, 4))
def test_every_spelling_keeps_the_numbers_of_its_door(seed: int, western: bool, effort: int) -> None:
    rng = np.random.default_rng(seed)
    place = Place.at_random(rng, western)
    # Digits may be transposed by a typo only between letters, so the numbers survive every spelling.
    assert door_numbers(respell(place, rng, effort)) == door_numbers(write(place))


@given(seeds, st.booleans())
def test_other_doors_of_a_house_have_other_addresses(seed: int, western: bool) -> None:
    place = Place.at_random(np.random.default_rng(seed), western)
    assert write(place.door(place.room + 1)) != write(place)


def test_more_effort_makes_spellings_less_alike() -> None:
    rng = np.random.default_rng(1)
    places = [Place.at_random(rng, False) for _ in range(300)]
    kept = [np.mean([respell(place, rng, effort) == write(place) for place in places]) for effort in (0, 3)]
    assert kept[0] > kept[1]
    assert len({respell(places[0], rng, 3) for _ in range(40)}) > 20

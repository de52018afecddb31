"""The stacked learner of a study: one vote per ring, weights chosen on later rows, probabilities that hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.abuse.marks import DAY
from models.abuse.metrics import auroc
from models.abuse.study.model import HALF_LIFE, design, fit_stacked, monotone, row_weights


def log(n: int = 1500, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """One column of company that tells, one of noise, one plain; in time order, a row a ring."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"plain_amount": rng.lognormal(3, 1, n), "own_x": rng.normal(size=n), "device_n_7d": rng.poisson(0.7, n)}
    )
    y = (rng.random(n) < 1 / (1 + np.exp(3 - 1.2 * X.device_n_7d))).astype(float)
    return X, y, np.arange(n) * DAY // 10, np.arange(n)


def test_probabilities_hold_on_later_rows_and_rise_with_company() -> None:
    X, y, us, ring = log(4000)
    model = fit_stacked(X[:2000], y[:2000], us[:2000], ring[:2000])
    chance = model.probability(design(X[2000:]))
    assert chance.mean() == pytest.approx(y[2000:].mean(), abs=0.03)
    assert auroc(y[2000:], chance) > 0.7
    assert (model.weights >= 0).all()
    company = pd.DataFrame({"plain_amount": [20.0] * 3, "own_x": [0.0] * 3, "device_n_7d": [0.0, 1.0, 4.0]})
    assert (np.diff(model.probability(design(company))) > 0).all()


def test_the_same_seed_gives_the_same_bits_and_missing_values_a_probability() -> None:
    X, y, us, ring = log(400)
    X.loc[::3, "own_x"] = np.nan
    X.loc[:, "plain_amount"] = np.nan
    first, second = (fit_stacked(X, y, us, ring, seed=3).probability(design(X)) for _ in range(2))
    assert (first == second).all()
    assert np.isfinite(first).all()


def test_a_farm_weighs_as_much_as_one_row_and_old_rows_less() -> None:
    us = np.array([0, 0, 0, 0, HALF_LIFE])
    found = row_weights(us, np.array([0, 0, 0, 1, 2]))
    assert found.tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2, 1])


def test_a_few_rows_of_both_labels_are_enough() -> None:
    X, _, us, ring = log(16)
    y = np.array([1.0] + [0.0] * 15)
    model = fit_stacked(X, y, us, ring)
    assert model.weights.tolist() == pytest.approx([1 / len(model.members)] * len(model.members))
    assert ((model.probability(design(X)) > 0) & (model.probability(design(X)) < 1)).all()


@pytest.mark.parametrize(
    ("name", "sign"),
    [("device_n_7d", 1), ("ip_new_ever", 1), ("device_bad_ever", 1), ("device_good_ever", 0), ("own_age", 0)],
)
def test_company_may_only_raise_a_score(name: str, sign: int) -> None:
    assert monotone(name) == sign

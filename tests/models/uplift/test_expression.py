"""Expressions of a trial spec compute what arithmetic says and run nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from models.uplift.expression import parse

FRAME = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": [4, 5, 6], "on sale": [True, False, True], "名称": ["x", "y", "z"]})

numbers = st.integers(0, 9).map(str)
expressions = st.recursive(
    st.sampled_from(["a", "b"]) | numbers,
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda e: f"({e[0]} {e[1]} -{e[2]})"),
    max_leaves=12,
)


@given(expressions)
def test_arithmetic_agrees_with_python(text: str) -> None:
    found = parse(text, "value").values(FRAME)
    expected = [eval(text, {"a": float(a), "b": float(b)}) for a, b in zip(FRAME.a, FRAME.b, strict=True)]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("b / 2", [2.0, 2.5, 3.0]),
        ("`on sale` * b", [4.0, 0.0, 6.0]),
        ("b >= 5", [0.0, 1.0, 1.0]),
        ("a == 2", [0.0, 1.0, np.nan]),
        ("3", [3.0, 3.0, 3.0]),
        (" -a ", [-1.0, -2.0, np.nan]),
    ],
)
def test_division_quoting_comparison_and_missing_values(text: str, expected: list[float]) -> None:
    np.testing.assert_array_equal(parse(text, "value").values(FRAME), expected)


def test_an_expression_names_its_columns_once_each() -> None:
    assert parse("a + `on sale` * a", "value").columns == ("a", "on sale")


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "a.b", "a[0]", "lambda: 1", "a if b else 1", "a ** b", "a and b", "True", "'a'", "1 < a < 2",
     "a := 1", "[a]", "", "a +", "f'{a}'", "a" * 501, "(" * 400],
)  # fmt: skip
def test_everything_but_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^value: got"):
        parse(text, "value")


@pytest.mark.parametrize(("text", "message"), [("c + 1", "a column of the data"), ("名称 + 1", "a column of numbers")])
def test_unknown_and_textual_columns_are_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(text, "cost").values(FRAME)

"""Arithmetic of columns, as written in a trial spec: ``revenue - 0.6 * goods``, ``(a + b) / 2``, ``spend > 0``.

The text is parsed into a syntax tree of which only numbers, column names, + - * /, signs and comparisons are
understood, so a spec cannot run code. A column whose name is not a Python name goes in backticks. Missing values stay
missing; a comparison gives 1.0 or 0.0.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import InputError

_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISON: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_LONGEST = 500
_ALLOWED = "numbers, column names, + - * / ( ) and comparisons"


@dataclass(frozen=True)
class Expression:
    """A parsed expression: the text, the tree, and the columns it names."""

    field: str
    text: str
    tree: ast.expr
    quoted: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads, in order of appearance."""
        names = [self._column(node) for node in ast.walk(self.tree) if isinstance(node, ast.Name)]
        return tuple(dict.fromkeys(names))

    def values(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Evaluate over a table, (n,). Raises ``InputError`` for an unknown column or one that holds no numbers."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            result = self._evaluate(self.tree, frame)
        return np.broadcast_to(np.asarray(result, dtype=float), (len(frame),)).copy()

    def _column(self, node: ast.Name) -> str:
        quoted = re.fullmatch(r"__quoted_(\d+)__", node.id)
        return self.quoted[int(quoted[1])] if quoted else node.id

    def _evaluate(self, node: ast.expr, frame: pd.DataFrame) -> Any:
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, int | float)
            return np.float64(node.value)
        if isinstance(node, ast.Name):
            return numbers(frame, self._column(node), self.field)
        if isinstance(node, ast.UnaryOp):
            value = self._evaluate(node.operand, frame)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            return _ARITHMETIC[type(node.op)](self._evaluate(node.left, frame), self._evaluate(node.right, frame))
        assert isinstance(node, ast.Compare)  # parse() lets nothing else through
        left, right = self._evaluate(node.left, frame), self._evaluate(node.comparators[0], frame)
        answer = np.asarray(_COMPARISON[type(node.ops[0])](left, right), dtype=float)
        return np.where(np.isnan(left) | np.isnan(right), np.nan, answer)


def parse(text: str | float, field: str) -> Expression:
    """Parse one expression of a spec; ``field`` is the key it stands under, for the error.

    >>> frame = pd.DataFrame({"spend": [10.0, 0.0], "e mail": [1, 2]})
    >>> parse("-(spend - 2) * 3 + `e mail`", "value").values(frame).tolist()
    [-23.0, 8.0]
    >>> parse("spend > 0", "value").values(frame).tolist()
    [1.0, 0.0]
    >>> parse("exit()", "value")
    Traceback (most recent call last):
    ...
    features.errors.InputError: value: got 'exit()', expected numbers, column names, + - * / ( ) and comparisons
    """
    source = str(text)
    quoted: list[str] = []

    def quote(found: re.Match[str]) -> str:
        quoted.append(found[1])
        return f"__quoted_{len(quoted) - 1}__"

    if len(source) > _LONGEST:
        raise InputError(field, source, f"at most {_LONGEST} characters")
    try:
        tree = ast.parse(re.sub(r"`([^`]+)`", quote, source).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(field, source, _ALLOWED) from error
    for node in ast.walk(tree):
        if not _understood(node):
            raise InputError(field, source, _ALLOWED)
    return Expression(field, source, tree, tuple(quoted))


def numbers(frame: pd.DataFrame, column: str, field: str) -> NDArray[np.float64]:
    """A column as float64 (booleans count as 0 and 1), or an ``InputError`` that names it."""
    if column not in frame.columns:
        raise InputError(field, column, f"a column of the data: {', '.join(map(str, frame.columns))}")
    values = frame[column]
    if not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)):
        held = f"{str(values.dropna().iloc[0])[:40]!r}" if values.notna().any() else "nothing"
        raise InputError(
            field, column, f"a column of numbers, and {column!r} holds {held} (write 1 and 0 for yes and no)"
        )
    result: NDArray[np.float64] = values.to_numpy(dtype=float, na_value=np.nan)
    return result


def _understood(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if isinstance(node, ast.BinOp):
        return type(node.op) in _ARITHMETIC
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub | ast.UAdd)
    if isinstance(node, ast.Compare):
        return len(node.ops) == 1 and type(node.ops[0]) in _COMPARISON
    return isinstance(node, ast.Name | ast.expr_context | ast.operator | ast.unaryop | ast.cmpop)

"""The values that may stand under the keys of a trial spec; everything else is an ``InputError`` that names the key."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from features.errors import InputError
from models.uplift.expression import Expression, parse
from models.uplift.reading import name_of


def scalar_of(value: object, key: str) -> str | float:
    """A column name, arithmetic, or number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(key, value, "a column or arithmetic of columns")
    return value


def text_of(content: Mapping[str, Any], key: str) -> str:
    """One name under a key that must be there; numbers become text (an arm may be 0)."""
    value = content[key]
    if isinstance(value, list | Mapping):
        raise InputError(key, value, "one name")
    return name_of(value)


def optional_of(content: Mapping[str, Any], key: str) -> str | None:
    """One name, or None where the key is absent."""
    return None if content.get(key) is None else text_of(content, key)


def names_of(content: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """A list of names, or None where the key is absent."""
    value = content.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not value or any(isinstance(name, list | Mapping) for name in value):
        raise InputError(key, value, "a list of names")
    return tuple(name_of(name) for name in value)


def outcomes_of(value: object) -> dict[str, Expression]:
    """Named expressions; the names become parts of flat figure names."""
    if not isinstance(value, Mapping):
        raise InputError("outcomes", value, "a mapping from a name to a column or arithmetic")
    for name in value:
        if not re.fullmatch(r"\w+", str(name)) or name in ("value", "cost"):
            raise InputError("outcomes", name, "names of letters, digits and _ other than value and cost")
    return {str(name): parse(scalar_of(text, f"outcomes.{name}"), f"outcomes.{name}") for name, text in value.items()}


def cost_of(value: object) -> Expression | dict[str, float] | None:
    """An expression, a number per arm, or None."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name_of(arm): number_of(given, f"cost.{arm}") for arm, given in value.items()}
    return parse(scalar_of(value, "cost"), "cost")


def propensity_of(value: object) -> str | dict[str, float | str]:
    """``empirical``, a column, or a number, fraction or column per arm; numbers for all arms must sum to 1."""
    if isinstance(value, str) and value:
        return value
    if not isinstance(value, Mapping) or not value:
        raise InputError("propensity", value, "'empirical', a column, or a number or column per arm")
    result: dict[str, float | str] = {}
    for arm, given in value.items():
        fraction = isinstance(given, str) and not given.replace("/", "").replace(".", "").strip().isdigit()
        result[name_of(arm)] = str(given) if fraction else number_of(given, f"propensity.{arm}")
    if all(isinstance(given, float) for given in result.values()):
        total = sum(given for given in result.values() if isinstance(given, float))
        if abs(total - 1) > 1e-6:
            raise InputError("propensity", total, "propensities of the arms that sum to 1")
    return result


def ladder_of(value: object) -> dict[str, int] | None:
    """Face value in cents per arm of the offers that differ in it alone, or None."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or len(value) < 2:
        raise InputError("ladder", value, "a face value in cents for each of at least two arms")
    faces: dict[str, int] = {}
    for arm, given in value.items():
        face = number_of(given, f"ladder.{arm}")
        if face <= 0 or not face.is_integer():
            raise InputError(f"ladder.{arm}", given, "whole cents above 0")
        faces[name_of(arm)] = int(face)
    return faces


def number_of(value: object, field: str) -> float:
    """A finite number, or a fraction such as 1/3 as text."""
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError("not a number")
        number = float(Fraction(value)) if isinstance(value, str) else float(value)
        if not math.isfinite(number):
            raise ValueError("not finite")
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(field, value, "a number or a fraction such as 1/3") from error
    return number

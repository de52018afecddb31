"""Money is integer minor units (cents) of the shop's one currency; nothing here ever sees a float."""

from __future__ import annotations

# No cart or budget is larger, and the product of two such amounts still fits the arithmetic of every store.
MAX_CENTS = 10**12


class InvalidError(ValueError):
    """A value that the domain cannot hold: names the field, what was given and what was expected.

    >>> print(InvalidError("face_cents", -1, "an integer from 1"))
    face_cents: got -1, expected an integer from 1
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field}: got {value!r}, expected {expected}")
        self.field = field
        self.value = value
        self.expected = expected


def check_int(field: str, value: object, least: int, most: int) -> int:
    """Return ``value`` if it is a true integer in ``least..most``; booleans and floats are refused.

    >>> check_int("quantity", 3, 1, 10)
    3
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidError(field, value, f"an integer from {least} to {most}")
    return value


def check_cents(field: str, value: object, least: int = 0) -> int:
    return check_int(field, value, least, MAX_CENTS)


def percent_of(cents: int, percent: int) -> int:
    """``percent`` % of ``cents``, rounded down: the shop never gives away the broken cent.

    >>> percent_of(999, 10)
    99
    """
    return cents * percent // 100

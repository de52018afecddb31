"""The one error for input that somebody outside the code can mend."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input: names the field, the value that was given and what was expected.

    The command line prints it as one line and exits with 2; HTTP turns it into a problem document (RFC 9457).

    >>> print(InputError("arm", "blue", "one of: none, red"))
    arm: got 'blue', expected one of: none, red
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        shown = repr(value)
        if len(shown) > 120:
            shown = shown[:117] + "..."
        super().__init__(f"{field}: got {shown}, expected {expected}")
        self.field = field
        self.value = value
        self.expected = expected

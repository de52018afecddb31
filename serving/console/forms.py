"""Forms as browsers send them: every value of a name, nothing guessed, nothing huge."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from fastapi import Request

from features.errors import InputError
from serving.api.problems import ProblemError

MOST_BYTES = 400_000
MOST_FIELDS = 6000
_KEY = re.compile(r"[0-9a-f]{32}")


class Form:
    """The values of a form, or of the query of a link."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def one(self, name: str, default: str = "") -> str:
        """The last value of a name, without blanks around it."""
        return self._values[name][-1].strip() if self._values.get(name) else default

    def many(self, name: str) -> tuple[str, ...]:
        return tuple(self._values.get(name, ()))

    def text(self, name: str, most: int = 500) -> str:
        """Free text of at most ``most`` characters; raises ``InputError`` for more."""
        found = self.one(name)
        if len(found) > most:
            raise InputError(name, f"{len(found)} characters", f"at most {most} characters")
        return found

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of ``choices``; raises ``InputError`` for anything else, and for nothing unless there is a default."""
        found = self.one(name)
        if not found and default is not None:
            return default
        if found not in choices:
            raise InputError(name, found, f"one of: {', '.join(choices)}")
        return found

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        """A whole number; raises ``InputError`` for anything else."""
        found = self.one(name)
        if not found and default is not None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,15}", found) or not least <= int(found) <= most:
            raise InputError(name, found[:40], f"a whole number from {least} to {most}")
        return int(found)

    @property
    def key(self) -> str:
        """The key that makes a form count once, however often it is sent."""
        found = self.one("key")
        if not _KEY.fullmatch(found):
            raise InputError("key", "not the one of the form", "the key of the form")
        return found


def query_of(request: Request) -> Form:
    """The query of a link as a form."""
    values: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        values.setdefault(name, []).append(value)
    return Form(values)


async def form_of(request: Request) -> Form:
    """The body of a POST: an urlencoded form in UTF-8."""
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise ProblemError("too_large")
    try:
        return Form(parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"))
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError("form", "bytes", "an urlencoded form in UTF-8") from error

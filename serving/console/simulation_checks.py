"""What may be wrong with a cart that somebody typed: every field by its name, said in the texts of the console."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from serving.api.quote_bodies import TrialQuoteBody

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A field and what is wrong with it: ``what`` is a key of the texts, ``said`` a sentence of the API instead."""

    field: str
    what: str
    values: Mapping[str, Any] | None = None
    line: int | None = None
    said: tuple[str, str] | None = None


class NotReadableError(ValueError):
    """What is wrong with what was typed."""

    def __init__(self, *wrong: Wrong) -> None:
        super().__init__(str(wrong))
        self.wrong = wrong


def parsed(text: str) -> Any:
    """JSON as the API reads it; raises ``NotReadableError`` for anything else, NaN and endless nesting among it."""

    def refuse(_: str) -> Any:
        raise ValueError("NaN and Infinity are no numbers of JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise NotReadableError(Wrong("cart", "sim.wrong.json")) from error


def check(body: Body) -> None:
    """Raise ``NotReadableError`` for what the API would not take, named and in the texts of the console."""
    try:
        TrialQuoteBody.model_validate(body)
    except ValidationError as error:
        raise NotReadableError(*(_wrong(item) for item in error.errors(include_url=False)[:20])) from None


_SAID = {
    "missing": "sim.wrong.missing", "extra_forbidden": "sim.wrong.unknown", "int_type": "sim.wrong.whole",
    "int_from_float": "sim.wrong.whole", "int_parsing": "sim.wrong.whole", "int_parsing_size": "sim.wrong.whole",
    "bool_type": "sim.wrong.flag", "string_type": "sim.wrong.text", "string_pattern_mismatch": "sim.wrong.text",
    "string_too_short": "sim.wrong.text", "list_type": "sim.wrong.list", "model_type": "sim.wrong.object",
    "model_attributes_type": "sim.wrong.object", "dict_type": "sim.wrong.object", "string_unicode": "sim.wrong.text",
}  # fmt: skip
_BOUNDS = {
    "greater_than_equal": ("sim.wrong.least", "ge"), "less_than_equal": ("sim.wrong.most_value", "le"),
    "too_long": ("sim.wrong.most", "max_length"), "too_short": ("sim.wrong.fewest", "min_length"),
    "string_too_long": ("sim.wrong.longest", "max_length"),
}  # fmt: skip


def _wrong(item: Any) -> Wrong:
    """One finding of the API's model: the last word of its path, and the line that it is of."""
    path = [part for part in item["loc"] if part not in ("cart", "body")]
    line = path[1] + 1 if len(path) > 1 and path[0] == "lines" and isinstance(path[1], int) else None
    words = [str(part)[:40] for part in path if isinstance(part, str) and (line is None or part != "lines")]
    name = ".".join(words) or ("line" if line else "cart")
    if item["type"] in _BOUNDS:
        key, bound = _BOUNDS[item["type"]]
        return Wrong(name, key, {"n": item["ctx"][bound]}, line)
    if item["type"] in _SAID:
        return Wrong(name, _SAID[item["type"]], line=line)
    text = str(item["msg"]).removeprefix("Value error, ")
    return Wrong(name, "sim.wrong.said", line=line, said=(text, text))

"""Templates as data: what is stored for ever. Every field has its permanent name.

Names that came later are read as optional with the defaults of the values, so that a template stored years ago stays
what it was; a name that nobody knows is an error, because the rule it stood for would be lost in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import time
from typing import Any, TypeVar

from serving.coupons.audience import Audience
from serving.coupons.kinds import kind_from_data, kind_to_data
from serving.coupons.money import InvalidError
from serving.coupons.scope import Scope
from serving.coupons.template import Bearers, Card, Limits, Template
from serving.coupons.validity import validity_from_data, validity_to_data
from serving.coupons.windows import Slot, Window

_V = TypeVar("_V")
# Limits stand beside the other fields under their own names.
_LIMITS = tuple(field.name for field in fields(Limits))
_PLAIN = (
    "template_id",
    "name",
    "coupon_class",
    "delivery",
    "owner",
    "merchant_id",
    "uses",
    "stackable",
    "minimum_on",
    "pool_cents",
    "activity_type",
    "campaign_id",
    "version",
)
_BUILT = ("kind", "validity", "scope", "without", "regular_only", "terminals", "windows", "audience", "bearers", "card")
_NAMES = frozenset((*_PLAIN, *_BUILT, *_LIMITS))


def template_to_data(template: Template) -> dict[str, Any]:
    """What is stored for ever; ``access`` is state of the shelf, not of the version."""
    return {
        **{name: getattr(template, name) for name in _PLAIN},
        "kind": kind_to_data(template.kind),
        "validity": validity_to_data(template.validity),
        "scope": str(template.scope),
        "without": list(template.scope.without),
        "regular_only": template.scope.regular_only,
        "terminals": list(template.terminals),
        "windows": [_window_to_data(window) for window in template.windows],
        "audience": _lists(_plain(template.audience)),
        "bearers": _plain(template.bearers),
        "card": _lists(_plain(template.card)),
        **limits_to_data(template.limits),
    }


def _plain(value: Audience | Bearers | Card | Window) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def template_from_data(data: Mapping[str, Any], access: str = "closed") -> Template:
    """Read a stored template back; raises ``InvalidError`` for a name that is not of a template."""
    unknown = sorted(set(data) - _NAMES)
    if unknown:
        raise InvalidError("template", unknown, "the names of a template's fields")
    return Template(
        kind=kind_from_data(data["kind"]),
        validity=validity_from_data(data["validity"]),
        scope=Scope.parse(data["scope"], tuple(data["without"]), regular_only=data.get("regular_only", False)),
        limits=_limits_from_data(data),
        audience=_value(Audience, "audience", data.get("audience", {})),
        terminals=tuple(data["terminals"]),
        windows=tuple(_window_from_data(window) for window in data.get("windows", ())),
        bearers=_value(Bearers, "bearers", data.get("bearers", {})),
        card=_value(Card, "card", data.get("card", {})),
        access=access,
        **{name: data[name] for name in _PLAIN if name in data},
    )


def limits_to_data(limits: Limits) -> dict[str, Any]:
    """The limits under the names that they have in a stored template and in an answer."""
    data = {name: getattr(limits, name) for name in _LIMITS}
    data["slots"] = [
        {"start": _clock(slot.start), "end": _clock(slot.end), "quota": slot.quota} for slot in limits.slots
    ]
    return data


def _limits_from_data(data: Mapping[str, Any]) -> Limits:
    values = {name: data[name] for name in _LIMITS if name in data}
    values["slots"] = tuple(
        Slot(time.fromisoformat(slot["start"]), time.fromisoformat(slot["end"]), slot["quota"])
        for slot in data.get("slots", ())
    )
    return Limits(**values)


def _window_to_data(window: Window) -> dict[str, Any]:
    return {**_lists(_plain(window)), "start": _clock(window.start), "end": _clock(window.end)}


def _window_from_data(data: Mapping[str, Any]) -> Window:
    clocks = {name: time.fromisoformat(data[name]) for name in ("start", "end")}
    return _value(Window, "windows", {**data, **clocks})


def _clock(clock: time) -> str:
    """``08:00``, with seconds only where there are some.

    >>> _clock(time(8)), _clock(time(23, 59, 59))
    ('08:00', '23:59:59')
    """
    return clock.isoformat("seconds" if clock.second else "minutes") if not clock.microsecond else clock.isoformat()


def _lists(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _value(kind: Callable[..., _V], field: str, data: Mapping[str, Any]) -> _V:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise InvalidError(field, sorted(data), f"the fields of {field}") from error

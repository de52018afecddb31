"""The lists and rules behind hubs and reserved networks: ``configs/hubs.yaml``, read once and checked.

In: a YAML file. Out: ``HubLists``, frozen. A wrong field, range or word is an ``InputError`` that names it; there is no
default for a list that is missing, because a list nobody dated is a list nobody looked at.
"""

from __future__ import annotations

import ipaddress
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from features.errors import InputError

HUB_LISTS = Path(__file__).resolve().parent.parent / "configs" / "hubs.yaml"

Hub = Literal[
    "farm", "kiosk", "locker", "campus", "office", "carrier", "hotel", "data_centre", "family", "second_hand",
    "same_model",
]  # fmt: skip
Fact = Literal[
    "accounts", "new", "claimers", "hollow", "engaged", "house", "once", "guests", "work", "night", "weekend",
    "life_days", "housed", "stay", "handed_on", "devices_each", "networks_each", "doors_each",
]  # fmt: skip
Word = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=2, max_length=60)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Networks(_Part):
    """Ranges in CIDR notation by what is known of them."""

    reserved: tuple[str, ...] = Field(min_length=1)
    data_centre: tuple[str, ...]
    campus: tuple[str, ...]
    office: tuple[str, ...]
    carrier: tuple[str, ...]
    hotel: tuple[str, ...]

    @field_validator("*")
    @classmethod
    def _ranges(cls, ranges: tuple[str, ...]) -> tuple[str, ...]:
        for text in ranges:
            ipaddress.ip_network(text)  # host bits set, or no network at all: a ValueError that says which
        return ranges


class Says(NamedTuple):
    """A fact that speaks for a kind: half convincing at ``half``, wholly at ``full`` (which may be the lower)."""

    fact: Fact
    half: float
    full: float


class Rule(_Part):
    """Of which things a kind of hub is told, and what speaks for it."""

    hub: Hub
    of: tuple[Literal["device", "ip", "address", "building"], ...] = Field(min_length=1)
    says: tuple[Says, ...] = Field(min_length=1)

    @field_validator("says")
    @classmethod
    def _two_figures(cls, says: tuple[Says, ...]) -> tuple[Says, ...]:
        for one in says:
            if one.half == one.full:
                raise ValueError(f"two different figures for {one.fact}")
        return says


class HubLists(_Part):
    """Named ranges and words, rules, and the day they were last looked at."""

    as_of: date
    networks: Networks
    locker_words: tuple[Word, ...] = Field(min_length=1)
    hotel_words: tuple[Word, ...]
    campus_words: tuple[Word, ...]
    office_words: tuple[Word, ...]
    kiosk_terminals: tuple[Word, ...]
    rules: tuple[Rule, ...] = Field(min_length=1)


@cache
def hub_lists(path: Path = HUB_LISTS) -> HubLists:
    """The lists of an installation; raises InputError for a file that cannot be read or a field that is wrong.

    >>> "10.0.0.0/8" in hub_lists().networks.reserved
    True
    """
    try:
        values: Any = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError("hub lists", str(path), f"a readable YAML file ({type(error).__name__})") from error
    try:
        return HubLists.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "hub lists"
        raise InputError(field, first.get("input"), first["msg"]) from error

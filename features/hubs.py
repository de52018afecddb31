"""What kind of thing is shared: a farm, or one of the hubs that honest people share without knowing each other.

In: counts of who shares each thing (``features.hub_facts``) and what the lists say of it (``configs/hubs.yaml``). Out:
the kind of hub, a confidence from 0 to 1, and the facts that say so. Nothing is a hub for its size alone: two hundred
new accounts that claim on one device and never shop are a farm, and two hundred that shop are not.

Each rule is a list of facts and how much of each is convincing. A fact is half convincing at its first figure and
wholly at its second; a rule is as convincing as its weakest fact, the most convincing rule wins (of two the earlier),
and where none is at least half so the thing stays ``unclear``. A missing count is an InputError, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import _
from numpy.typing import NDArray

from features.definition import Tables
from features.errors import InputError
from features.hub_facts import COLUMNS, COUNTS, hub_facts
from features.hub_lists import Says, hub_lists
from features.network import named

WORDS: Mapping[str, tuple[str, str]] = {
    "farm": ("a farm of accounts", "批量账号"),
    "kiosk": ("a terminal in a store", "门店自助终端"),
    "locker": ("a parcel locker or pick-up point", "快递柜或代收点"),
    "campus": ("a campus gateway", "校园出口"),
    "office": ("an office", "办公场所"),
    "carrier": ("a mobile carrier's gateway", "运营商出口"),
    "hotel": ("a hotel", "酒店"),
    "data_centre": ("a data centre or VPN exit", "数据中心或 VPN 出口"),
    "family": ("a family", "家庭"),
    "second_hand": ("a device that changed hands", "转手的设备"),
    "same_model": ("an id that phones of one model share", "同型号设备共用的标识"),
    "private": ("used by one account", "仅一个账号使用"),
    "unclear": ("shared, by whom is unclear", "共用者不明"),
}
"""Kinds in English and Chinese."""

HONEST = frozenset(WORDS) - {"farm", "private", "unclear"}
"""Kinds under which sharing says little about the people who share."""

NETWORK_KINDS = ("data_centre", "campus", "office", "carrier", "hotel")
"""Kinds that the lists can name by range."""
WORDED = ("locker", "hotel", "office", "campus")
"""Kinds that the lists can name by a word in an address; the first that stands there counts."""

CROWDED = 9
"""Accounts on an address from which a word in it (tower, campus) is believed."""
_SETTLING = 2.0  # so many accounts are needed before the facts are believed by half


def hubs(tables: Tables, kind: str, at: datetime, timezone: str, least: int = 2) -> pd.DataFrame:
    """Everything of a kind that ``least`` accounts or more were seen on before ``at``, and what it is.

    (key, kind, the counts, listed, hub, confidence, facts), by key. ``kind`` is one of ``hub_facts.COLUMNS``; the lists
    are those of ``hub_lists()``, whose ``as_of`` says how old they are.
    """
    if kind not in COLUMNS:
        raise InputError("kind", kind, f"one of: {', '.join(COLUMNS)}")
    counts = hub_facts(tables, kind, at, timezone)
    found = counts.filter(counts.accounts >= least).order_by("key").execute()
    found.insert(1, "kind", kind)
    if kind == "ip":
        found["listed"] = [next((name for name in NETWORK_KINDS if named(key, name)), None) for key in found["key"]]
    elif kind == "device":
        found["listed"] = None
    else:
        worded = _worded(tables["address_keys"], "address_key" if kind == "address" else "building_key").execute()
        found["listed"] = found["key"].map(dict(zip(worded["key"], worded["listed"], strict=True))).astype(object)
    return found.join(classify(found))


def _worded(address_keys: Any, column: str) -> Any:
    """(key, listed): addresses in whose spellings a word of the lists stands."""
    lists = hub_lists()
    text = address_keys.address.lower()
    words = {name: getattr(lists, f"{name}_words") for name in WORDED}
    found = {name: ibis.or_(*(text.contains(word) for word in of)) for name, of in words.items() if of}
    rows = address_keys.select(key=column, **found).group_by("key").aggregate(**{name: _[name].max() for name in found})
    rows = rows.mutate(listed=ibis.cases(*((rows[name], name) for name in found)))
    return rows.filter(rows.listed.notnull()).select("key", "listed")


def classify(facts: pd.DataFrame) -> pd.DataFrame:
    """(hub, confidence, facts): one row per row of ``facts``, under its index.

    ``facts`` has ``kind`` (device, ip, address, building), the columns of ``COUNTS`` and may have ``listed``: a kind by
    which the lists name it, or null. The result's ``facts`` are the names of what spoke for the kind.

    >>> shop = dict.fromkeys(COUNTS, 0) | {"accounts": 200, "sightings": 400, "devices": 1, "kind": "device"}
    >>> classify(pd.DataFrame([shop | {"hollow": 190}, shop | {"house": 180, "hollow": 20}])).hub.tolist()
    ['farm', 'kiosk']
    """
    missing = [name for name in ("kind", *COUNTS) if name not in facts.columns]
    if missing:
        raise InputError("facts", missing[0], "a column of hub_facts.COUNTS, or kind")
    given = shares(facts)
    best = np.zeros(len(facts))
    hub = np.where(given["accounts"] > 1, "unclear", "private").astype(object)
    why = np.empty(len(facts), dtype=object)
    why.fill(())
    kinds = facts["kind"].to_numpy(object)
    for rule in hub_lists().rules:
        score = np.where(np.isin(kinds, rule.of) & (given["accounts"] > 1), _convinced(given, rule.says), 0.0)
        better = (score >= 0.5) & (score > best)
        best[better], hub[better] = score[better], rule.hub
        for place in np.flatnonzero(better):
            why[place] = tuple(dict.fromkeys(says.fact for says in rule.says))
    best *= given["accounts"] / (given["accounts"] + _SETTLING)
    listed = facts["listed"].to_numpy(object) if "listed" in facts else np.full(len(facts), None)
    # A range or a locker's name says it whoever comes; a word like "tower" only where a crowd does.
    sure = pd.notna(listed) & ((kinds == "ip") | (listed == "locker") | (given["accounts"] >= CROWDED))
    sure &= ~np.isin(hub, ("farm", "private"))
    hub[sure], best[sure] = listed[sure], 1.0
    for place in np.flatnonzero(sure):
        why[place] = ("listed",)
    return pd.DataFrame({"hub": hub, "confidence": best, "facts": why}, index=facts.index)


def shares(facts: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """What the rules look at: counts as shares of accounts or sightings; 0 where there is nothing to share."""
    counts = {name: facts[name].to_numpy(np.float64) for name in COUNTS}

    def of(name: str, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.divide(counts[name], whole, out=np.zeros(len(facts)), where=whole > 0)

    accounts, sightings = counts["accounts"], counts["sightings"]
    return {
        "accounts": accounts,
        **{name: of(name, accounts) for name in ("new", "claimers", "hollow", "engaged", "house", "once", "guests")},
        **{name: of(name, sightings) for name in ("work", "night", "weekend")},
        "life_days": counts["life_seconds"] / 86_400,
        "housed": counts["housed"],
        "stay": of("stays", accounts),
        "handed_on": of("after", accounts - 1),
        "devices_each": of("devices", accounts),
        "networks_each": of("networks", accounts),
        "doors_each": of("units", counts["housed"]),
    }


def _convinced(given: Mapping[str, NDArray[np.float64]], says: Sequence[Says]) -> NDArray[np.float64]:
    convinced = [np.clip(0.5 + 0.5 * (given[s.fact] - s.half) / (s.full - s.half), 0.0, 1.0) for s in says]
    return np.minimum.reduce(convinced)


def likely(hub: str, language: str = "en") -> str:
    """A sentence part for reasons.

    >>> likely("campus"), likely("campus", "zh")
    ('likely a campus gateway', '可能是校园出口')
    """
    if hub not in WORDS:
        raise InputError("hub", hub, f"one of: {', '.join(WORDS)}")
    english, chinese = WORDS[hub]
    if hub in ("private", "unclear"):
        return chinese if language == "zh" else english
    return f"可能是{chinese}" if language == "zh" else f"likely {english}"

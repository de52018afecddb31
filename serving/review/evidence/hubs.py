"""What kind of place a shared thing probably is, told from who else was there, in the words of ``configs/hubs.yaml``.

The nightly run knows more (``features.hubs`` sees every visit), and what it says of a thing stands. The ledger sees
claims only, so it guesses from less: nothing is a hub unless most of the others there are settled accounts, and how
many there are, where they live and when they come tells which kind.
"""

from __future__ import annotations

from collections.abc import Mapping

from serving.review.evidence.others import Others
from serving.review.evidence.parts import Hub

# As in features.hubs.WORDS, whose module needs a query engine; a test keeps them equal.
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
}
HONEST = frozenset(WORDS) - {"farm", "data_centre"}
"""Kinds that speak for the members: people who do not know each other share them, or one family does."""
FAMILY, CROWD, CITY = 5, 8, 100
"""Most accounts of a family, and from how many on a place is one of strangers, or of a whole city."""


def hub(code: str) -> Hub | None:
    """The hub of a code; None for one that is no place (``private``, ``unclear``, unknown).

    >>> hub("campus").en, hub("campus").zh
    ('likely a campus gateway', '可能是校园出口')
    """
    if code not in WORDS:
        return None
    english, chinese = WORDS[code]
    return Hub(code, f"likely {english}", f"可能是{chinese}")


def guess(kind: str, seen: Others) -> Hub | None:
    """What the others on a thing make of it; None where too few are settled to say."""
    if seen.settled < 2 or 2 * seen.settled < seen.accounts:
        return None
    if kind == "ip":
        return hub(_network(seen))
    if kind == "address":
        return hub(_door(seen))
    if kind == "device":
        return hub("family" if seen.accounts <= FAMILY else "kiosk")
    return None  # a phone or an identity is one person's


def _network(seen: Others) -> str:
    if seen.accounts <= FAMILY:
        return "family"
    if seen.accounts < CROWD:
        return ""
    if seen.work >= 50:
        return "office"
    # People of a campus live at a few doors; a carrier's come from everywhere, and a city of them.
    scattered = seen.housed > 0 and 2 * seen.addresses > seen.housed
    return "carrier" if seen.accounts >= CITY or scattered else "campus"


def _door(seen: Others) -> str:
    if seen.accounts <= FAMILY:
        return "family"
    if seen.accounts < CROWD:
        return ""
    if seen.work >= 50 and 2 * seen.networks <= seen.accounts:
        return "office"
    return "locker"

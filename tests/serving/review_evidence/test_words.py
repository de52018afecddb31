"""What is said of a case, of a place and of a thing that nobody may read."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fakes.ring_rows import NOW

from features.hubs import WORDS as NAMES
from features.hubs import likely
from serving.review.evidence import KINDS, mask
from serving.review.evidence.hubs import WORDS, guess, hub
from serving.review.evidence.others import Others
from serving.review.evidence.parts import Thing
from serving.review.evidence.words import Told, against, headline

TOLD = Told(4, {"device": (1, 4)}, 4, 1, "newcomer", NOW, NOW + timedelta(minutes=11), 0, 0, 0, 0, 0)
DEVICE = Thing("device", "d", 4, 0, 0, None, NOW, NOW)


def test_the_headline_is_what_a_reviewer_would_say() -> None:
    told = headline(TOLD, [DEVICE])
    assert told.en == "4 accounts, 1 device, 11 minutes, same newcomer coupon"
    assert told.zh == "4 个账号，1 台设备，11 分钟，同一种新人券"
    assert told("zh") == told.zh
    assert told("en") == told.en


def test_a_place_of_others_is_not_held_against_anybody() -> None:
    ip = Thing("ip", "i", 4, 61, 61, hub("campus"), NOW, NOW)
    told = Told(4, {"device": (1, 4), "ip": (1, 4)}, 4, 2, None, NOW, NOW, 0, 0, 0, 0, 0)
    assert headline(told, [DEVICE, ip]).en == "4 accounts, 1 device, 1 minute, 4 coupons, 2 kinds"


def test_every_fact_that_speaks_for_the_members_is_told() -> None:
    told = Told(5, {}, 5, 1, None, NOW - timedelta(days=30), NOW, 2, 3, 1, 4, 4)
    address = Thing("address", "a", 5, 24, 24, hub("locker"), NOW, NOW, at_least=True)
    assert [sentence.en for sentence in against(told, [address])] == [
        "this address is shared by 24 or more older accounts: likely a parcel locker or pick-up point",
        "3 of 5 have orders paid without a coupon",
        "2 of 5 had been registered for 30 days before their first claim",
        "1 of 5 was cleared by a reviewer before",
        "the claims are spread over 30 days",
        "4 accounts named 4 different addresses",
    ]
    assert all(re.search(r"[一-鿿]", sentence.zh) for sentence in against(told, [address]))


@pytest.mark.parametrize("code", ["farm", "data_centre"])
def test_a_farm_and_a_vpn_exit_speak_for_nobody(code: str) -> None:
    assert against(TOLD, [Thing("ip", "i", 4, 9, 9, hub(code), NOW, NOW)]) == ()


def test_a_phone_of_others_speaks_for_nobody() -> None:
    assert against(TOLD, [Thing("phone", "p", 4, 9, 9, None, NOW, NOW)]) == ()


def test_hubs_have_the_names_of_the_features() -> None:
    assert {code: NAMES[code] for code in WORDS} == WORDS
    assert set(NAMES) - set(WORDS) == {"private", "unclear"}
    for code in WORDS:
        found = hub(code)
        assert found is not None
        assert (found.en, found.zh) == (likely(code), likely(code, "zh"))
    assert hub("private") is hub("") is hub("<script>") is None


@pytest.mark.parametrize(
    ("kind", "seen", "code"),
    [
        ("ip", Others(61, 61, 40, 30, 3, 1), "campus"),
        ("ip", Others(61, 61, 40, 30, 28, 1), "carrier"),
        ("ip", Others(400, 300, 40, at_least=True), "carrier"),
        ("ip", Others(20, 20, 20, work=80), "office"),
        ("ip", Others(4, 4, 4), "family"),
        ("ip", Others(61, 10), None),
        ("address", Others(24, 20, 12), "locker"),
        ("address", Others(24, 20, 12, networks=2, work=70), "office"),
        ("address", Others(3, 3, 3), "family"),
        ("device", Others(30, 30, 30), "kiosk"),
        ("device", Others(2, 2, 2), "family"),
        ("phone", Others(30, 30, 30), None),
        ("device", Others(), None),
    ],
)
def test_a_place_is_guessed_from_who_else_was_there(kind: str, seen: Others, code: str | None) -> None:
    found = guess(kind, seen)
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    "raw", ["13800138000", "dev-1", "1 Long Street", "", "ABCDEF" * 6, "0" * 31, "../../etc", "<b>"]
)
def test_only_hashes_are_ever_shown_and_little_of_them(raw: str) -> None:
    for kind in (*KINDS, "other"):
        assert mask(kind, raw).endswith("·??????")
        assert mask(kind, "0f3a9c77" * 4).endswith("·0f3a9c")

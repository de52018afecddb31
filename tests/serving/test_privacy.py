"""Identifiers leave as keyed hashes, the same that the feature store uses."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from features.groups import ADDRESS, DEVICE, IP
from features.online import stored_key
from serving.privacy import Hasher

KEY = "a-key-of-this-installation"


def test_hashes_are_those_under_which_features_are_kept() -> None:
    hasher = Hasher(KEY)
    assert hasher("device", " phone-1 ") == stored_key(DEVICE, "phone-1", KEY)
    assert hasher("ip", "203.0.113.9") == stored_key(IP, "203.0.113.9", KEY)
    address = "上海市浦东新区世纪大道100号2号楼301室"
    assert hasher("address", address) == stored_key(ADDRESS, address, KEY)


def test_two_spellings_of_an_address_have_one_hash_and_another_key_has_others() -> None:
    first = Hasher(KEY)("address", "上海市浦东新区世纪大道100号2号楼301室")
    assert first == Hasher(KEY)("address", "上海 浦东新区 世纪大道 100 号 2 号楼 301 室")
    assert first != Hasher("another-key-altogether")("address", "上海市浦东新区世纪大道100号2号楼301室")


def test_what_says_nothing_has_no_hash() -> None:
    assert [Hasher(KEY)(kind, value) for kind, value in (("device", None), ("ip", "  "), ("address", ""))] == [None] * 3


def raw_hash(kind: str, value: str) -> str:
    """What ledgers held before spellings were levelled."""
    return hmac.digest(KEY.encode(), f"{kind}\n{value}".encode(), hashlib.sha256).hex()[:32]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("ip", "203.0.113.9"), ("ip", "10.0.0.1"), ("ip", "not an address"), ("device", "phone-1"),
     ("device", "6D92078A-8246-4BA4-AE5B-76104861E7DC")],
)  # fmt: skip
def test_hashes_that_ledgers_hold_stay_what_they_were(kind: str, value: str) -> None:
    assert Hasher(KEY)(kind, f" {value} ") == raw_hash(kind, value)


def test_spellings_and_machines_of_one_ipv6_household_have_one_hash() -> None:
    spelt = ["2409:8a00:1:2::9", "2409:8A00:0001:0002:0:0:0:0009", "[2409:8a00:1:2::9]:443", "2409:8a00:1:2:ffff::1"]
    assert {Hasher(KEY)("ip", ip) for ip in spelt} == {raw_hash("ip", "2409:8a00:1:2::/64")}
    assert Hasher(KEY)("ip", "2409:8a00:1:3::9") != Hasher(KEY)("ip", spelt[0])
    assert Hasher(KEY)("ip", "::ffff:8.8.8.8") == Hasher(KEY)("ip", "8.8.8.8")

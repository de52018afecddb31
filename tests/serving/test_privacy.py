"""Identifiers leave as keyed hashes, the same that the feature store uses."""

from __future__ import annotations

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

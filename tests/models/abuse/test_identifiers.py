"""What may link and what must not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.devices import device_id
from features.network import network
from models.abuse.addresses import door_keys
from models.abuse.identifiers import both_keys, device_key, ip_block, ip_key, short_hash

KEY = "a key for tests, long enough"


@pytest.mark.parametrize(
    "raw", ["", "  ", "unknown", "NULL", "0", "000000000000000", "ffffffff", "----", "N/A", None, 7]
)
def test_placeholders_are_no_devices(raw: object) -> None:
    assert device_key(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        "10.0.0.1",
        "192.168.1.5",
        "172.16.9.9",
        "100.64.1.1",
        "127.0.0.1",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "999.1.1.1",
        "",
        "x",
        None,
    ],
)
def test_reserved_or_broken_addresses_never_link(raw: object) -> None:
    assert ip_key(raw) is None
    assert ip_block(raw) is None


def test_ipv4_mapped_is_ipv4_and_ipv6_links_by_its_64() -> None:
    assert ip_key("::ffff:36.1.2.3") == "36.1.2.3"
    assert ip_key("2001:4860:1:2::9") == ip_key("2001:4860:1:2:ffff::1")


def test_the_detector_and_the_nightly_features_link_by_the_same_keys() -> None:
    for raw in ("2001:4860:1:2::9", "36.1.2.3", "10.0.0.1", "unknown", "\u0661.1.1.1", None, "ab12-CD", "a" * 600):
        known, found = network(raw), device_id(raw)
        assert both_keys(raw) == ((known.network, known.block) if known else (None, None))
        assert device_key(raw) == (found.key if found else None)


def test_one_door_in_many_spellings_has_one_key_and_another_door_has_its_own() -> None:
    keys = door_keys(
        [
            "12 Main Street, Apt 5, Springfield 62704",
            "12 MIAN ST #5, Springfield 62704",
            "12 Main Street, Apt 6, Springfield 62704",
        ]
    )
    assert keys[0] == keys[1] != keys[2]


def test_a_later_spelling_never_changes_an_earlier_key() -> None:
    first = ["8 Hill Road, Unit 3, Newtown 2042"]
    assert door_keys(first)[0] == door_keys([*first, "8 Hil Road, Unit 3, Newtown 2042"])[0]


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_text_is_survived(texts: list[str]) -> None:
    assert len(door_keys([*texts, "😀" * 10_000])) == len(texts) + 1
    for text in texts:
        device_key(text)
        ip_key(text)


def test_a_hash_prefix_depends_on_the_key() -> None:
    assert short_hash("dev-1", KEY) != short_hash("dev-1", KEY + "!")
    assert "dev-1" not in short_hash("dev-1", KEY)

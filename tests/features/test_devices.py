"""How a device id came about, how much sharing it says, and which ids say nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.devices import METHODS, device_id, device_table, token_table

UUID = "6D92078A-8246-4BA4-AE5B-76104861E7DC"


@pytest.mark.parametrize(
    ("raw", "method"),
    [
        (UUID, "install"),
        ("idfa:" + UUID, "install"),
        ("GAID=" + UUID.lower(), "install"),
        ("490154203237518", "imei"),
        ("490154203237519", "unknown"),
        ("a1b2c3d4e5f60718", "android"),
        ("oaid:" + "9af3" * 16, "oaid"),
        ("9af3" * 16, "fingerprint"),
        ("9af3" * 8, "fingerprint"),
        ("fp:something", "fingerprint"),
        ("GA1.2.1033501218.1368477899", "cookie"),
        ("cookie: s%3Aq8", "cookie"),
        ("a4:5e:60:c2:11:07", "mac"),
        ("d9f3a1b2c3d4e5f60", "unknown"),
        ("shop:phone-1", "unknown"),
    ],
)
def test_the_form_of_an_id_tells_its_method(raw: str, method: str) -> None:
    known = device_id(raw)
    assert known is not None
    assert (known.method, known.confidence) == (method, METHODS[method])


def test_a_fingerprint_says_less_than_anything_else() -> None:
    assert min(METHODS, key=METHODS.__getitem__) == "fingerprint"
    assert all(0 < share < 1 for share in METHODS.values())


@pytest.mark.parametrize(
    "raw",
    ["", " ", "unknown", "NULL", "N/A", "0", "00000000-0000-0000-0000-000000000000",
     "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "9774d56d682e549c", "idfa:00000000-0000-0000-0000-000000000000",
     "02:00:00:00:00:00", "imei:004999010640000", "imei:unknown", "aaaaaaa", "----", "😀😀", "x" * 10_000, "ab" * 300,
     None, 7, float("nan")],
)  # fmt: skip
def test_placeholders_and_famous_duplicates_have_no_key(raw: object) -> None:
    assert device_id(raw) is None


def test_hexadecimal_ids_are_one_in_either_case_and_others_are_not() -> None:
    assert device_id(UUID) == device_id(UUID.lower() + "\n")
    assert device_id("idfv:" + UUID) == device_id("IDFV: " + UUID.lower())
    assert device_id("cookie:aXbZ_qq") != device_id("cookie:axbz_qq")


def test_equal_values_of_different_methods_are_different_devices() -> None:
    assert device_id("idfa:" + UUID) != device_id("gaid:" + UUID)


@settings(deadline=None)
@given(st.text(max_size=50))
def test_any_text_is_survived_and_a_key_is_its_own_key(text: str) -> None:
    known = device_id(text)
    if known is not None:
        assert device_id(known.key) == known


def test_tables_hold_each_linkable_text_once() -> None:
    found = device_table(["d1", "unknown", "D1", "d1"]).to_pydict()
    assert found == {"raw": ["d1", "D1"], "key": ["d1", "d1"], "method": ["unknown"] * 2, "confidence": [0.8] * 2}
    assert token_table([" p17", "0000", "p17"]).to_pydict() == {"raw": [" p17", "p17"], "key": ["p17", "p17"]}

"""Who was known to abuse coupons is a matter of when one asks, and a person's word outranks the machine's."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from pipelines.known_abuse import KnownAbuse, known_abuse

START = datetime(2026, 1, 1)
USERS = ("a", "b", "c")


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def known(verdicts: list[tuple[str, int, str]], flags: list[tuple[str, int | None, str]]) -> KnownAbuse:
    return KnownAbuse.of(
        pd.DataFrame([(u, day(d), v) for u, d, v in verdicts], columns=["user_id", "decided_at", "verdict"]),
        pd.DataFrame(
            [(u, None if d is None else day(d), a) for u, d, a in flags], columns=["user_id", "flagged_at", "action"]
        ),
    )


def asked(facts: KnownAbuse, *questions: tuple[str, int]) -> list[str]:
    users = np.array([user for user, _ in questions], dtype=object)
    return facts.before(users, np.array([day(d) for _, d in questions], dtype="datetime64[us]")).tolist()


def test_a_verdict_counts_from_the_moment_after_it() -> None:
    facts = known([("a", 5, "abusive")], [])
    assert asked(facts, ("a", 4), ("a", 5), ("a", 6), ("b", 9)) == ["", "", "verdict", ""]


def test_a_later_legitimate_verdict_clears_a_user_from_then_on() -> None:
    facts = known([("a", 5, "abusive"), ("a", 8, "legitimate")], [])
    assert asked(facts, ("a", 7), ("a", 9)) == ["verdict", ""]


def test_a_legitimate_verdict_outranks_a_flag_before_or_after_it() -> None:
    facts = known([("a", 5, "legitimate")], [("a", 3, "withhold"), ("b", 3, "withhold")])
    assert asked(facts, ("a", 4), ("a", 6), ("b", 6)) == ["flag", "", "flag"]


def test_a_flag_for_review_accuses_nobody() -> None:
    facts = known([], [("a", 1, "hold"), ("b", 1, "block"), ("c", None, "allow")])
    assert asked(facts, ("a", 9), ("b", 9), ("c", 9)) == ["", "flag", ""]


def test_a_shop_that_never_looked_knows_nobody() -> None:
    assert asked(KnownAbuse.none(), ("a", 3)) == [""]


def test_a_folder_without_verdicts_is_a_shop_that_never_looked(tmp_path: Path) -> None:
    assert asked(known_abuse(tmp_path, None), ("a", 3)) == [""]


def test_verdicts_and_flags_are_read_from_files_and_from_folders_of_parts(tmp_path: Path) -> None:
    verdicts = pd.DataFrame({"user_id": ["a", "b"], "decided_at": [day(1), day(5)], "verdict": ["abusive"] * 2})
    flags = pd.DataFrame({"user_id": ["c", "b"], "flagged_at": [day(2), None], "action": ["withhold", "allow"]})
    (tmp_path / "verdicts.parquet").mkdir()
    for number in (0, 1):
        verdicts.iloc[[number]].to_parquet(tmp_path / "verdicts.parquet" / f"part-{number}.parquet")
    flags.to_parquet(tmp_path / "flags.parquet")
    facts = known_abuse(tmp_path, tmp_path / "flags.parquet")
    assert asked(facts, ("a", 4), ("b", 4), ("c", 4)) == ["verdict", "", "flag"]


def test_a_file_that_holds_no_flags_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"flags: got '.*nothing\.parquet'"):
        known_abuse(tmp_path, tmp_path / "nothing.parquet")


def oracle(
    verdicts: list[tuple[str, int, str]], flags: list[tuple[str, int | None, str]], user: str, moment: int
) -> str:
    """Read the rows one after another."""
    last: tuple[int, str] | None = None
    for name, at, verdict in verdicts:
        if name == user and at < moment and (last is None or at > last[0]):
            last = (at, verdict)
    if last is not None:
        return "verdict" if last[1] == "abusive" else ""
    held = {"withhold", "revoke", "freeze", "block"}
    flagged = any(name == user and at is not None and at < moment and action in held for name, at, action in flags)
    return "flag" if flagged else ""


moments = st.integers(0, 12)
rows_of_verdicts = st.lists(
    st.tuples(st.sampled_from(USERS), moments, st.sampled_from(["abusive", "legitimate"])),
    max_size=8,
    unique_by=lambda row: row[:2],
)
rows_of_flags = st.lists(
    st.tuples(st.sampled_from(USERS), st.none() | moments, st.sampled_from(["allow", "hold", "withhold", "freeze"])),
    max_size=3,
    unique_by=lambda row: row[0],
)


@given(rows_of_verdicts, rows_of_flags, st.lists(st.tuples(st.sampled_from(USERS), moments), min_size=1, max_size=6))
def test_the_join_says_what_reading_row_by_row_says(
    verdicts: list[tuple[str, int, str]],
    flags: list[tuple[str, int | None, str]],
    questions: list[tuple[str, int]],
) -> None:
    expected = [oracle(verdicts, flags, user, moment) for user, moment in questions]
    assert asked(known(verdicts, flags), *questions) == expected


@given(rows_of_verdicts, moments)
def test_what_is_learnt_later_changes_no_earlier_answer(verdicts: list[tuple[str, int, str]], moment: int) -> None:
    questions = [(user, moment) for user in USERS]
    earlier = [row for row in verdicts if row[1] < moment]
    assert asked(known(verdicts, []), *questions) == asked(known(earlier, []), *questions)

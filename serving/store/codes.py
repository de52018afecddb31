"""Codes and the guesses at them in the store. A code is stored as its keyed hash; who reads the table has no code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from serving.coupons.codes import Guesses, GuessLimit
from serving.coupons.refusals import Refuse
from serving.review.case import Flag, Reason
from serving.review.store import put
from serving.store.rows import insert_new
from serving.store.schema_claims import code_guesses, codes
from serving.store.unit import StaleError, Transaction, canonical

MADE, USED, GUESSED = "codes.made", "code.used", "code.guessed"
_PER_EVENT = 1_000
Keys = Sequence[tuple[str, str]]


def add_codes(
    tx: Transaction, batch_id: str, template_id: str, hashes: Sequence[str], expires_at: datetime | None
) -> None:
    """Store a batch of hashes."""
    for n, start in enumerate(range(0, len(hashes), _PER_EVENT), 1):
        part = list(hashes[start : start + _PER_EVENT])
        rows = [code_row(batch_id, template_id, code, expires_at) for code in part]
        tx.connection.execute(insert(codes), rows)
        until = expires_at.isoformat() if expires_at else None
        data = {"batch_id": batch_id, "template_id": template_id, "hashes": part, "expires_at": until}
        tx.append(f"codes:{batch_id}", n, MADE, data)


def code_row(batch_id: str, template_id: str, code_hash: str, expires_at: datetime | None) -> dict[str, Any]:
    return {
        "code_hash": code_hash,
        "batch_id": batch_id,
        "template_id": template_id,
        "expires_at": expires_at,
        "used_for": None,
    }


_LIVE = select(codes.c.template_id, codes.c.batch_id, codes.c.used_for, codes.c.expires_at).where(
    codes.c.code_hash == bindparam("hash")
)


def live_code(tx: Transaction, code_hash: str) -> tuple[str, str] | None:
    """Template and batch of a code that can be exchanged now; unknown, used and expired ones are alike."""
    row = tx.connection.execute(_LIVE, {"hash": code_hash}).one_or_none()
    over = row is None or row.used_for is not None or (row.expires_at is not None and row.expires_at <= tx.now)
    return None if row is None or over else (row.template_id, row.batch_id)


def use_code(tx: Transaction, code_hash: str, claimed_id: str) -> None:
    """Exchange a live code, once; a twin that was faster makes this one start again."""
    statement = update(codes).where(codes.c.code_hash == code_hash, codes.c.used_for.is_(None))
    if tx.connection.execute(statement.values(used_for=claimed_id)).rowcount != 1:
        raise StaleError("code")
    tx.append(f"code:{code_hash}", 1, USED, {"code_hash": code_hash, "used_for": claimed_id})


def guess_keys(user_id: str, hashed: Mapping[str, str | None]) -> Keys:
    """Whom a guess is counted for, in the order in which their rows are locked."""
    things = [(kind, value) for kind in ("device", "ip") if (value := hashed.get(kind)) is not None]
    return (*things, ("user", user_id))


def lock_guesses(tx: Transaction, keys: Keys) -> list[Guesses]:
    """Past guesses, locked: of many at once, each sees those before it, so that the limit is exact."""
    found = []
    for kind, value in keys:
        insert_new(tx.connection, code_guesses, guess_row(kind, value, Guesses()))
        row = tx.connection.execute(_GUESSES, {"of_kind": kind, "of_value": value}).one_or_none()
        if row is None:  # a twin that guessed right has just tidied it away
            raise StaleError("guesses")
        times = tuple(datetime.fromisoformat(at) for at in json.loads(row.times))
        found.append(Guesses(times, row.locks))
    return found


def tidy_guesses(tx: Transaction, keys: Keys) -> None:
    """Remove the rows that only served as locks: who guesses right leaves no trace here."""
    for kind, value in keys:
        row = guess_row(kind, value, Guesses())
        tx.connection.execute(delete(code_guesses).where(*(code_guesses.c[name] == row[name] for name in row)))


def wrong_guess(tx: Transaction, keys: Keys, before: Sequence[Guesses], limit: GuessLimit) -> None:
    """Count a wrong guess; a user who was locked again and again becomes a case for a person."""
    after = [guesses.wrong(tx.now, limit) for guesses in before]
    for (kind, value), guesses in zip(keys, after, strict=True):
        mine = code_guesses.c.kind == kind, code_guesses.c.value == value
        tx.connection.execute(update(code_guesses).where(*mine).values(guess_row(kind, value, guesses)))
    guess_id = tx.ids("gss")
    states = [[kind, value, *_state(guesses)] for (kind, value), guesses in zip(keys, after, strict=True)]
    tx.append(f"guess:{guess_id}", 1, GUESSED, {"user_id": keys[-1][1], "states": states})
    if after[-1].locks > before[-1].locks and after[-1].locks >= limit.looked_at:
        _report(tx, keys[-1][1], after[-1].locks)


_GUESSES = (
    select(code_guesses.c.times, code_guesses.c.locks)
    .where(code_guesses.c.kind == bindparam("of_kind"), code_guesses.c.value == bindparam("of_value"))
    .with_for_update()
)


def guess_row(kind: str, value: str, guesses: Guesses) -> dict[str, Any]:
    times, locks = _state(guesses)
    return {"kind": kind, "value": value, "times": canonical(times), "locks": locks}


def _state(guesses: Guesses) -> tuple[list[str], int]:
    return [at.isoformat() for at in guesses.times], guesses.locks


def _report(tx: Transaction, user_id: str, locks: int) -> None:
    """Somebody guesses codes: new coupons wait for this person's own proof until a reviewer decides."""
    en, zh = f"locked {locks} times for wrong codes", f"兑换码错误被锁定 {locks} 次"
    flag = Flag(user_id, min(0.5 + locks / 20, 0.9), "step_up", (Reason("code_guessing", en, zh),))
    put(tx, flag.subject, (flag,), "codes")


def locked(before: Sequence[Guesses], now: datetime, limit: GuessLimit) -> Refuse | None:
    seconds = max(guesses.locked_seconds(now, limit) for guesses in before)
    return Refuse("code_locked", seconds, "seconds") if seconds else None

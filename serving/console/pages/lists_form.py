"""What the two forms of a new entry carry: what was filled in, and what was found under a seal."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from features.errors import InputError
from serving.api.problems import ProblemError
from serving.console.forms import Form
from serving.review.list_hits import Hits
from serving.review.list_work import Draft
from serving.review.lists import LISTS, Value, until

LEAST_REASON = 3


@dataclass(frozen=True, slots=True)
class Filled:
    """A new entry as it was filled in; ``expires_at`` is the end of a day of the shop, as UTC."""

    list: str
    value: Value
    owner: str
    reason: str
    expires_at: datetime
    case_id: str | None


def filled(form: Form, value: Value, zone: tzinfo, now: datetime) -> Filled:
    """The fields beside the value; raises ``InputError``."""
    owner = form.text("owner", 80)
    if not owner:
        raise InputError("owner", owner, "who answers for it")
    return Filled(
        form.choice("list", LISTS), value, owner, reason_of(form), expiry_of(form, zone, now),
        form.text("case", 40) or None,
    )  # fmt: skip


def reason_of(form: Form) -> str:
    """Why, in a few characters at least."""
    reason = form.text("reason", 500)
    if len(reason) < LEAST_REASON:
        raise InputError("reason", reason, f"why, in {LEAST_REASON} to 500 characters")
    return reason


def expiry_of(form: Form, zone: tzinfo, now: datetime) -> datetime:
    """The end of the day that was chosen, in the shop's zone; raises ``InputError`` for one that cannot be."""
    given = form.one("expires")
    try:
        day = date.fromisoformat(given)
        end = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise InputError("expires", given[:20], "a day as YYYY-MM-DD") from error
    return until(end, now)


def today_of(now: datetime, zone: tzinfo) -> date:
    """The shop's day at a UTC moment."""
    return now.replace(tzinfo=UTC).astimezone(zone).date()


def sealed(key: str, name: str, wanted: Filled, hits: Hits) -> str:
    """What was filled in and found, so that nobody but this person can send it on, and nothing of it changed."""
    data = {
        "list": wanted.list,
        "kind": wanted.value.kind,
        "value": wanted.value.value,
        "prefix": wanted.value.prefix,
        "owner": wanted.owner,
        "reason": wanted.reason,
        "expires_at": wanted.expires_at.isoformat(),
        "case_id": wanted.case_id,
        "accounts": hits.accounts,
        "settled": hits.settled,
    }
    text = base64.urlsafe_b64encode(json.dumps(data).encode()).decode()
    return f"{text}.{_seal(key, name, text)}"


def draft_of(key: str, name: str, seal: str) -> Draft:
    """The draft behind a seal; raises ``ProblemError`` for a broken one, or another person's."""
    text, _, mark = seal.rpartition(".")
    if not hmac.compare_digest(mark.encode(), _seal(key, name, text).encode()):
        raise ProblemError("forbidden")
    data: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(text))
    return Draft(
        data["list"],
        Value(data["kind"], data["value"], data["prefix"]),
        data["owner"],
        data["reason"],
        datetime.fromisoformat(data["expires_at"]),
        Hits(data["accounts"], data["settled"]),
        data["case_id"],
    )


def _seal(key: str, name: str, text: str) -> str:
    return hmac.new(key.encode(), f"lists\n{name}\n{text}".encode(), hashlib.sha256).hexdigest()

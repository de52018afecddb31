"""``fairdeal ledger verify`` and ``fairdeal audit verify``: proofs that anybody may run, beside a running service."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

from features.errors import InputError
from pipelines.cli.console import say
from serving.settings import load_settings
from serving.store import audit
from serving.store.verify import verify_ledger as rebuild

SHOWN = 20


def verify_ledger(as_json: bool) -> int:
    """Rebuild the ledger from its events and compare; 1 when they differ."""
    settings = load_settings()
    report = rebuild(settings.ledger_url, settings.shop.timezone, settings.risk.key.encode())
    if as_json:
        differences = [str(difference) for difference in report.differences]
        counts = {"events": report.events, "rows": dict(report.rows), "difference_count": report.difference_count}
        say(json.dumps({**counts, "differences": differences}, indent=2))
    else:
        rows = sum(report.rows.values())
        say(f"{report.events:,} events rebuilt {rows:,} rows: {report.difference_count:,} differences")
        for difference in report.differences[:SHOWN]:
            say(f"  {difference}")
    return int(not report.exact)


def verify_audit(as_json: bool, head: str | None = None) -> int:
    """Check the sealed chain against the events, and that it came past an exported ``head``; 1 when it is broken."""
    settings = load_settings()
    if head is not None and not re.fullmatch(r"[0-9a-f]{64}", head):
        raise InputError("head", head, "the 64 hexadecimal digits that an earlier verify printed")
    report = audit.verify(settings.ledger_url, settings.seals, settings.risk.key, head)
    if as_json:
        say(json.dumps({**asdict(report), "ok": report.ok}, indent=2))
    elif report.broken:
        say(f"broken at {report.broken}; {report.sealed:,} events before it are intact")
    else:
        say(f"{report.sealed:,} sealed events are intact, {report.unsealed:,} not sealed yet; head {report.head}")
    return int(not report.ok)

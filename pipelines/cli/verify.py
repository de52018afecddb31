"""``fairdeal ledger verify`` and ``fairdeal audit verify``: proofs that anybody may run, beside a running service."""

from __future__ import annotations

import json
from dataclasses import asdict

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


def verify_audit(as_json: bool) -> int:
    """Check the sealed chain against the events; 1 when it is broken."""
    settings = load_settings()
    report = audit.verify(settings.ledger_url, settings.seals, settings.risk.key)
    if as_json:
        say(json.dumps({**asdict(report), "ok": report.ok}, indent=2))
    elif report.broken:
        say(f"broken at {report.broken}; {report.sealed:,} events before it are intact")
    else:
        say(f"{report.sealed:,} sealed events are intact, {report.unsealed:,} not sealed yet; head {report.head}")
    return int(not report.ok)

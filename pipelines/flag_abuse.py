"""Flag the abusers of a shop: tables in, one row per user out, with score, action, ring and reasons.

Works on any folder that keeps the table contract, with or without verdicts; needs ``users`` and at least one of
``coupons``, ``orders``, ``events``. Rows at or after ``as_of`` are not looked at, so running again later with the same
``as_of`` gives the same file.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from prefect import flow, get_run_logger, task

from features.engine import connect
from features.errors import InputError
from models.abuse.decision.actions import Decider
from models.abuse.detect import Detected, detect
from models.abuse.flags import flags_of
from models.abuse.folder import open_folder
from models.abuse.shop import shop_before
from models.abuse.steps import Progress, steps
from pipelines.abuse_rule import decider_for, standing_rule, without_hubs
from pipelines.evidence_file import (
    detector_version,
    evidence_body,
    evidence_path,
    read_evidence,
    weight,
    write_evidence,
)
from pipelines.shadow_rules import weigh_shadows
from serving.app import address, open_store
from serving.keys import embedded_keys
from serving.review.case import Flag, Reason
from serving.review.evidence.brought import Brought
from serving.review.push import put_flags
from serving.review.rule_hubs import HubEntry
from serving.review.store import Upserted
from serving.risk_settings import Risk
from serving.settings import Settings, load_settings

FLAGS_AT_ONCE = 500
EVIDENCE_BYTES = 800_000
"""Most evidence in one request, about; with its flags it stays below what the app takes."""
SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("score", pa.float64()),
        ("flagged_at", pa.timestamp("us")),
        ("action", pa.string()),
        ("ring_id", pa.string()),
        ("reasons", pa.string()),
    ]
)


@dataclass(frozen=True)
class FlagReport:
    """What a run found: users seen, rows scored, accounts by action, rings, verdicts used, seconds, rows left out."""

    out: Path
    users: int
    rows: int
    held: int
    withheld: int
    rings: int
    verdicts: int
    seconds: float
    left_out: Mapping[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """One line for people."""
        gone = ", ".join(f"{n} {why}" for why, n in self.left_out.items())
        left = f"left out: {gone}, " if gone else ""
        return (
            f"{self.users} users, {self.rows} claims and orders scored, {self.withheld} withheld, "
            f"{self.held} held for review, "
            f"{self.rings} rings, {self.verdicts} verdicts used, {left}{self.seconds:.0f} s -> {self.out}"
        )


def flag_abuse(
    tables: Path,
    out: Path,
    as_of: datetime | None = None,
    progress: Progress | None = None,
    *,
    key: str | None = None,
    decider: Decider | None = None,
    hubs: Sequence[HubEntry] = (),
    also: Callable[[Detected], None] | None = None,
    memory: str = "3GB",
) -> FlagReport:
    """Score every user of ``tables`` and write the flags to ``out`` (Parquet), what speaks of them beside it.

    Args:
        progress: told each step and its share done (0 or 1).
        as_of: naive UTC (or with a zone); only rows strictly before it count. None: all rows.
        key: keys the hashes of identifiers in reasons; the setting ``risk.key`` by default.
        decider: how probabilities become actions; the default of the settings when left out.
        hubs: things that a lead has named; on the day of the run they make no link.
        also: shown what was found, when the flags are written.

    Raises InputError when a needed table or column is missing, or a file cannot be read.
    """
    started = time.perf_counter()
    decider = decider or Decider()
    if out.suffix != ".parquet":
        raise InputError("out", str(out), "a path that ends in .parquet")
    if as_of is not None and as_of.tzinfo is not None:
        as_of = as_of.astimezone(UTC).replace(tzinfo=None)
    con = connect(memory=memory)
    try:
        with steps(progress) as step:
            step("reading tables")
            today = (as_of or datetime.now(UTC)).date()
            folder = open_folder(con, Path(tables))
            opened = without_hubs(con, folder, hubs, key or Risk().key, today)
            shop = shop_before(con, opened, as_of)
            found = detect(shop, decider.thresholds, step=step)
            step("writing reasons")
            flags = flags_of(found, decider, key or Risk().key)
            out.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pandas(flags, schema=SCHEMA, preserve_index=False), out)
            step("gathering evidence")
            models = {"detector": detector_version(), "verdicts": str(found.verdicts_used)}
            write_evidence(con, folder, Path(tables), flags, evidence_path(out), as_of, key or Risk().key, models)
    finally:
        con.disconnect()
    if also is not None:
        also(found)
    actions = flags["action"].value_counts()
    return FlagReport(
        out=out,
        users=len(flags),
        rows=len(found.rows),
        held=int(actions.get("hold", 0)),
        withheld=int(actions.get("withhold", 0)),
        rings=int(flags["ring_id"].nunique()),
        verdicts=found.verdicts_used,
        seconds=time.perf_counter() - started,
        left_out=shop.left_out,
    )


def push_flags(settings: Settings, flags: Path) -> Upserted:
    """Open or refresh a review case for every ring and lone account of a flags file; twice changes nothing.

    The coupons app takes them where it answers; otherwise they are written to its ledger directly.
    """
    found, evidence = review_flags(pq.read_table(flags).to_pandas()), read_evidence(flags)
    url = address(settings.services.coupons)
    # Keys that the settings list are known by their hashes only: such an installation is written to directly.
    if not settings.services.api_keys and _answers(url):
        with httpx.Client(base_url=url, timeout=60) as http:
            return send_flags(http, embedded_keys(settings.home)["reviewer"], found, evidence)
    store = open_store(settings)
    try:
        version = detector_version()
        parts = loads(found, evidence)
        return _total([asdict(put_flags(store, batch, version=version, evidence=told)) for batch, told in parts])
    finally:
        store.close()


def send_flags(
    http: httpx.Client, key: str, found: Sequence[Flag], evidence: Mapping[str, Brought] | None = None
) -> Upserted:
    """Post flags to the coupons app. The request key is made of what is sent: the same flags are one request."""
    answers = []
    for batch, told in loads(found, evidence or {}):
        body = flags_body(batch, told)
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"flags-{digest[:40]}"}
        answer = http.post("/v1/flags", json=body, headers=headers)
        if not answer.is_success:
            raise RuntimeError(f"POST /v1/flags: {answer.status_code} {answer.text[:300]}")
        answers.append(answer.json())
    return _total(answers)


def flags_body(batch: Sequence[Flag], told: Sequence[Brought]) -> dict[str, Any]:
    """The body of ``POST /v1/flags``."""
    body: dict[str, Any] = {"flags": [asdict(flag) for flag in batch], "version": detector_version()}
    return body | {"evidence": [evidence_body(brought) for brought in told]} if told else body


def loads(found: Sequence[Flag], evidence: Mapping[str, Brought]) -> Iterator[tuple[list[Flag], tuple[Brought, ...]]]:
    """``batches`` with the evidence of their rings and accounts, no more than a request carries; each is sent once."""
    sent: set[str] = set()
    for batch in batches(found):
        subjects: dict[str, list[Flag]] = {}
        for flag in batch:
            subjects.setdefault(flag.subject, []).append(flag)
        part: list[Flag] = []
        told: list[Brought] = []
        size = 0
        for subject, flags in subjects.items():
            brought = evidence.get(subject) if subject not in sent else None
            more = weight(brought) if brought is not None else 0
            if told and size + more > EVIDENCE_BYTES:
                yield part, tuple(told)
                part, told, size = [], [], 0
            part = part + flags
            if brought is not None:
                sent.add(subject)
                told.append(brought)
                size += more
        yield part, tuple(told)


def batches(found: Sequence[Flag]) -> Iterator[list[Flag]]:
    """Requests of at most FLAGS_AT_ONCE flags; a ring is sent whole unless it alone is larger."""
    subjects: dict[str, list[Flag]] = {}
    for flag in found:
        subjects.setdefault(flag.subject, []).append(flag)
    batch: list[Flag] = []
    for ring in subjects.values():
        for start in range(0, len(ring), FLAGS_AT_ONCE):
            part = ring[start : start + FLAGS_AT_ONCE]
            if len(batch) + len(part) > FLAGS_AT_ONCE:
                yield batch
                batch = []
            batch = batch + part
    if batch:
        yield batch


def review_flags(flags: pd.DataFrame) -> list[Flag]:
    """The users of a flags table that are not allowed, as the review store takes them, strongest first."""
    found = flags[flags["action"] != "allow"].sort_values(["score", "user_id"], ascending=[False, True])
    return [
        Flag(
            user_id=row.user_id,
            score=min(max(float(row.score), 0.0), 1.0),
            action=row.action,
            reasons=tuple(Reason(r["code"], r["en"], r["zh"]) for r in json.loads(row.reasons)),
            ring_id=row.ring_id if isinstance(row.ring_id, str) else None,
        )
        for row in found.itertuples(index=False)
    ]


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2).is_success
    except httpx.TransportError:  # nobody listens: the ledger is free to be written to
        return False


def _total(answers: Sequence[Mapping[str, int]]) -> Upserted:
    return Upserted(*(sum(a[name] for a in answers) for name in ("opened", "updated", "unchanged")))


@task(retries=2, retry_delay_seconds=10)
def flag_task(settings: Settings, tables: str | None, out: str | None, as_of: datetime | None) -> FlagReport:
    """``flag_abuse`` for an installation, tried again on failure; a second run writes the same file."""
    where = Path(out) if out else settings.home / "flags.parquet"
    source, rule = Path(tables) if tables else settings.tables, standing_rule(settings)

    def shadows(found: Detected) -> None:
        weigh_shadows(settings, found, source, as_of)

    return flag_abuse(
        source,
        where,
        as_of,
        key=settings.risk.key,
        decider=decider_for(rule, settings),
        hubs=rule.hubs,
        # A folder of somebody's own says nothing of the shop that the rules in shadow are for.
        also=None if tables else shadows,
    )


@task(retries=2, retry_delay_seconds=10)
def push_task(settings: Settings, flags: Path) -> Upserted:
    """``push_flags`` for an installation, tried again on failure."""
    return push_flags(settings, flags)


@flow(name="flag_abuse")
def flag_abuse_flow(
    profile: str | None = None, tables: str | None = None, out: str | None = None, as_of: datetime | None = None
) -> FlagReport:
    """Flag the abusers of the ingested tables (or of a folder), write the flags and open their review cases."""
    logger = get_run_logger()
    logger.info("tables=%s out=%s as_of=%s", tables or "ingested", out or "home", as_of or "all")
    settings = load_settings(profile)
    report = flag_task(settings, tables, out, as_of)
    logger.info("%s", report.summary())
    logger.info("review cases: %s", push_task(settings, report.out))
    return report

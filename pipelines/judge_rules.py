"""Backtest the changes of the abuse rule that people have queued at the console: the standing rule beside each.

A change is claimed from the ledger, so that two workers never run one; a worker that dies loses it after some minutes
of silence. The tables are read once and scored once: a threshold replays both rules over the same scores. Only a change
of the named hubs, which make no link, needs a second run of the detector. Figures go to the ledger, lists of accounts
to ``home/lab/<change>/``: ``affected.parquet`` (user_id, before, after, p, stake_cents, way) and ``summary.json``.
"""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from prefect import flow, get_run_logger, task
from sqlalchemy import Connection

from features.engine import connect
from features.errors import InputError
from models.abuse.decision.actions import ALLOW, CAP
from models.abuse.decision.backtest import Backtest, Past, backtest
from models.abuse.decision.innocent import judged, look_alikes
from models.abuse.decision.limits import Limits, replay, told
from models.abuse.detect import detect
from models.abuse.folder import open_folder
from models.abuse.marks import DAY
from models.abuse.shop import Shop, shop_before
from models.abuse.steps import Step
from pipelines.abuse_rule import decider_for, without_hubs
from serving.app import open_store
from serving.review.rule_change import RuleChange
from serving.review.rule_work import beat, failed, find_change, start, tested
from serving.review.rules import LIMITS, Rule
from serving.settings import Settings, load_settings
from serving.store.unit import Answer, Command, Request, Store

DAYS = 90
BEAT_SECONDS = 15
SUMMARY, AFFECTED = "summary.json", "affected.parquet"
_STEPS = ("reading tables", "linking accounts", "weighing evidence", "learning from verdicts", "following rings",
          "replaying rules", "replaying limits")  # fmt: skip


class LostError(RuntimeError):
    """The change is not ours any more: it was withdrawn, or somebody else runs it."""


@dataclass(frozen=True)
class Seen:
    """What one run of the detector gives: the past, and claims and orders with verdicts for the limits."""

    past: Past
    claims: pd.DataFrame
    orders: pd.DataFrame
    abusive: pd.Series


@dataclass(frozen=True)
class Judged:
    """Figures of both rules (JSON), and the accounts that they treat differently."""

    summary: dict[str, Any]
    affected: pd.DataFrame


def judge_change(
    settings: Settings, tables: Path, before: Rule, after: Rule, *,
    days: int = DAYS, as_of: datetime | None = None, step: Step = lambda _: None,
) -> Judged:  # fmt: skip
    """Both rules over the last ``days`` before ``as_of`` (UTC; all rows by default).

    Raises InputError for tables that cannot be used, or a window without rows.
    """
    began = time.perf_counter()
    old = see(settings, tables, before, days, as_of, step)
    again = before.hubs != after.hubs or (
        # Where nobody recorded events, scores stop short of the automatic threshold.
        "events" not in old.past.found.known and before.automatic != after.automatic
    )
    new = see(settings, tables, after, days, as_of, step) if again else old
    capacity = settings.risk.review_capacity_per_day
    step("replaying rules")
    results = {
        "old": backtest(old.past, decider_for(before, settings), capacity),
        "new": backtest(new.past, decider_for(after, settings), capacity),
    }
    step("replaying limits")
    limits = {
        name: told(met_by(rule, seen, results[name]), seen.abusive)
        for name, rule, seen in (("old", before, old), ("new", after, new))
    }
    moved = affected(results["old"], results["new"])
    ways = moved["way"].value_counts()
    summary = {
        "before": before.digest,
        "after": after.digest,
        "days": old.past.days,
        "start": _iso(old.past.start),
        "end": _iso(old.past.end),
        "verdicts": int(np.sum(~np.isnan(old.past.abusive))),
        "old": _finite(results["old"].figures),
        "new": _finite(results["new"].figures),
        "limits": limits,
        "newly": int(ways.get("newly", 0)),
        "released": int(ways.get("released", 0)),
        "otherwise": int(ways.get("otherwise", 0)),
        "detections": 2 if again else 1,
        "seconds": round(time.perf_counter() - began, 1),
    }
    return Judged(summary, moved)


def see(settings: Settings, tables: Path, rule: Rule, days: int, as_of: datetime | None, step: Step) -> Seen:
    """Score the shop once under a rule's hubs."""
    step("reading tables")
    con = connect(memory="3GB")
    try:
        opened = open_folder(con, tables)
        # Days of the tables decide which entries hold, not the day on which somebody looks at them.
        today = (as_of or datetime.now(UTC)).date()
        shop = shop_before(con, without_hubs(con, opened, rule.hubs, settings.risk.key, today), as_of)
        claims, orders = _activity(shop)
        verdicts = None if shop.verdicts is None else con.to_pandas(shop.verdicts)
        found = detect(shop, decider_for(rule, settings).thresholds, step=step)
    finally:
        con.disconnect()
    if found.rows.empty:
        raise InputError("tables", tables.name, "some claim or order to judge rules by")
    end = int(found.rows["us"].max()) + 1
    begin = max(end - days * DAY, int(found.rows["us"].min()))
    said = judged(found, verdicts)
    past = Past(found, said, look_alikes(found, said), begin, end)
    return Seen(past, claims, orders, pd.Series(said, index=found.accounts["user_id"].to_numpy()))


def met_by(rule: Rule, seen: Seen, result: Backtest) -> pd.DataFrame:
    """Claims and orders that the limits of a rule would have met in the window."""
    first = result.accounts[result.accounts["first"] == CAP]
    capped = pd.DataFrame({"user_id": first["user_id"], "since": first["at"]})
    limits = Limits(**{name: getattr(rule, name) for name in LIMITS})
    return replay(limits, seen.claims, seen.orders, capped, seen.past.start, seen.past.end)


def affected(old: Backtest, new: Backtest) -> pd.DataFrame:
    """Accounts that two rules treat differently, those with most at stake first.

    ``way``: ``newly`` touched, ``released``, or touched ``otherwise``. An account that one of them had acted on before
    the window counts as allowed by that one.
    """
    columns = ["user_id", "action", "p", "stake_cents"]
    both = old.accounts[columns].merge(new.accounts[columns], on="user_id", how="outer", suffixes=("_old", "_new"))
    table = pd.DataFrame(
        {
            "user_id": both["user_id"],
            "before": both["action_old"].fillna(ALLOW),
            "after": both["action_new"].fillna(ALLOW),
            "p": both[["p_old", "p_new"]].max(axis=1),
            "stake_cents": both[["stake_cents_old", "stake_cents_new"]].max(axis=1).round().astype("int64"),
        }
    )
    table = table[table["before"] != table["after"]]
    way = np.where(table["before"] == ALLOW, "newly", np.where(table["after"] == ALLOW, "released", "otherwise"))
    table = table.assign(way=way)
    return table.sort_values(["stake_cents", "user_id"], ascending=[False, True], ignore_index=True)


# -- working through the queue -----------------------------------------------------------------------------------------


def judge_queued(settings: Settings, tables: Path | None = None, worker: str | None = None, days: int = DAYS) -> int:
    """Backtest what is queued, one after the other; gives how many were."""
    name = worker or f"{socket.gethostname()[:40]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    store, done = open_store(settings), 0
    try:
        while (change_id := _write(store, name, start(name)).body.get("change_id")) is not None:
            change = store.read(partial(_change, str(change_id)))
            if change is not None:
                _judge_one(settings, store, name, change, tables or settings.tables, days)
                done += 1
    finally:
        store.close()
    return done


def _change(change_id: str, connection: Connection) -> RuleChange | None:
    return find_change(connection, change_id)


def _judge_one(settings: Settings, store: Store, worker: str, change: RuleChange, tables: Path, days: int) -> None:
    try:
        with _beating(store, worker, change.change_id) as step:
            result = judge_change(settings, tables, change.before, change.after, days=days, step=step)
        keep(settings, change.change_id, result)
        _write(store, worker, tested(change.change_id, worker, result.summary))
    except LostError:
        return
    except InputError as error:
        _write(store, worker, failed(change.change_id, worker, str(error)))
    except Exception as error:
        # The page says what went wrong; the run's own log has the whole of it.
        _write(store, worker, failed(change.change_id, worker, f"{type(error).__name__}: {error}"))
        raise


def keep(settings: Settings, change_id: str, result: Judged) -> Path:
    """Write the lists and the summary below home; gives the folder."""
    folder = settings.home / "lab" / change_id
    folder.mkdir(parents=True, exist_ok=True)
    result.affected.to_parquet(folder / AFFECTED, index=False)
    text = json.dumps(result.summary, indent=1, sort_keys=True, allow_nan=False)
    (folder / SUMMARY).write_text(text + "\n", "utf-8")
    return folder


@contextmanager
def _beating(store: Store, worker: str, change_id: str) -> Iterator[Step]:
    """A ``step`` that tells the ledger how far the backtest is; between steps a thread says that it still lives.

    Raises LostError at the next step once the change is somebody else's.
    """
    at, lost, over = [""], threading.Event(), threading.Event()

    def tell() -> None:
        done = _STEPS.index(at[0]) / len(_STEPS) if at[0] in _STEPS else 0.0
        if _write(store, worker, beat(change_id, worker, at[0], done)).status >= 400:
            lost.set()

    def live() -> None:
        while not over.wait(BEAT_SECONDS):
            tell()

    def step(name: str) -> None:
        at[0] = name
        tell()
        if lost.is_set():
            raise LostError(change_id)

    thread = threading.Thread(target=live, name="beat", daemon=True)
    thread.start()
    try:
        yield step
    finally:
        over.set()
        thread.join()


def _write(store: Store, worker: str, command: Command) -> Answer:
    key = store.ids("jdg")
    return store.write(Request("flow:judge_rules", key, "judge_rules", key, worker[:64]), command)


def _activity(shop: Shop) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Claims (user_id, us, device, ip) and orders (user_id, us, goods) of all times before the end."""
    con = shop.con
    claims = con.to_pandas(shop.claims.select("user_id", "us", "device", "ip"))
    orders = con.to_pandas(shop.orders.select("user_id", "us", "goods"))
    return claims, orders


def _finite(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: float(value) if math.isfinite(value) else None for name, value in figures.items()}


def _iso(us: int) -> str:
    return pd.Timestamp(us, unit="us").isoformat()


@task
def judge_task(settings: Settings, tables: str | None, days: int) -> int:
    """``judge_queued`` for an installation."""
    return judge_queued(settings, Path(tables) if tables else None, days=days)


@flow(name="judge_rules")
def judge_rules(profile: str | None = None, tables: str | None = None, days: int = DAYS) -> int:
    """Backtest the changes of the abuse rule that wait for it; gives how many there were."""
    logger = get_run_logger()
    done = judge_task(load_settings(profile), tables, days)
    logger.info("rules judged: %s", done)
    return done

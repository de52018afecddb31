"""The verbs of ``fairdeal``; each imports what it needs when it runs, so that ``--help`` answers at once."""

from __future__ import annotations

import atexit
import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from features.errors import InputError
from pipelines.cli.console import progress, say, wait_for_interrupt
from pipelines.cli.models import models
from pipelines.cli.staff import staff
from pipelines.runtime import prepare
from serving.settings import load_settings

app = typer.Typer(
    name="fairdeal",
    help="The right coupon to the right user, none to the abuser, and proof that it paid.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
ledger = typer.Typer(help="The ledger of coupons and cents.", no_args_is_help=True)
audit = typer.Typer(help="The sealed log of who did what.", no_args_is_help=True)
events = typer.Typer(help="What happened in the ledger, as webhooks tell it.", no_args_is_help=True)
app.add_typer(ledger, name="ledger")
app.add_typer(audit, name="audit")
app.add_typer(events, name="events")
app.add_typer(models, name="models")
app.add_typer(staff, name="staff")


class App(StrEnum):
    """The three web apps."""

    SCORING = "scoring"
    COUPONS = "coupons"
    CONSOLE = "console"


class Language(StrEnum):
    """Languages of reports and of the console."""

    EN = "en"
    ZH = "zh"


Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
Spec = Annotated[Path, typer.Option("--spec", help="YAML that says what the columns mean.")]
Lang = Annotated[Language, typer.Option("--language", help="Language of the report.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command()
def demo(
    users: Annotated[int, typer.Option(min=500, help="Users of the simulated shop.")] = 20_000,
    days: Annotated[int, typer.Option(min=45, help="Days of its history.")] = 90,
    seed: Annotated[int, typer.Option(help="Same seed, same shop.")] = 7,
    serve: Annotated[bool, typer.Option("--serve", help="Leave the apps up and print one link per role.")] = False,
    language: Lang = Language.EN,
) -> None:
    """Simulate a shop, train, choose, serve a day of shoppers over HTTP, catch abusers, report what it earned."""
    from contextlib import ExitStack

    from pipelines.demo import run_demo

    with ExitStack() as stack:
        with progress() as step:
            finished = run_demo(stack, users, days, seed, language.value, step)
        say(finished.summary())
        if serve:
            for role, link in finished.links.items():
                say(f"{role:<18} {link}")
            say("Ctrl-C stops the apps")
            wait_for_interrupt()


@app.command()
def simulate(
    out: Out,
    users: Annotated[int, typer.Option(min=100, help="Users of the shop.")] = 20_000,
    days: Annotated[int, typer.Option(min=30, help="Days of its history.")] = 90,
    seed: Annotated[int, typer.Option(help="Same seed, same tables.")] = 7,
) -> None:
    """Write the tables of a simulated shop with a coupon trial and planted abuse; the truth lies beside them."""
    from pipelines.shop import simulate as simulate_shop

    with progress() as step:
        simulate_shop(users=users, days=days, seed=seed, out=out, progress=step)
    say(f"wrote the shop's tables to {out}, what is true of them to {out / 'truth'}")


@app.command()
def ingest(source: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of Parquet or CSV tables.")]) -> None:
    """Check every row of a folder of tables; keep the good ones, put the others aside with reasons."""
    from features.ingest import ingest_folder

    settings = load_settings()
    with progress() as step:
        report = ingest_folder(source, settings.tables, settings.rejected, progress=step)
    say("\n".join(report.lines()))


@app.command()
def trial(
    data: Annotated[Path, typer.Argument(help="CSV or Parquet with one row per unit.")],
    spec: Spec,
    out: Out,
    splits: Annotated[int, typer.Option(min=2, help="Repeated train/test splits.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the splits.")] = 0,
    language: Lang = Language.EN,
) -> None:
    """Judge uplift models on a randomised experiment, next to the baselines that may beat them."""
    from pipelines.run_trial import run_trial

    with progress() as step:
        report = run_trial(
            data, spec, out, splits, seed, language.value, lambda done, of: step("judge the trial", done / of)
        )
    say(f"report: {report}")


@app.command("abuse-study")
def abuse_study(
    data: Annotated[Path, typer.Argument(help="CSV or Parquet with one row per purchase or claim.")],
    spec: Spec,
    out: Out,
    language: Lang = Language.EN,
) -> None:
    """Judge abuse detection on a labelled log, split by time, next to plain rules."""
    from pipelines.study_abuse import run_study

    with progress() as step:
        report = run_study(data, spec, out, language=language.value, progress=step)
    say(f"report: {report}")


@app.command("flag-abuse")
def flag_abuse(
    tables: Annotated[Path, typer.Argument(help="Folder of tables.")],
    out: Annotated[Path, typer.Option("--out", help="Parquet file to write.")],
    as_of: Annotated[str | None, typer.Option(help="Use only what was known before this time (ISO 8601).")] = None,
) -> None:
    """Score every user of a folder of tables for coupon abuse, with reasons."""
    settings = load_settings()
    prepare(settings)
    from pipelines.abuse_rule import decider_for, standing_rule
    from pipelines.flag_abuse import flag_abuse as flag

    rule = standing_rule(settings)
    with progress() as step:
        report = flag(
            tables, out, _moment("as-of", as_of), step, key=settings.risk.key, decider=decider_for(rule, settings),
            hubs=rule.hubs,
        )  # fmt: skip
    say(report.summary())


@app.command()
def backtest(
    tables: Annotated[Path, typer.Argument(help="Folder of tables.")],
    out: Out,
    days: Annotated[int, typer.Option(help="Days before the end of the data that are replayed.")] = 90,
    reviews_per_day: Annotated[int | None, typer.Option(help="Cases that people can decide in a day.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Use only what was known before this time (ISO 8601).")] = None,
    language: Lang = Language.EN,
) -> None:
    """Replay the abuse rule over past weeks, next to the one that review budget and look-alike caps ask for."""
    settings = load_settings()
    prepare(settings)
    from pipelines.backtest_abuse import backtest_abuse

    with progress() as step:
        done = backtest_abuse(
            tables, out, settings, days=days, per_day=reviews_per_day, as_of=_moment("as-of", as_of),
            language=language.value, progress=step,
        )  # fmt: skip
    say(f"report: {done.page}; {done.changed} accounts would be treated otherwise")


@app.command()
def run(
    flow: Annotated[str, typer.Argument(help="Name of a flow in configs/flows.yaml; 'list' names them.")],
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="name=value, over the ones in flows.yaml.")
    ] = None,
) -> None:
    """Run one flow now."""
    from pipelines.deploy import flow_names, run_flow

    if flow == "list":
        say("\n".join(flow_names()))
        return
    run_flow(flow, dict(_pair(text) for text in parameter or []))


@app.command()
def schedule() -> None:
    """Keep running the flows of configs/flows.yaml at their times, until stopped."""
    from pipelines.deploy import run_schedules

    run_schedules()


@app.command()
def serve(which: Annotated[App | None, typer.Argument(help="One app; all three when left out.")] = None) -> None:
    """Run the scoring service, the coupon service and the console, side by side."""
    from pipelines.child_flows import ChildFlows
    from serving.app import Parts
    from serving.app import serve as run_apps

    settings = load_settings()
    flows = ChildFlows(settings)
    try:
        run_apps(settings, which.value if which else None, Parts(judge=flows))
    finally:
        flows.close()


@app.command()
def explain(
    decision_id: Annotated[str, typer.Argument(help="Id of the decision, dec_…")],
    as_json: AsJson = False,
    language: Annotated[Language, typer.Option("--language", help="Language of the sentences.")] = Language.EN,
) -> None:
    """Say why a user got an offer: what else was eligible, at which price, and what would have turned the choice."""
    from pipelines.cli.explain import explain_decision

    explain_decision(decision_id, language.value, as_json)


@ledger.command("verify")
def ledger_verify(as_json: AsJson = False) -> None:
    """Rebuild every coupon from its events and compare; exit 1 when they differ."""
    from pipelines.cli.verify import verify_ledger

    raise typer.Exit(verify_ledger(as_json))


@audit.command("verify")
def audit_verify(
    head: Annotated[str | None, typer.Option("--head", help="A head printed before: it must be there.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check the hash chain over all events; exit 1 and name the first bad row when it is broken."""
    from pipelines.cli.verify import verify_audit

    raise typer.Exit(verify_audit(as_json, head))


@events.command("resend")
def events_resend(
    event_id: Annotated[str, typer.Argument(help="Id of the event, evt_…")],
    endpoint: Annotated[str | None, typer.Option(help="One endpoint (whk_…); all when left out.")] = None,
) -> None:
    """Send an event to its webhooks once more; exit 1 when the coupon service refuses."""
    from pipelines.cli.events import resend

    raise typer.Exit(resend(event_id, endpoint))


@app.command()
def openapi(
    check: Annotated[
        bool, typer.Option("--check", help="Compare: exit 1 when callers would break, 3 when stale.")
    ] = False,
    breaking: Annotated[bool, typer.Option("--breaking", help="Write although callers would break.")] = False,
) -> None:
    """Write docs/openapi, the committed contract of the HTTP APIs."""
    from pipelines.cli.openapi import check_openapi, write_openapi

    raise typer.Exit(check_openapi() if check else write_openapi(breaking))


@app.command()
def requirements() -> None:
    """Write docs/requirements.md: which test shows which requirement."""
    from pipelines.cli.requirements import write_requirements

    raise typer.Exit(write_requirements())


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="A file of tests/benchmarks, or 'all'.")],
    as_json: AsJson = False,
) -> None:
    """Measure a speed claim: ratios against a named peer or floor, in one run."""
    from pipelines.cli.bench import run_benchmarks

    run_benchmarks(name, as_json)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Name every store, its version and what is missing; exit 1 when something is broken."""
    from pipelines.cli.doctor import examine

    raise typer.Exit(examine(as_json))


def main() -> None:
    """Run the command line; input that somebody can mend is one line on stderr and exit code 2."""
    message = None
    try:
        app()
    except InputError as error:
        message = str(error)
    if message is not None:
        sys.stderr.write(f"fairdeal: {message}\n")
        _leave(2)


def _leave(code: int) -> None:
    """End the process without tearing the interpreter down, after what was registered for its end (Prefect's server).

    Prefect's threads keep a failed run's frames, and DuckDB's binding fills the screen with what these still hold.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _moment(field: str, text: str | None) -> datetime | None:
    """Parse a time; one without a zone is UTC (the tables' convention), and the result is naive UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(field, text, "a time like 2026-03-01T00:00:00 (ISO 8601)") from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise InputError("parameter", text, "name=value")
    return name, value

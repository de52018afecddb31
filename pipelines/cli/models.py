"""``fairdeal models``: which versions there are, what is known of each, and who may change which one answers.

The gate promotes by itself what it finds better. A person may promote another version, or go back to the one before,
and then says who they are and why; both are kept with the version. A running scoring service follows the alias.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import InputError

if TYPE_CHECKING:
    from models.registry import Registry
    from models.registry.trail import Move, Version

models = typer.Typer(
    help="Versions of the models: list, read the card, promote, roll back.", invoke_without_command=True
)

Name = Annotated[str, typer.Argument(help="Name of the model: uplift, policy, abuse.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the version.")]
By = Annotated[str, typer.Option("--by", help="Who decides; kept with the version.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@models.callback()
def list_models(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List all versions of all models: what points at each, and what its gate said."""
    if ctx.invoked_subcommand is not None:
        return
    from rich.markup import escape
    from rich.table import Table

    from pipelines.cli.console import out, say

    registry = _registry()
    versions = [version for name in registry.names() for version in registry.history(name)]
    if as_json:
        say(json.dumps([_row(version) for version in versions], indent=2, ensure_ascii=False))
        return
    table = Table("model", "version", "in use as", "logged (UTC)", "gate", "why")
    for version in versions:
        row = _row(version)
        table.add_row(
            *(escape(str(row[key])) for key in ("model", "version", "aliases", "logged_at", "gate", "gate_reason"))
        )
    out.print(table)


@models.command()
def show(
    name: Name,
    version: Annotated[str | None, typer.Argument(help="By default the champion.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the card of a version: data, figures, limits, features, who approved it and every move of its aliases."""
    from pipelines.cli.console import say
    from pipelines.cli.model_card import card_text

    registry = _registry()
    known = _existing(registry, name)
    wanted = version or registry.version(name)
    if wanted is None:
        raise InputError(f"champion of {name}", None, f"a version: one of {', '.join(known)}")
    if wanted not in known:
        raise InputError(f"version of {name}", wanted, f"one of {', '.join(known)}")
    card = registry.card(name, wanted)
    moves = [move for move in registry.trail(name) if move.version == wanted]
    if as_json:
        facts = {**_row(known[wanted]), "card": card, "moves": [vars(move) for move in moves]}
        say(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    say(card_text(known[wanted], card, moves))


@models.command()
def promote(name: Name, version: Annotated[str, typer.Argument(metavar="VERSION")], reason: Reason, by: By) -> None:
    """Make a version the champion, whatever the gate said."""
    registry = _registry()
    _existing(registry, name)
    _check(by, reason)
    _told(registry, registry.promote(name, version, reason=reason, by=by), name)


@models.command()
def rollback(name: Name, reason: Reason, by: By) -> None:
    """Make the champion before this one the champion again."""
    registry = _registry()
    _existing(registry, name)
    _check(by, reason)
    _told(registry, registry.roll_back(name, reason=reason, by=by), name)


def _registry() -> Registry:
    from models.registry import Registry
    from pipelines.runtime import prepare
    from serving.settings import load_settings

    settings = load_settings()
    database = settings.mlflow_uri.removeprefix("sqlite:///")
    if settings.mlflow_uri.startswith("sqlite") and not Path(database).exists():
        raise InputError("models", database, "a registry with models; fairdeal run train_uplift makes one")
    prepare(settings)
    return Registry(settings.mlflow_uri, settings.mlflow_artifacts)


def _existing(registry: Registry, name: str) -> dict[str, Version]:
    known = {version.version: version for version in registry.history(name)}
    if not known:
        raise InputError("model", name, f"one of {', '.join(registry.names()) or 'none: nothing has been logged yet'}")
    return known


def _check(by: str, reason: str) -> None:
    from models.registry.trail import check_reason

    check_reason(by, reason)


def _told(registry: Registry, move: Move, name: str) -> None:
    from pipelines.cli.console import say

    say(f"{name}: version {move.version} is the champion (before: {move.before or 'none'})")
    policy = registry.champion("policy") if name == "uplift" else None
    priced_for = policy.artefact.spec.get("uplift_version") if policy is not None else None
    if priced_for is not None and priced_for != move.version:
        say(f"the policy was priced for uplift {priced_for}; fairdeal run choose_coupons prices it for {move.version}")


def _row(version: Version) -> dict[str, Any]:
    return {
        "model": version.name,
        "version": version.version,
        "aliases": ", ".join(version.aliases),
        "logged_at": f"{version.logged_at:%Y-%m-%d %H:%M}",
        "gate": version.gate,
        "gate_reason": version.tags.get("gate_reason", ""),
    }

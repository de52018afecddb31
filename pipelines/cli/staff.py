"""``fairdeal staff``: who works at the console; works beside a running service, on its ledger.

Whoever may write to the ledger may do this, so that an admin who is locked out gets in again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import InputError

if TYPE_CHECKING:
    from serving.settings import Settings
    from serving.store.unit import Command, Store

staff = typer.Typer(help="Who works at the console, and with which role.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Login name.")]
Role = Annotated[str, typer.Option("--role", help="reviewer, lead, operator, analyst or admin.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@staff.command()
def add(
    name: Name,
    role: Role,
    link: Annotated[bool, typer.Option("--link", help="Print a one-time link, ask for no password.")] = False,
) -> None:
    """Add an account; asks for its password on a terminal, prints a one-time link elsewhere."""
    from serving.staff import accounts

    with _ledger() as (settings, store):
        command = accounts.add(name, role)  # what is wrong with the name is said before anything is asked
        password = _asked(name) if _on_terminal() and not link else None
        _done(store, name, command)
        if password is None:
            _print_link(settings, store, name)
        else:
            _keep(store, name, password)


@staff.command("list")
def list_staff(as_json: AsJson = False) -> None:
    """List everybody: role, state, how they sign in, open sessions."""
    from rich.markup import escape
    from rich.table import Table

    from pipelines.cli.console import out, say
    from serving.staff.accounts import people

    with _ledger() as (_, store):
        found = store.read(lambda connection: people(connection, store.clock()))
    rows = [
        {
            "name": person.account.name,
            "role": person.account.role,
            "state": person.account.state,
            "signs in": "provider"
            if person.account.origin == "oidc"
            else "password"
            if person.has_password
            else "link",
            "sessions": person.sessions,
            "seen (UTC)": f"{person.seen_at:%Y-%m-%d %H:%M}" if person.seen_at else "",
        }
        for person in found
    ]
    if as_json:
        say(json.dumps(rows, indent=2))
        return
    if not rows:
        say("nobody yet; fairdeal staff add NAME --role admin")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    out.print(table)


@staff.command()
def role(name: Name, role: Annotated[str, typer.Argument(metavar="ROLE")]) -> None:
    """Give another role; it holds from the next click on."""
    from serving.staff import accounts

    with _ledger() as (_, store):
        _done(store, name, accounts.set_role(_clean(name), role))


@staff.command()
def disable(name: Name) -> None:
    """Shut an account and end its sessions at once; the last active admin stays."""
    from serving.staff import accounts

    with _ledger() as (_, store):
        _done(store, name, accounts.disable(_clean(name)))


@staff.command()
def enable(name: Name) -> None:
    """Open an account again."""
    from serving.staff import accounts

    with _ledger() as (_, store):
        _done(store, name, accounts.enable(_clean(name)))


@staff.command()
def link(name: Name) -> None:
    """Print a link that signs in once, within 15 minutes."""
    with _ledger() as (settings, store):
        _print_link(settings, store, name)


@staff.command()
def reset(name: Name) -> None:
    """Forget the password, end all sessions and print a one-time link."""
    with _ledger() as (settings, store):
        _print_link(settings, store, name, reset=True)


@contextmanager
def _ledger() -> Iterator[tuple[Settings, Store]]:
    from serving.app import open_store
    from serving.settings import load_settings

    settings = load_settings()
    store = open_store(settings)
    try:
        yield settings, store
    finally:
        store.close()


def _done(store: Store, name: str, command: Command) -> dict[str, Any]:
    """Run a command on an account as the person at this machine; a refusal is bad input."""
    from serving.store.unit import Request

    key = store.ids("cli")
    answer = store.write(Request(f"cli:{_who()}"[:80], key, "staff", key), command)
    if answer.status >= 400:
        raise InputError("name", name, f"another one: {answer.body['detail']}")
    return answer.body


def _print_link(settings: Settings, store: Store, name: str, *, reset: bool = False) -> None:
    from pipelines.cli.console import say
    from serving.app import console_address
    from serving.staff.links import address_of, give, new_link

    fresh = new_link()
    _done(store, name, give(_clean(name), fresh, reset=reset))
    say(address_of(console_address(settings), fresh))
    sys.stderr.write("good once, for 15 minutes\n")


def _keep(store: Store, name: str, password: str) -> None:
    from serving.staff.accounts import password_kept
    from serving.staff.passwords import Passwords

    _done(store, name, password_kept(_clean(name), Passwords().hash_now(password)))


def _asked(name: str) -> str:
    from serving.staff.passwords import clean_password

    typed = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return clean_password(typed.strip(), _clean(name))  # forms drop blanks around it too


def _on_terminal() -> bool:
    return sys.stdin.isatty()


def _clean(name: str) -> str:
    from serving.staff.account import clean_name

    return clean_name(name)


def _who() -> str:
    return os.environ.get("USER") or str(os.getuid())

"""``docs/requirements.md``: which test shows which numbered requirement, read from the markers in the tests.

Markers are read from the source (``@pytest.mark.requirement("F001")`` on a test, a class, a parameter or in
``pytestmark``), because running pytest to ask takes minutes. A test may show several requirements and a requirement
may need several tests.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from features.errors import InputError
from pipelines.cli.console import say

ROOT = Path(__file__).resolve().parents[2]
TITLES = "docs/requirements.yaml"
TABLE = "docs/requirements.md"
# What the issuer and redeemer promise, first and last number; each is to have a test.
PROMISED = ((1, 70), (96, 124), (183, 188), (204, 204), (208, 208))
_HEAD = """\
# Requirements and the tests that show them

Made by `make docs` from the `requirement` markers of the tests; edit those, not this. A requirement may need several
tests, and a test may show several requirements.
"""


def write_requirements(root: Path = ROOT) -> int:
    """Write the table; 0, or ``InputError`` when a marker is not a known number."""
    text = table(titles(root), collect(root))
    (root / TABLE).write_text(text, "utf-8")
    say(f"wrote {TABLE}")
    return 0


def titles(root: Path = ROOT) -> dict[str, str]:
    """Short title by number."""
    found: dict[str, str] = yaml.safe_load((root / TITLES).read_text("utf-8"))
    return found


def collect(root: Path = ROOT) -> dict[str, list[str]]:
    """Test ids by number, both sorted; raises ``InputError`` for a marker without a plain number."""
    found: dict[str, set[str]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        place = path.relative_to(root).as_posix()
        for name, number in _marked(ast.parse(path.read_text("utf-8"), place), place):
            found.setdefault(number, set()).add(f"{place}::{name}")
    return {number: sorted(tests) for number, tests in sorted(found.items())}


def table(names: Mapping[str, str], shown: Mapping[str, list[str]]) -> str:
    """The document; raises ``InputError`` when a test names a requirement that does not exist."""
    for number, tests in shown.items():
        if number not in names:
            raise InputError(f"requirement of {tests[0]}", number, f"a number of {TITLES}")
    promised = [f"F{n:03d}" for first, last in PROMISED for n in range(first, last + 1)]
    missing = [number for number in promised if number not in shown]
    lines = [_HEAD, f"{len(promised) - len(missing)} of {len(promised)} requirements of the coupon engine are shown.\n"]
    lines += ["| # | requirement | tests |", "|---|---|---|"]
    for number, tests in shown.items():
        listed = "<br>".join(f"`{test}`" for test in tests)
        lines.append(f"| {number} | {_cell(names[number])} | {listed} |")
    lines += ["", "## Not shown", ""]
    lines += [f"- {number} {names[number]}" for number in missing] or ["Nothing is missing."]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _marked(module: ast.Module, place: str) -> Iterator[tuple[str, str]]:
    """Name below the file and number, for every marker of every test of a module."""
    yield from _of_body(module.body, "", [], place)


def _of_body(body: list[ast.stmt], prefix: str, inherited: list[str], place: str) -> Iterator[tuple[str, str]]:
    numbers = [*inherited, *(n for statement in body if _is_pytestmark(statement) for n in _numbers(statement, place))]
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            own = [n for decorator in statement.decorator_list for n in _numbers(decorator, place)]
            yield from _of_body(statement.body, f"{prefix}{statement.name}::", [*numbers, *own], place)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            own = [n for decorator in statement.decorator_list for n in _numbers(decorator, place)]
            if own and not statement.name.startswith("test"):
                raise InputError(f"{place}:{statement.lineno}", statement.name, "a test below a requirement marker")
            if statement.name.startswith("test"):
                yield from ((f"{prefix}{statement.name}", number) for number in [*numbers, *own])
        elif isinstance(statement, ast.Assign) and not _is_pytestmark(statement):
            # TestLedger = pytest.mark.requirement("F100")(Machine.TestCase)
            own = _numbers(statement, place) if isinstance(statement.value, ast.Call) else []
            yield from ((f"{prefix}{ast.unparse(target)}", n) for target in statement.targets for n in own)


def _is_pytestmark(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in targets)


def _numbers(node: ast.AST, place: str) -> list[str]:
    """The numbers of all ``pytest.mark.requirement(...)`` below a node."""
    found = []
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("mark.requirement"):
            if not call.args:
                raise InputError(f"{place}:{call.lineno}", ast.unparse(call), 'a number such as "F001"')
            found += [_number(argument, place) for argument in call.args]
    return found


def _number(argument: ast.expr, place: str) -> str:
    value = argument.value if isinstance(argument, ast.Constant) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return f"F{value:03d}"
    if isinstance(value, str) and value[:1] == "F" and value[1:].isdigit():
        return value
    raise InputError(f"{place}:{argument.lineno}", ast.unparse(argument), 'a number such as "F001"')

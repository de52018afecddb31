"""The table of requirements is made of the markers: it cannot be stale, and no marker can name what does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import InputError
from pipelines.cli.requirements import ROOT, TABLE, collect, table, titles, write_requirements

SOURCE = """
import pytest

pytestmark = [pytest.mark.requirement("F003"), pytest.mark.slow]
PAIRS = [pytest.param(1)]

@pytest.mark.requirement("F001", "F002")
@pytest.mark.requirement(7)
def test_one(): ...

@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.requirement("F004"))])
async def test_two(n): ...

@pytest.mark.requirement("F005")
class TestThree:
    pytestmark = pytest.mark.requirement("F006")

    def test_inside(self): ...
    def helper(self): ...

    class TestDeep:
        def test_deeper(self): ...

TestMachine = pytest.mark.requirement("F008")(Machine.TestCase)

def helper(): ...
"""
NAMES = {f"F{n:03d}": f"title {n} | a" for n in range(1, 210)}


def project(root: Path, source: str) -> Path:
    (root / "tests" / "deep").mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "tests" / "deep" / "test_a.py").write_text(source, "utf-8")
    (root / "tests" / "deep" / "helper.py").write_text("@pytest.mark.requirement('F009')\ndef test_no(): ...", "utf-8")
    (root / "docs" / "requirements.yaml").write_text("\n".join(f'{n}: "{t}"' for n, t in NAMES.items()), "utf-8")
    return root


def test_the_table_is_what_the_markers_say_now() -> None:
    written = (ROOT / TABLE).read_text("utf-8")
    assert written == table(titles(), collect()), "run make docs"


def test_markers_are_found_on_tests_classes_parameters_modules_and_made_classes(tmp_path: Path) -> None:
    place = "tests/deep/test_a.py"
    everywhere = [f"{place}::{name}" for name in ("TestThree::TestDeep::test_deeper", "TestThree::test_inside")]
    one, two = f"{place}::test_one", f"{place}::test_two"
    assert collect(project(tmp_path, SOURCE)) == {
        "F001": [one],
        "F002": [one],
        "F003": [*everywhere, one, two],
        "F004": [two],
        "F005": everywhere,
        "F006": everywhere,
        "F007": [one],
        "F008": [f"{place}::TestMachine"],
    }


def test_one_requirement_may_have_several_tests_and_those_without_are_listed(tmp_path: Path) -> None:
    root = project(tmp_path, SOURCE)
    assert write_requirements(root) == 0
    lines = (root / TABLE).read_text("utf-8").splitlines()
    row = next(line for line in lines if line.startswith("| F003"))
    assert row.startswith("| F003 | title 3 \\| a | `tests/deep/test_a.py::TestThree::TestDeep::test_deeper`<br>`")
    assert row.count("`tests/") == 4
    missing = [line[2:6] for line in lines if line.startswith("- F")]
    promised = [*range(1, 71), *range(96, 125), *range(183, 189), 204, 208]
    assert missing == [f"F{n:03d}" for n in promised if n > 8]
    assert f"8 of {len(promised)} requirements" in "\n".join(lines)


@pytest.mark.parametrize(
    ("marker", "found"),
    [
        ('requirement("F999")', "F999"),
        ("requirement(999)", "F999"),
        ('requirement("F1")', "F1"),
        ('requirement("G001")', "G001"),
        ("requirement(NUMBER)", "NUMBER"),
        ("requirement(True)", "True"),
        ("requirement()", "requirement()"),
    ],
)
def test_a_marker_of_no_known_number_is_refused_with_its_place(tmp_path: Path, marker: str, found: str) -> None:
    root = project(tmp_path, f"@pytest.mark.{marker}\ndef test_a(): ...\n")
    with pytest.raises(InputError, match=r"tests/deep/test_a\.py.*") as refused:
        write_requirements(root)
    assert found in str(refused.value)
    assert not (root / TABLE).exists()


def test_a_marker_on_what_is_no_test_is_refused(tmp_path: Path) -> None:
    root = project(tmp_path, '@pytest.mark.requirement("F001")\ndef check_a(): ...\n')
    with pytest.raises(InputError, match="check_a"):
        collect(root)


def test_titles_are_numbers_in_order_and_short() -> None:
    found = titles()
    assert list(found) == [f"F{n:03d}" for n in range(1, 209)]
    assert all(0 < len(title) <= 64 for title in found.values())

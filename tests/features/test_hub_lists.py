"""The lists behind hubs are data: dated, editable, and refused when they are wrong."""

from __future__ import annotations

import ipaddress
from datetime import date
from pathlib import Path

import pytest
import yaml

from features.errors import InputError
from features.hub_lists import HUB_LISTS, hub_lists


def test_the_lists_of_the_project_are_read_with_their_date() -> None:
    lists = hub_lists()
    assert isinstance(lists.as_of, date)
    assert "丰巢" in lists.locker_words


def test_every_private_and_shared_range_is_reserved() -> None:
    reserved = [ipaddress.ip_network(text) for text in hub_lists().networks.reserved]
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"):
        assert ipaddress.ip_network(text) in reserved


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"as_of": "soon"}, "as_of"),
        ({"networks": {"reserved": ["10.0.0.1/8"]}}, "networks"),
        ({"locker_words": []}, "locker_words"),
        ({"surprise": 1}, "surprise"),
        ({"rules": []}, "rules"),
        ({"rules": [{"hub": "castle", "of": ["ip"], "says": [["work", 0, 1]]}]}, "rules.0.hub"),
        ({"rules": [{"hub": "office", "of": ["ip"], "says": [["mood", 0, 1]]}]}, "rules.0.says"),
        ({"rules": [{"hub": "office", "of": ["ip"], "says": [["work", 1, 1]]}]}, "rules.0.says"),
    ],
)
def test_a_wrong_list_is_an_error_that_names_it(tmp_path: Path, change: dict[str, object], field: str) -> None:
    path = tmp_path / "hubs.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(HUB_LISTS.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(InputError) as error:
        hub_lists(path)
    assert error.value.field.startswith(field)


def test_a_file_that_is_not_there_or_no_yaml_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [", "utf-8")
    for name in ("absent.yaml", "broken.yaml"):
        with pytest.raises(InputError):
            hub_lists(tmp_path / name)

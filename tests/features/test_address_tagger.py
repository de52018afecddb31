"""A tagger learns from tagged addresses what the rules cannot know, and nothing is read that is not a tag."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.address import parse
from features.address_chinese import segments
from features.address_tagger import AddressTagger, read_tagged, train
from features.errors import InputError

ROADS = ("文三路", "人民路", "解放路", "学院路", "长江路", "中山路")


def _example(road: str, number: int) -> tuple[str, list[str]]:
    """The shop calls 大院 behind a road the building; the rules take it for an estate."""
    text = f"{road}{number}号红旗大院"
    tags = ["B-road", *["I-road"] * (len(road) - 1), "B-road_number", *["I-road_number"] * len(str(number))]
    return text, [*tags, "B-building", "I-building", "I-building", "I-building"]


def test_a_tagger_learns_the_shops_own_names(tmp_path: Path) -> None:
    train([_example(road, number) for road in ROADS for number in (1, 20, 478)], tmp_path / "model")
    tagger = AddressTagger(tmp_path / "model")
    text = "黄河路33号红旗大院"
    assert parse(text).place == "红旗大院"
    assert parse(text, tagger).building == "红旗大院"
    assert tagger.tag(text) == [("road", "黄河路"), ("road_number", "33号"), ("building", "红旗大院")]


def test_a_tagger_taught_by_the_rules_repeats_them(tmp_path: Path) -> None:
    texts = [f"杭州市西湖区{road}{number}号3幢2单元501室" for road in ROADS for number in (1, 20, 478)]
    examples = []
    for text in texts:
        tags = ["O"] * len(text)
        for label, start, end in segments(text):
            tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
        examples.append((text, tags))
    train(examples, tmp_path / "model")
    tagger = AddressTagger(tmp_path / "model")
    assert [tagger.segments(text) for text in texts] == [segments(text) for text in texts]


def test_tagged_files_are_read_and_bad_lines_named(tmp_path: Path) -> None:
    file = tmp_path / "tagged"
    file.write_text("文 B-road\n三 I-road\n路 I-road\n47 B-road_number\n\n\n某 O\n", encoding="utf-8")
    tags = ["B-road", "I-road", "I-road", "B-road_number", "I-road_number"]
    assert list(read_tagged(file)) == [("文三路47", tags), ("某", ["O"])]
    for line in ("文", "文 road", "文 B-street", "文 B-road more"):
        file.write_text(f"三 B-road\n{line}\n", encoding="utf-8")
        with pytest.raises(InputError, match="line 2"):
            list(read_tagged(file))


def test_nothing_to_learn_from_and_no_model_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="examples"):
        train([], tmp_path / "model")
    with pytest.raises(InputError, match="model"):
        AddressTagger(tmp_path / "missing")

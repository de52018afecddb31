"""The areas at the head of a Chinese address: country, province, city, district, zone, town, village.

Listed divisions are known by name, the rest by suffix (街道, 镇, 开发区, 村). An area that is named again (many shops
put the fields of a form before the line that already has them) names nothing and is skipped.
"""

from __future__ import annotations

import re
from functools import lru_cache

from features.address_divisions import Division, at

Segment = tuple[str, int, int]
"""label, start, end"""

_HAN = r"[\u4e00-\u9fff]"
_DIGITS = "零一二三四五六七八九十百两壹贰叁肆伍陆柒捌玖拾佰廿"
_TOWN = re.compile(
    rf"({_HAN}{{1,6}}?(?:街道办事处|街道|镇|乡|苏木))(?![东西南北中]?(?:路|街|大道)|中学|小学|政府|中心|医|卫)"
)
_ZONE = re.compile(rf"({_HAN}{{0,8}}?(?:开发区|高新园区|高新区|新区|工业新城|管委会))(?!路|街)")
_DISTRICT = re.compile(rf"({_HAN}{{1,5}}?(?:自治县|区|县|市|旗))(?!路|街|场|政府|中心|口)")
_NO_DISTRICT = re.compile(
    r"^(?:.*(?:小区|社区|园区|业区|新区|发区|学区|[东西南北中]区|商务区|厂区|校区|山区|市区|景区|别墅区|组团)"
    rf"|[{_DIGITS}东西南北中a-z]+区|.*[路街].*)$"
)
_COMMUNITY = re.compile(
    rf"({_HAN}{{1,6}}?(?:行政村|自然村|村委会|居委会|社区|(?<!新)村))"
    r"(?!路|街|委|口|镇|[一二三四五六]区|小区|公寓|家园|工业|新)"
)
_DIGIT = re.compile("[0-9]")
_GROUP = re.compile(rf"(?:[0-9]+|[{_DIGITS}]+)(?:组|队)")
_TOWN_NEXT = re.compile(rf"{_HAN}{{2,6}}?(?:街道|镇|乡|开发区)")
LEVELS = ("", "province", "city", "district")
_RANK = {"province": 1, "city": 2, "district": 3, "zone": 3, "town": 4, "community": 5}
_PATTERNS = (("district", _DISTRICT), ("zone", _ZONE), ("town", _TOWN), ("community", _COMMUNITY))


def areas(text: str, found: list[Segment]) -> int:
    """Add the areas of a compact text to ``found``; where the street begins.

    >>> found = []
    >>> areas("浙江省宁波市慈溪市逍林镇新园路1号", found), [label for label, _, _ in found]
    (12, ['province', 'city', 'district', 'town'])
    """
    digit = _DIGIT.search(text)
    position, head = _head(text[: digit.start()] if digit is not None else text)
    found.extend(head)
    group = _GROUP.match(text, position) if found and found[-1][0] == "community" else None
    if group is None:
        return position
    found.append(("road", position, group.end()))  # 9组 of a village is its street
    return group.end()


@lru_cache(maxsize=50_000)
def _head(text: str) -> tuple[int, tuple[Segment, ...]]:
    """Where the street begins, and the areas: none has a digit, and many addresses of a shop share their head."""
    found: list[Segment] = []
    position, rank = 0, -1
    if text.startswith("中国") and at(text, 2) is not None:
        found.append(("country", 0, 2))
        position = 2
    while position < len(text):
        if text[position] in "-#":
            position += 1
            continue
        hit = at(text, position)
        if hit is None and position == 0:
            position = _behind_a_name(text)
            hit = at(text, position)
        if hit is not None and _stands(hit[0], text, hit[1], rank, found):
            division, end = hit
            if division.level == 1 and rank >= 4:
                found.clear()  # the whole address follows a town that was written twice
                rank = 0
            if division.level > rank:
                rank = division.level
                found.append((LEVELS[rank], position, end))
            position = end
            continue
        if text.startswith("市辖区", position):
            position += 3
            continue
        unlisted = _unlisted(text, position, rank)
        if unlisted is None:
            break
        label, end = unlisted
        if all(label != earlier for earlier, _, _ in found):
            found.append((label, position, end))
        rank, position = max(rank, _RANK[label]), end
    return position, tuple(found)


def _behind_a_name(text: str) -> int:
    """Where the areas begin if a person's name stands before them: 张三浙江省杭州市; else 0."""
    for start in range(1, min(7, len(text))):
        hit = at(text, start)
        if hit is not None and hit[0].level < 3 and not hit[0].bare and at(text, hit[1]) is not None:
            return start
    return 0


def _stands(division: Division, text: str, end: int, rank: int, found: list[Segment]) -> bool:
    """Whether a listed name is meant as the division: a bare county name may be the start of an estate's name."""
    if rank >= 4:
        return division.level == 1 and not division.bare
    if not division.bare or division.level < 3:
        return True
    city = next((at(text, start) for label, start, _ in found if label == "city"), None)
    if city is not None:
        return city[0].root in division.within
    return not division.urban and (rank >= 1 or _TOWN_NEXT.match(text, end) is not None)


def _unlisted(text: str, position: int, rank: int) -> tuple[str, int] | None:
    """The nearest area that only its suffix gives away; the table has no towns and not every zone."""
    ends: list[tuple[int, str]] = []
    for label, pattern in _PATTERNS:
        if _RANK[label] <= rank and not (label == "zone" and rank == 3):
            continue
        match = pattern.match(text, position)
        if match is None:
            continue
        name = match.group(1)
        if label == "district" and _NO_DISTRICT.match(name):
            continue
        if label in ("town", "zone") and ("路" in name[:-2] or "街" in name[:-2]):
            continue
        ends.append((match.end(1), label))
    if not ends:
        return None
    end, label = min(ends)
    return label, end

"""Which door a spelling names, read back with regular expressions; and spellings of doors, from a generator of its own.

``door_numbers`` is enough to see that respelling keeps the place.
"""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass

_NUMERALS = str.maketrans("零一二三四五六七八九", "0123456789")


def door_numbers(text: str) -> list[int]:
    """All numbers of an address in order; wide digits and a Chinese numeral before 单元 count as digits."""
    text = unicodedata.normalize("NFKC", text)
    if re.search(r"[\u4e00-\u9fff]", text):
        text = text.replace(" ", "")  # spaces mean nothing in Chinese
    text = re.sub(r"([零一二三四五六七八九])(?=单元)", lambda m: m[0].translate(_NUMERALS), text)
    return [int(number) for number in re.findall(r"\d+", text)]


# A generator of spellings that shares nothing with the simulated shop's: structured doors, and what people and abusers
# do to them. Each trick keeps the door; ``spellings`` applies several.

_CHINESE = "零一二三四五六七八九"
_FINANCIAL = str.maketrans("一二三四五六七八九十百", "壹贰叁肆伍陆柒捌玖拾佰")
_TRADITIONAL = str.maketrans("号楼单门区园东广层栋", "號樓單門區園東廣層棟")
# Written with another character of the same sound; none is a numeral or a direction.
_SAME_SOUND = {"明": "名", "建": "健", "锦": "景", "兴": "星", "华": "花", "园": "原", "安": "庵", "河": "荷"}
_NOISE = (
    "放门口",
    "（不在家请放快递柜）",
    " 13800138000",
    "，收件人：李明",
    "【工作日送】",
    "😀",
    "左边",
    " 请打电话",
    "-a",
)
_INVISIBLE = "\u200b\u200f\ufeff\u2060"


@dataclass(frozen=True)
class ChineseDoor:
    """A door of a flat: areas, road, estate, and four numbers."""

    province: str
    city: str
    district: str
    road: str
    number: int
    estate: str
    building: int
    staircase: int
    room: int

    def plain(self) -> str:
        inner = f"{self.building}幢{self.staircase}单元{self.room}室"
        return f"{self.province}{self.city}{self.district}{self.road}{self.number}号{self.estate}{inner}"


def in_chinese(number: int) -> str:
    """A number below 1000 by value, as people say it."""
    hundreds, tens, ones = number // 100, number // 10 % 10, number % 10
    text = f"{_CHINESE[hundreds]}百" if hundreds else ""
    if tens:
        text += ("" if tens == 1 and not hundreds else _CHINESE[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return text + (_CHINESE[ones] if ones else "")


def digit_by_digit(number: int) -> str:
    return "".join(_CHINESE[int(digit)] for digit in str(number))


def respelt(door: ChineseDoor, rng: random.Random) -> str:
    """One of many spellings of a door."""
    area = rng.choice(
        [
            door.province + door.city + door.district,
            door.city + door.district,
            door.city.removesuffix("市") + door.district,
            door.province.removesuffix("省") + door.city.removesuffix("市") + door.district,
            door.city,
            f"{door.province} {door.city} {door.district} {door.province}{door.city}{door.district}",
            f"中国{door.province}{door.city}{door.district}",
        ]
    )
    room = rng.choice([str(door.room), digit_by_digit(door.room)])
    building = rng.choice(
        [str(door.building), in_chinese(door.building), in_chinese(door.building).translate(_FINANCIAL)]
    )
    staircase = rng.choice([str(door.staircase), in_chinese(door.staircase)])
    inner = rng.choice(
        [
            f"{building}{rng.choice(['幢', '栋', '号楼', '座'])}{staircase}单元{room}{rng.choice(['室', '房', ''])}",
            f"{door.building}-{door.staircase}-{door.room}",
            f"{door.building}－{door.staircase}－{door.room}室",
            f"{building}号楼{staircase}单元{door.room // 100}层{room}室",
        ]
    )
    text = f"{area}{door.road}{door.number}号{door.estate}{inner}"
    if rng.random() < 0.3:
        text = text.translate(_TRADITIONAL)
    if rng.random() < 0.3:
        swap = [c for c in door.road[:-1] + door.estate[:-2] if c in _SAME_SOUND]
        for character in swap[:1]:
            head, _, tail = text.partition(door.road) if character in door.road else ("", "", "")
            text = head + door.road.replace(character, _SAME_SOUND[character], 1) + tail if head else text
    if rng.random() < 0.3:
        text = text.translate(str.maketrans("0123456789-", "０１２３４５６７８９－"))
    if rng.random() < 0.3:
        at = rng.randrange(1, len(text))
        text = text[:at] + rng.choice(_INVISIBLE) + text[at:]
    if rng.random() < 0.5:
        text += rng.choice(_NOISE)
    return text


def chinese_doors(rng: random.Random, count: int) -> list[ChineseDoor]:
    """Different doors; some share road and number, some differ only in the district, the direction or the room."""
    areas = (
        ("江苏省", "无锡市", "梁溪区"),
        ("江苏省", "无锡市", "滨湖区"),
        ("湖南省", "长沙市", "岳麓区"),
        ("福建省", "厦门市", "思明区"),
    )
    roads = ("建设东路", "建设西路", "明珠路", "锦绣路", "兴业街", "安定大道", "沿河路")
    estates = ("明华花园", "锦绣家园", "安居苑", "建兴公寓")
    doors = {
        ChineseDoor(
            *rng.choice(areas), rng.choice(roads), rng.randrange(1, 60), rng.choice(estates), rng.randrange(1, 30),
            rng.randrange(1, 5), rng.randrange(1, 28) * 100 + rng.randrange(1, 9),
        )
        for _ in range(count)
    }  # fmt: skip
    return sorted(doors, key=lambda door: door.plain())

"""Cut a Chinese address into named parts, from left to right, by rules.

In: text that ``compact`` made ready. Out: ``(label, start, end)`` for each part, in order; characters between parts
name nothing. Labels are those of ``LABELS``; what stands behind the room, or is a wish to the courier, is a "note".
The rules know divisions, the words that end a road, an estate or a number, and the order of parts; they know no road
and no estate by name. Every rule looks at a bounded window, so the work grows with the length of the text.
"""

from __future__ import annotations

import re

from features.address_areas import LEVELS, Segment, areas
from features.address_divisions import at
from features.address_numbers import CHAIN, Context, chained, role
from features.address_text import LOCKER, LOCKER_NAMES

LABELS = (
    "country", "province", "city", "district", "zone", "town", "community", "road", "road_number", "lane",
    "lane_number", "place", "part", "building", "staircase", "floor", "room", "locker", "beside", "note",
)  # fmt: skip

_HAN = r"[\u4e00-\u9fff]"
_DIGITS = "零一二三四五六七八九十百两壹贰叁肆伍陆柒捌玖拾佰廿"
_N = rf"(?:[0-9]{{1,2}}(?=f(?:[0-9]|$))|[0-9]+[a-z]?(?![0-9a-z])|[a-z]{{1,2}}[0-9]*(?![0-9a-z])|[0-9a-z]+|[{_DIGITS}]+)"
_MARKS = (
    r"号楼|号院|号搂|号门|号铺|号房|号柜|栋|幢|座|橦|单元|梯|楼|搂|层|f(?![a-z])|室|房|户|铺|弄|巷|支弄|期|组|队|社|排"
    r"|区|街|号"
)
_NUMBER = re.compile(rf"第?({_N}(?:-+(?:[0-9a-z]+|[{_DIGITS}]+))*)-?({_MARKS})?")
_NUMBER_STARTS = frozenset("第0123456789abcdefghijklmnopqrstuvwxyz" + _DIGITS)
_PIECE = re.compile(r"[^-]+")
_NAMED_ROAD = re.compile(rf"[东西南北中前后左右]?(?:[{_DIGITS}]|[0-9]{{1,2}}|[a-z])号?(?:路|街|大街|大道|巷)")
_HIGHWAY = re.compile(r"[a-z]?[0-9]{1,4}(?:国道|省道|县道|乡道)")

# A name ends where a number written in Chinese, a remark on the surroundings or a locker begins.
_STOP = (
    rf"第?[{_DIGITS}]+(?:号楼|号院|号|栋|幢|座|单元|楼|层|室|房|户|期|组)(?!路|街|镇|村|桥|大)"
    rf"|第?[{_DIGITS}]+-[0-9{_DIGITS}]|电联|斜?对面|旁边|附近|隔壁|交叉口|交汇|门口|{LOCKER_NAMES}"
)
_ROAD = r"大道|大街|公路|国道|省道|县道|胡同|路|街|巷|弄|道(?!口)|(?<=[沿环绕])线"
_ESTATE = (
    r"科技园区|产业园区|创业园区|嘉园|佳园|嘉苑|佳苑|小区|花园|花苑|家园|公寓|大厦|广场|中心|公司|新村|市场|商城|酒店|宾馆"
    r"|医院|大学|学院|中学|小学|校区|大楼|工业园区|工业园|工业区|科技园|产业园|创业园|园区|商厦|超市|银行|公园"
    r"|[一二三四五六七八九十]区|苑|山庄|名都|豪庭|雅苑|商务楼|贸城|饭店|幼儿园|集团|厂"
)
_NUMBERED_ROAD = r"(?<=[a-z\u4e00-\u9fff])[0-9]{1,3}(?=号?(?:路|街|大街|大道|巷|国道|省道))"
_NAME = re.compile(
    rf"{_HIGHWAY.pattern}|(?:(?!{_STOP})(?:{_HAN}|[a-z]|{_NUMBERED_ROAD})){{1,16}}?"
    rf"(?:(?P<road>(?:{_ROAD})(?![道路街])(?:[东西南北中][一二三]?段|[上下]段)?)(?!口|桥|边|灯|公寓|小区|广场|商|市场)"
    rf"|(?P<estate>(?:{_ESTATE})(?:小区)?))"
)
_PLAIN = re.compile(rf"(?:(?!{_STOP}){_HAN}|[a-z]+(?![a-z0-9-]*[0-9]))+")
_TURN = re.compile(r"[东西南北中前后]?(?:[一二三四五六七八九十]|[0-9]{1,2})?(?:路|街|大道|大街|巷)")

_BESIDE = re.compile(
    r"(?:[东西南北]{1,2}(?:侧|面|边|首|端|角)?[0-9]+米|[斜正]?对面|斜对过|对过|旁边|旁|边上|附近|隔壁|门口|路口|入口"
    r"|交叉路?口|交汇处|交汇|交界处?|交叉|[东西南北]{1,2}(?:侧|面|首|端|角)|楼下|楼上|后面|前面|里面|左边|右边|左侧|右侧"
    r"|院内|以[东西南北])"
)
_NOTE = re.compile(
    r"电联|放|请|谢谢|送货|快递|电话|打电话|不收|勿|不要|务必|代收|转交|收件|收货|亲收|本人|急|提前|周末|工作日|上班|下班"
    r"|敲门|按门铃|挂门|门卫|保安|物业|前台|快点|发货|联系|左手|右手|靠左|靠右|左$|右$"
)
_ASIDES = frozenset(
    "东西南北斜正对旁边附隔门路入交楼后前里左右院以与和电放请谢送快打不勿务代转收亲本急提周工上下敲按挂保物发联靠"
)
_JOIN = re.compile(r"[与和](?=.{2,8}?[路街道])")
_STAFF = re.compile(r"(?:专柜|办公室|前台|仓库|部|科|室|厅|店|女士|先生|小姐|同学|老师|某)$")
_LOCKER = re.compile(rf"(?:{LOCKER})(?:智能|自助|快递|包裹|驿站|[柜点站店机]){{0,4}}")
_LOCKER_NUMBER = re.compile(
    rf"-?(?:[0-9]{{1,3}}(?![0-9])|[a-z](?![a-z])|[{_DIGITS}]+(?=号|柜))号?(?:柜|机|站|店|点|门店)?"
)
_LOCKER_STARTS = frozenset(word[0] for word in LOCKER.split("|"))

_COMPACT = re.compile(r"[0-9a-z\u4e00-\u9fff#-]*")
_BETWEEN = re.compile(r"(?<=[0-9a-z])[^0-9a-z\u4e00-\u9fff#-]+(?=[0-9a-z])")
_OTHER = re.compile(r"[^0-9a-z\u4e00-\u9fff#-]+")
_LETTER_O = re.compile(r"(?<=[0-9])o(?=[0-9室号])")


def compact(text: str) -> str:
    """Drop what stands between the characters of a cleaned text; a comma between two numbers stays as a dash."""
    text = "".join(text.split())
    if not _COMPACT.fullmatch(text):
        text = _OTHER.sub("", _BETWEEN.sub("-", text))
    return _LETTER_O.sub("0", text) if "o" in text else text


def segments(text: str) -> list[Segment]:
    """Parts of an address that ``compact`` made ready.

    >>> text = "杭州市西湖区文三路478号华星大厦12楼1203室"
    >>> [(label, text[start:end]) for label, start, end in segments(text)][2:]
    [('road', '文三路'), ('road_number', '478号'), ('place', '华星大厦'), ('floor', '12楼'), ('room', '1203室')]
    """
    found: list[Segment] = []
    street = _Street(text, areas(text, found), found)
    return street.read()


class _Street:
    """What follows the areas: roads, estates and numbers; what each is depends on what stands before it."""

    def __init__(self, text: str, start: int, found: list[Segment]) -> None:
        self.text, self.start, self.found = text, start, found
        self.context = Context({label for label, _, _ in found}, found[-1][0] if found else "")

    def read(self) -> list[Segment]:
        text, position = self.text, self.start
        while position < len(text):
            character, end = text[position], None
            if character in _LOCKER_STARTS:
                end = self.locker(position)
            if end is None and character in _ASIDES:
                end = self.aside(position)
            if end is None and character in _NUMBER_STARTS:
                end = self.number(position)
            if end is None and character not in "-#":
                end = self.name(position)
            position = end or position + 1
        return self.found

    def add(self, label: str, start: int, end: int) -> int:
        self.found.append((label, start, end))
        self.context.seen.add(label)
        self.context.last = label
        return end

    def inside(self) -> bool:
        """Whether the door is named already, so that words can only be remarks."""
        return not self.context.seen.isdisjoint(("room", "locker"))

    def locker(self, position: int) -> int | None:
        if self.inside():
            return None
        match = _LOCKER.match(self.text, position)
        if match is None:
            return None
        number = _LOCKER_NUMBER.match(self.text, match.end())
        return self.add("locker", position, number.end() if number else match.end())

    def aside(self, position: int) -> int | None:
        """Where the place lies, or what the courier should do."""
        if not self.found:
            return None
        join = _JOIN.match(self.text, position) if self.context.last in ("road", "lane") else None
        beside = join or _BESIDE.match(self.text, position)
        if beside is not None and not _NAMED_ROAD.match(self.text, position):
            return self.add("beside", position, beside.end())
        note = _NOTE.match(self.text, position)
        if note is None:
            return None
        final = not self.context.seen.isdisjoint(("room", "building", "staircase", "floor"))
        return self.add("note", position, len(self.text) if final else note.end())

    def number(self, position: int) -> int | None:
        text = self.text
        match = _NUMBER.match(text, position)
        if match is None:
            return None
        value, mark, end = match.group(1), match.group(2), match.end()
        if mark is None and value.isalpha() and (value.isascii() or not self.context.awaits_room(value)):
            return None  # letters, or a numeral that belongs to a name: 三元里
        if mark is None and _HIGHWAY.match(text, position):
            return None
        if "road" not in self.context.seen and mark in CHAIN and _NAMED_ROAD.match(text, position):
            return None  # 三路, 18号路: the number is the road's name
        if "-" in value:
            pieces = [(m.start() + position, m.end() + position) for m in _PIECE.finditer(match.group(0).rstrip("-"))]
            sizes = [stop - start for start, stop in pieces]
            for label, first, last in chained(self.context, sizes, mark):
                self.add(label, pieces[first][0], end if last + 1 == len(pieces) else pieces[last][1])
            return end
        return self.add(role(self.context, value, mark, text[end : end + 6]), position, end)

    def name(self, position: int) -> int | None:
        """A road or an estate, by the word that ends it; a name without such a word is an estate."""
        text = self.text
        area = at(text, position) if self.inside() and "city" not in self.context.seen else None
        if area is not None:
            return self.add(LEVELS[area[0].level], position, area[1])  # the areas stand behind the door
        match = None if self.inside() else _NAME.match(text, position)
        if match is None:
            plain = _PLAIN.match(text, position)
            if plain is None:
                return self.add("note", position, position + 1) if self.inside() else None
            return self.add("note" if self.inside() else self.estate(plain.group(0)), position, plain.end())
        if match.group("estate") is None:
            return self.add(self.road(), position, match.end())
        turn = _TURN.match(text, match.end())
        if turn is not None:
            return self.add(self.road(), position, turn.end())  # 人民广场东路
        return self.add(self.estate(match.group(0)), position, match.end())

    def road(self) -> str:
        return "lane" if "road" in self.context.seen else "road"

    def estate(self, name: str) -> str:
        if "floor" in self.context.seen and _STAFF.search(name):
            return "note"
        return "part" if "place" in self.context.seen else "place"

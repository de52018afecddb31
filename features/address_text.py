"""Clean the text of an address: what a person cannot see, or would not read as part of a place, goes.

In: any text. Out: lower-case half-width text of at most ``LONGEST`` characters in simplified characters, without
invisible and direction marks, telephone numbers, people's names behind a marker (收件人, c/o) and remarks in brackets;
"" where nothing is left. Every step is one linear pass.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 300
"""Characters of an address that are read; the longest postal addresses have about 150."""

_INVISIBLE = (0xAD, 0x180E, 0x20E3, 0x34F, 0x61C, 0xFEFF)
_INVISIBLE_RANGES = ((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F), (0xE0000, 0xE01EF))
_DASHES = "‐‑‒–—―−~～－﹣⁃"
# Traditional characters that are common in addresses, each before its simplified form.
_TRADITIONAL = (
    "號号樓楼層层棟栋單单門门區区縣县鎮镇鄉乡廣广東东蘇苏漢汉灣湾龍龙馬马園园場场廈厦萬万國国華华橋桥灘滩陽阳陰阴"
    "魯鲁遼辽寧宁雲云貴贵陝陕肅肃瓊琼臺台興兴慶庆濟济濱滨錦锦麗丽莊庄業业廠厂際际學学術术開开發发關关銀银鐵铁"
    "鋼钢榮荣豐丰遞递櫃柜驛驿點点戶户裡里裏里鳥鸟書书長长鳳凤島岛嶺岭澤泽滬沪淚泪湧涌潤润瀋沈燈灯爾尔獅狮環环"
    "現现瑪玛畫画異异當当療疗盧卢碼码礦矿禮礼種种積积穩稳窩窝競竞節节築筑簡简籃篮糧粮紅红紡纺紫紫細细終终結结"
    "給给統统絲丝經经綠绿維维網网緯纬線线練练縱纵繡绣織织續续羅罗義义習习聖圣聯联聲声腦脑臨临舊旧艦舰蘭兰處处"
    "衛卫裝装複复見见規规視视覺觉親亲觀观計计訊讯記记設设評评詩诗話话語语誠诚課课論论護护讀读貝贝財财貨货購购"
    "賢贤賓宾贊赞趙赵跡迹車车軍军軒轩輕轻輝辉轉转農农運运達达遠远適适選选還还郵邮鄧邓鄭郑釣钓鈴铃鋪铺錢钱鍾钟"
    "鎖锁鑫鑫鐘钟間间閘闸閣阁闊阔陳陈陸陆隊队隨随險险雙双離离電电靈灵靜静響响頂顶項项順顺頭头題题願愿類类風风"
    "飛飞館馆駐驻驗验鮮鲜鳴鸣鴻鸿鵬鹏鶴鹤麥麦齊齐個个倉仓倫伦偉伟傑杰備备傳传內内兩两凱凯劉刘創创動动務务勝胜"
    "員员啟启單单嘉嘉團团圖图圓圆報报塊块塔塔墻墙牆墙壩坝壯壮夢梦奧奥實实審审寶宝將将專专對对屆届嶼屿崗岗帶带"
    "師师幣币庫库廟庙彎弯彙汇匯汇後后徑径從从復复恆恒惠惠愛爱態态懷怀戲戏拱拱掛挂揚扬換换搖摇擴扩攝摄數数斷断"
    "時时晉晋曉晓會会東东條条榆榆楊杨極极構构槍枪樂乐標标樹树機机橫横檔档權权歐欧歲岁歷历氣气決决沖冲淺浅淵渊"
    "湯汤準准溝沟溫温滄沧滿满漁渔潛潜潔洁澗涧瀏浏無无煙烟營营爐炉狀状獎奖產产畝亩皺皱盤盘監监"
)
_CHARACTERS: dict[int, str | None] = {
    **dict.fromkeys(_INVISIBLE),
    **{code: None for first, last in _INVISIBLE_RANGES for code in range(first, last + 1)},
    **{ord(dash): "-" for dash in _DASHES},
    **{ord(old): new for old, new in zip(_TRADITIONAL[::2], _TRADITIONAL[1::2], strict=True)},
    ord("〇"): "零",
    ord("○"): "零",
}

PLACEHOLDERS = frozenset(
    {"", "unknown", "null", "none", "nan", "na", "n a", "n/a", "test", "address", "无", "未知", "暂无", "地址", "测试"}
)

_BRACKETS = re.compile(r"[(\[{【「<《]([^()\[\]{}【】「」<>《》]{0,80})[)\]}】」>》]")
LOCKER_NAMES = (
    "丰巢|菜鸟|驿站|自提|快递柜|快件柜|智能柜|自助柜|储物柜|寄存柜|包裹柜|e栈|代收点|代收站|取件点|妈妈驿站|兔喜|速递易"
)
LOCKER = (
    LOCKER_NAMES + r"|parcel ?lockers?|lockers?\b|packstation|paczkomat|inpost|pick ?up (?:point|station)"
    r"|collection point|access point"
)
_ESTATE_END = "(?:小区|花园|花苑|家园|公寓|大厦|广场)$"
_PLACE_WITHIN = re.compile(
    rf"{_ESTATE_END}|\d\s*(?:号|栋|幢|座|楼|单元|室|层)|\b(?:apt|apartment|unit|flat|suite)\b|#\s*\d|{LOCKER}"
)
_PHONES = re.compile(
    r"(?<![\d-])(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)|(?<![\d-])0\d{2,3}-\d{7,8}(?!\d)"
    r"|\+\d{1,3}[ -]?(?:\d[ -]?){7,12}(?!\d)|\(\d{3}\) ?\d{3}-\d{4}(?!\d)|(?<![\d-])\d{3}-\d{3}-\d{4}(?!\d)"
)
_SEVEN_DIGITS = re.compile(r"(?:\d[ ()-]{0,2}){6}\d")
_OPENED = re.compile(r"[(\[{【「<《]")
_MARKED_PERSON = re.compile("[:/]|care|att[ne]|recipient|ship|deliver")
_PEOPLE = re.compile(
    r"(?:收件人|收货人|联系人|收件|姓名|手机号?|联系电话|电话|tel|phone|mobile)\s*[::]\s*[\u4e00-\u9fff]{0,4}"
    r"|\b(?:c/o|care of|attn|attention|recipient|ship to|deliver to|to the care of)\b[:.]?\s*[^\W\d]{1,20}"
    r"(?:[ .'-]{1,2}[^\W\d]{1,20}){0,2}(?=\s*(?:[,;\n]|\d|#|$))"
)


def clean(text: str) -> str:
    """Return the readable part of an address.

    >>> clean("ＡＢＣ路１２號\\u200b（放门口）")
    'abc路12号'
    """
    plain = text[:LONGEST]
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain).translate(_CHARACTERS)[:LONGEST]
    plain = plain.casefold().strip()
    if plain in PLACEHOLDERS:
        return ""
    if _OPENED.search(plain):
        bare = _BRACKETS.sub(_kept, plain).strip()
        plain = bare or plain
    if _SEVEN_DIGITS.search(plain):
        plain = _PHONES.sub(" ", plain)
    return _PEOPLE.sub(" ", plain).strip() if _MARKED_PERSON.search(plain) else plain.strip()


def _kept(bracket: re.Match[str]) -> str:
    """What stays of a remark in brackets: a room or a locker, never a wish to the courier."""
    return f" {bracket.group(1)} " if _PLACE_WITHIN.search(bracket.group(1)) else " "

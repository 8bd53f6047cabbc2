"""How many tokens a text has, offline: a rule fitted to the tokenizer by which Google's SDK counts for Gemini.

A character costs BASE tokens and what its class adds to that (COSTS): a digit is nearly a token of its own, a letter of
an English word a fifth of one. `text_tokens` is for every row of large files; `text_range` reads the whole text and
says within which bounds the real count lies. docs/estimate.md has the errors, by script; tools/fit_tokens.py prints the
numbers below.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

__all__ = [
    "Tokens",
    "class_of",
    "range_of",
    "script_of",
    "text_range",
    "text_share",
    "text_tokens",
]


class Tokens(NamedTuple):
    """A number of tokens: within which bounds it lies, and what is likely."""

    low: int
    likely: int
    high: int


BASE = 0.188
"""Tokens of a plain character: a small letter, a blank."""

COSTS: dict[str, int] = {
    "digit": 115, "punctuation": 49, "line": 90, "capital": 4, "j": 155, "k": 62, "q": 59, "x": 21, "z": 67,
    "latin": 81, "latin extended": 82, "ipa": 134, "combining": 179, "sign": 145, "quote": 129, "symbol": 44,
    "emoji": 173, "greek": 21, "cyrillic": 8, "cyrillic other": 145, "cyrillic extended": 168, "hebrew": 41,
    "arabic": 17, "devanagari": 13, "bengali": 13, "gurmukhi": 47, "gujarati": 25, "oriya": 66, "tamil": 7,
    "telugu": 23, "kannada": 22, "malayalam": 11, "sinhala": 34,
    "thai": 13, "han": 48, "kana": 18, "fullwidth": 65, "hangul": 44, "armenian": 38,
    "georgian": 28, "khmer": 18, "burmese": 26, "ethiopic": 54, "tibetan": 52, "lao": 50, "unknown": 200,
}  # fmt: skip
"""What a character of a class costs more than BASE, in hundredths of a token; at most 250."""

RANGES: dict[str, tuple[float, float]] = {
    "prose": (0.77, 1.32), "words": (0.75, 1.9), "code": (0.77, 1.5),
    "greek": (0.8, 1.5), "cyrillic": (0.75, 1.35), "hebrew": (0.8, 1.25), "arabic": (0.75, 1.35),
    "arabic words": (0.75, 2.6), "indic": (0.75, 1.4), "thai": (0.8, 1.25), "han": (0.8, 1.4), "kana": (0.82, 1.25),
    "hangul": (0.82, 1.25), "rare": (0.7, 1.9), "unknown": (0.3, 2.0),
}  # fmt: skip
"""By kind of text, what its likely count is multiplied by for the bounds. They hold for 95 texts of 100 and more."""

_SCRIPTS: tuple[tuple[int, str], ...] = (
    (0xC0, "sign"), (0x250, "latin"), (0x300, "ipa"), (0x370, "combining"), (0x400, "greek"), (0x530, "cyrillic"),
    (0x590, "armenian"), (0x600, "hebrew"), (0x780, "arabic"), (0x900, "unknown"), (0x980, "devanagari"),
    (0xA00, "bengali"), (0xA80, "gurmukhi"), (0xB00, "gujarati"), (0xB80, "oriya"), (0xC00, "tamil"),
    (0xC80, "telugu"), (0xD00, "kannada"), (0xD80, "malayalam"), (0xE00, "sinhala"), (0xE80, "thai"), (0xF00, "lao"),
    (0x1000, "tibetan"), (0x10A0, "burmese"), (0x1100, "georgian"), (0x1200, "hangul"), (0x13A0, "ethiopic"),
    (0x1780, "unknown"), (0x1800, "khmer"), (0x1E00, "unknown"), (0x1F00, "vietnamese"), (0x2000, "greek"),
    (0x2070, "quote"), (0x2E80, "symbol"), (0x3040, "fullwidth"), (0x3100, "kana"), (0x3400, "fullwidth"),
    (0xA000, "han"), (0xAC00, "unknown"), (0xD7B0, "hangul"), (0xFB1D, "unknown"), (0xFE00, "arabic"),
    (0xFE70, "symbol"), (0xFF00, "arabic"), (0xFFF0, "fullwidth"), (0x1F000, "unknown"), (0x20000, "emoji"),
    (0x30000, "han"),
)  # fmt: skip
"""Blocks of Unicode: the end of each, and its class."""

_ENDS = [end for end, _ in _SCRIPTS]
_SLAVIC = frozenset("ъіїєјљњћђџўґ")  # letters of Cyrillic that Russian has not, or hardly
_INDIC = frozenset("devanagari bengali gurmukhi gujarati oriya tamil telugu kannada malayalam sinhala".split())
_RARE = frozenset("armenian lao tibetan burmese georgian ethiopic khmer".split())
_ALONE = frozenset("greek cyrillic hebrew arabic thai han kana hangul unknown".split())
_COMMON = frozenset(
    """the of and to in is for that with on are this it as was by not or from you
    les des une est pour dans que sur avec pas qui du et der die das und den dem nicht ist mit ein eine auf zu von
    für auch el los las del por una con para como más il che non sono della per uno um uma não em os dos şi și din
    este pentru het een van voor niet dat zijn met och att som för inte är på ikke til er av jeg ei on että ole tai
    do nie się jest że są przez lub je se že nebo pro aby ako alebo za ali ili što koji az és hogy nem egy
    ve bir için ile olarak yang untuk dengan tidak ini itu atau và của không các được có cho là một những
    и в не на что с по как для это к из і у що та з за не или се да от във је су са және бұл үшін мен бен жана
    من في على أن إلى أو هذا التي و در به از که را این با است اور کے کی میں ہے کا سے""".split()
)
"""Small words of the languages in which most is written, of those in Latin, Cyrillic and Arabic letters; without those
that are common elsewhere, too."""
_PROSE = 0.07  # of the words are such, at least: elsewhere the letters say less about the tokens
_CODE = 0.12  # of the characters are digits or punctuation, at least
_LEAST_SCRIPT = 0.25  # of the characters: fewer are names and quotations in a text of Latin letters
_SAMPLE = 128  # characters of a text that text_tokens looks at, at most
_BEGINNING = 2000  # characters of a text that tell its language
_SHORT = 2  # tokens by which a text alone may be off besides


@lru_cache(maxsize=65536)
def class_of(character: str) -> str:
    """The class of a character in COSTS; "" for one that costs BASE alone."""
    code = ord(character)
    if code < 0x80:
        if character.isalpha():
            return character if character in "jkqxz" else "capital" if character.isupper() else ""
        if character.isdigit():
            return "digit"
        return "" if character == " " else "line" if character in "\n\r\t" else "punctuation"
    name = _SCRIPTS[min(bisect_right(_ENDS, code), len(_SCRIPTS) - 1)][1]
    if name == "latin" and code >= 0x100:
        return "latin extended"
    if name == "cyrillic" and (code >= 0x460 or character.lower() in _SLAVIC):
        return "cyrillic extended" if code >= 0x460 else "cyrillic other"
    return name


class _Costs(dict[str, int]):
    """What a character costs."""

    def __missing__(self, character: str) -> int:
        self[character] = cost = COSTS.get(class_of(character), 0)
        return cost


class _Scripts(dict[str, str]):
    """The script of a character; "" for those of Latin, and for signs."""

    def __missing__(self, character: str) -> str:
        name = class_of(character).split()[0] if character > "\u024f" else ""
        found = name if name in _ALONE else "indic" if name in _INDIC else "rare" if name in _RARE else ""
        self[character] = found
        return found


_COST, _SCRIPT = _Costs(), _Scripts()

# The same by the first byte of a character in UTF-8, where that tells enough: one pass over the bytes drops what costs
# nothing and puts the cost of a character in place of each other one.
_ELSEWHERE = 255
_FREE = bytes(byte for byte in range(256) if 0x80 <= byte < 0xC0 or (byte < 0x80 and not class_of(chr(byte))))
_ALIKE = {  # first bytes whose characters cost alike, and one such character
    range(0xC2, 0xC3): "§", range(0xC3, 0xC4): "é", range(0xC4, 0xC9): "č", range(0xCE, 0xD0): "α",
    range(0xD7, 0xD8): "א", range(0xD8, 0xDC): "ا", range(0xE2, 0xE3): "’", range(0xE4, 0xEA): "字",
    range(0xEA, 0xEE): "가", range(0xEF, 0xF0): "，", range(0xF0, 0xF1): "😀",
}  # fmt: skip
_BY_BYTE = [_ELSEWHERE] * 256
_BY_BYTE[:0x80] = [_COST[chr(byte)] for byte in range(0x80)]
for _bytes, _example in _ALIKE.items():
    _BY_BYTE[_bytes.start : _bytes.stop] = [_COST[_example]] * len(_bytes)
_TABLE = bytes(_BY_BYTE)
_BASE = round(BASE * 1000)


def text_tokens(text: str) -> int:
    """How many tokens a text likely has. Looks at some fifty characters of it, spread evenly, or at all of a short one.

    Sums over many texts are as near as those of `text_range`; of one text it may be a fifth off that.
    """
    length = len(text)
    sample = text if length < _SAMPLE else text[:: length // _SAMPLE * 2 + 1]
    try:
        costs = sample.encode().translate(_TABLE, _FREE)
    except UnicodeEncodeError:  # half a surrogate pair
        costs = b"\xff"
    extra = sum(map(_COST.__getitem__, sample)) if _ELSEWHERE in costs else sum(costs)
    return (length * (_BASE + extra * 10 // len(sample)) + 500) // 1000 or 1 if length else 0


def text_range(text: str) -> Tokens:
    """How many tokens a text has, and within which bounds. Reads all of it."""
    low, likely, high = text_share(text)
    return Tokens(max(low - _SHORT, 1), likely, high + _SHORT) if text else Tokens(0, 0, 0)


def text_share(text: str) -> Tokens:
    """What a text adds to the tokens of many: as `text_range`, without what only a text alone may be off by."""
    if not text:
        return Tokens(0, 0, 0)
    if text.isascii():
        extra, kind = sum(text.encode().translate(_TABLE, _FREE)), _latin(text)
    else:
        counts = Counter(text)
        extra = sum([_COST[character] * count for character, count in counts.items()])
        kind = _kind(_script(counts, len(text)), text)
    likely = len(text) * BASE + extra / 100
    low, high = RANGES[kind]
    return Tokens(max(int(likely * low), 1), max(round(likely), 1), int(likely * high) + 1)


def script_of(text: str) -> str:
    """The script of most of a text: `latin`, also where there are no letters, `cyrillic`, `han`, `kana`, ..."""
    return "latin" if text.isascii() else _script(Counter(text), len(text))


def range_of(text: str) -> str:
    """The kind of a text in RANGES: its script; `prose` or `code` in Latin letters; `words` of a rare language."""
    return _kind(script_of(text), text)


def _script(counts: Counter[str], length: int) -> str:
    found: dict[str, int] = {}
    for character, count in counts.items():
        if name := _SCRIPT[character]:
            found[name] = found.get(name, 0) + count
    if not found:
        return "latin"
    name = max(found, key=found.__getitem__)
    if found[name] < length * _LEAST_SCRIPT:
        return "latin"
    return "kana" if name == "han" and found.get("kana", 0) > length / 20 else name


def _kind(script: str, text: str) -> str:
    if script == "latin":
        return _latin(text)
    if script not in ("cyrillic", "arabic") or _is_common(text):
        return script
    return "words" if script == "cyrillic" else "arabic words"


def _is_common(text: str) -> bool:
    words = text[:_BEGINNING].lower().split()
    return sum(map(_COMMON.__contains__, words)) >= len(words) * _PROSE


def _latin(text: str) -> str:
    if _is_common(text):
        return "prose"
    sample = text[:_BEGINNING]
    odd = sum(1 for character in sample if class_of(character) in ("digit", "punctuation"))
    return "code" if odd >= len(sample) * _CODE else "words"

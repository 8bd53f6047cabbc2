"""The filter of a list: AIP-160's grammar over the fields that the service's documents name.

    filter      = [ conjunction ]
    conjunction = sequence { "AND" sequence }
    sequence    = factor { factor }               a space between two factors is an AND
    factor      = term { "OR" term }              OR binds tighter than AND
    term        = [ "NOT" | "-" ] ( "(" conjunction ")" | restriction )
    restriction = field comparator value          = != < <= > >= :

https://google.aip.dev/160, and for the fields and what may be compared how: the list methods of Vertex AI's jobs.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gemtune.errors import InvalidArgument, bad_request
from gemtune_pb.v1 import JobState, TuningJob

__all__ = ["Filter", "Predicate", "parse"]

Predicate = Callable[[TuningJob], bool]


@dataclass(frozen=True)
class Filter:
    """What a filter stands for.

    Attributes:
        fits: Whether it is true of a job.
        restrictions: How many comparisons it has, which is what looking at a job costs.
    """

    fits: Predicate
    restrictions: int

    def __call__(self, job: TuningJob) -> bool:
        """Whether it is true of a job."""
        return self.fits(job)


_DEEPEST = 50  # parentheses and NOTs in each other
_LONGEST = 10_000  # characters

_SPACE = re.compile(r"\s*")
_COMPARATOR = re.compile(r"<=|>=|!=|=|<|>|:")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"' + r"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_NAME = re.compile(r"[^\s()\"'=!<>:.,-][^\s()\"'=!<>:.,]*")
_BARE = re.compile(r"[^\s()\"'=!<>,]+")  # a value without quotes; a timestamp has colons

_ORDER: Mapping[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class _Field:
    """A field that a filter may name: how to read it, and which comparators it takes."""

    kind: str
    attribute: str
    comparators: tuple[str, ...]


_TEXT = ("=", "!=", ":")
_TIME = ("=", "!=", "<", "<=", ">", ">=", ":")

_FIELDS: Mapping[str, _Field] = {
    "name": _Field("text", "name", _TEXT),
    "displayName": _Field("text", "tuned_model_display_name", _TEXT),
    "tunedModelDisplayName": _Field("text", "tuned_model_display_name", _TEXT),
    "description": _Field("text", "description", _TEXT),
    "baseModel": _Field("text", "base_model", _TEXT),
    "experiment": _Field("text", "experiment", _TEXT),
    "state": _Field("state", "state", ("=", "!=")),
    "createTime": _Field("time", "create_time", _TIME),
    "startTime": _Field("time", "start_time", _TIME),
    "endTime": _Field("time", "end_time", _TIME),
    "updateTime": _Field("time", "update_time", _TIME),
    "labels": _Field("labels", "labels", _TEXT),
}


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def parse(text: str) -> Filter:
    """What a filter stands for.

    Args:
        text: The filter; an empty one is true of every job.

    Raises:
        InvalidArgument: It is no filter; the sentence names the place and what was expected there.
    """
    parser = _Parser(text)
    return Filter(parser.whole(), parser.restrictions)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self.restrictions = 0

    # -- text -----------------------------------------------------------------------------------------------------

    def _fail(self, problem: str, at: int | None = None) -> NoReturn:
        place = (self._at if at is None else at) + 1
        sentence = f"Invalid filter: at character {place}, {problem}"
        raise InvalidArgument(sentence, details=[bad_request([("filter", sentence)])])

    def _rest(self) -> str:
        found = self._text[self._at : self._at + 20]
        return repr(found) if found else "its end"

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match:
            self._at = match.end()
        return match

    def _keyword(self, word: str) -> bool:
        """Takes `word` if it comes next and stands alone (NOTICE is a field, not a NOT)."""
        self._skip()
        return self._take(re.compile(rf"{word}(?=[\s(]|$)")) is not None

    def _sees(self, *texts: str) -> bool:
        self._skip()
        return self._text.startswith(texts, self._at)

    # -- grammar --------------------------------------------------------------------------------------------------

    def whole(self) -> Predicate:
        if len(self._text) > _LONGEST:
            self._fail(f"it goes on for {len(self._text)} characters; at most {_LONGEST} are read", _LONGEST)
        if not self._text.strip():
            return lambda _job: True
        predicate = self._conjunction()
        self._skip()
        if self._at < len(self._text):
            self._fail(f"{self._rest()} does not fit; AND, OR or the end was expected")
        return predicate

    def _conjunction(self) -> Predicate:
        parts = [self._sequence()]
        while self._keyword("AND"):
            parts.append(self._sequence())
        return _all(parts)

    def _sequence(self) -> Predicate:
        parts = [self._factor()]
        while True:
            self._skip()
            begin = self._at
            if begin == len(self._text) or self._sees(")") or self._keyword("AND"):
                self._at = begin
                return _all(parts)
            if not self._text[begin - 1].isspace():
                self._fail(f"{self._rest()} does not fit; a space, AND, OR or the end was expected")
            parts.append(self._factor())

    def _factor(self) -> Predicate:
        parts = [self._term()]
        while self._keyword("OR"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else lambda job: any(part(job) for part in parts)

    def _term(self) -> Predicate:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail(f"it is nested too deeply; at most {_DEEPEST} levels are read")
        try:
            if self._keyword("NOT") or self._minus():
                inner = self._term()
                return lambda job: not inner(job)
            if self._sees("("):
                self._at += 1
                inner = self._conjunction()
                if not self._sees(")"):
                    self._fail(f"{self._rest()} was found where a closing parenthesis was expected")
                self._at += 1
                return inner
            return self._restriction()
        finally:
            self._depth -= 1

    def _minus(self) -> bool:
        if not self._sees("-"):
            return False
        self._at += 1
        return True

    # -- restrictions ---------------------------------------------------------------------------------------------

    def _restriction(self) -> Predicate:
        self.restrictions += 1
        self._skip()
        begin = self._at
        path = self._path()
        field = _FIELDS.get(_camel(path[0]))
        if field is None or len(path) > (2 if field.kind == "labels" else 1):
            known = ", ".join(_FIELDS).replace("labels", "labels.KEY")
            self._fail(f"{'.'.join(path)!r} is not a field that can be filtered by; those are {known}", begin)
        self._skip()
        comparator = self._take(_COMPARATOR)
        if comparator is None:
            self._fail(f"{self._rest()} was found where a comparator (= != < <= > >= :) was expected")
        allowed = field.comparators if len(path) > 1 or field.kind != "labels" else (":",)
        if comparator[0] not in allowed:
            self._fail(
                f"{path[0]} cannot be compared with {comparator[0]}; use {' '.join(allowed)}", comparator.start()
            )
        self._skip()
        at = self._at
        value = self._value(f"a value for {'.'.join(path)}")
        if field.kind == "labels":
            return _label(path[1], comparator[0], value) if len(path) > 1 else lambda job: value in job.labels
        if field.kind == "text":
            return _text(field.attribute, comparator[0], value)
        if field.kind == "state":
            return self._state(comparator[0], value, at)
        return self._time(field.attribute, comparator[0], value, at)

    def _path(self) -> list[str]:
        path = [self._part()]
        while self._sees("."):
            self._at += 1
            path.append(self._part())
        return path

    def _part(self) -> str:
        if self._sees('"', "'"):
            return self._value("a field's name")
        # A label's key may have a hyphen inside; a hyphen at the beginning of a term is a NOT.
        match = self._take(re.compile(_NAME.pattern + r"(?:-[^\s()\"'=!<>:.,-]*)*"))
        if match is None or match[0] in ("AND", "OR", "NOT"):
            self._at = match.start() if match else self._at
            self._fail(f"{self._rest()} was found where a field's name was expected")
        return match[0]

    def _value(self, what: str) -> str:
        if match := self._take(_QUOTED):
            inner = match[1] if match[1] is not None else match[2]
            return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)
        if self._sees('"', "'"):
            self._fail("a quotation is not closed")
        match = self._take(_BARE)
        if match is None:
            self._fail(f"{self._rest()} was found where {what} was expected")
        return match[0]

    def _state(self, comparator: str, value: str, at: int) -> Predicate:
        if value not in JobState.keys():  # noqa: SIM118  a wrapper of an enum, no mapping
            self._fail(f"{value!r} is not a state; those are {', '.join(JobState.keys()[1:])}", at)
        wanted, equal = JobState.Value(value), comparator == "="
        return lambda job: (job.state == wanted) == equal

    def _time(self, attribute: str, comparator: str, value: str, at: int) -> Predicate:
        if comparator == ":":
            if value != "*":
                self._fail(f"{value!r} does not fit; with : only * (is set) may follow", at)
            return lambda job: _is_set(job, attribute)
        wanted = Timestamp()
        try:
            wanted.FromJsonString(value)
        except ValueError:
            self._fail(f"{value!r} is not a time of RFC 3339, such as 2026-11-24T10:00:00Z", at)
        limit, compare = wanted.ToNanoseconds(), _ORDER[comparator]

        def predicate(job: TuningJob) -> bool:
            if not _is_set(job, attribute):
                return comparator == "!="
            moment: Timestamp = getattr(job, attribute)
            return compare(moment.ToNanoseconds(), limit)

        return predicate


def _is_set(message: Message, name: str) -> bool:
    return message.HasField(name)


def _all(parts: list[Predicate]) -> Predicate:
    return parts[0] if len(parts) == 1 else lambda job: all(part(job) for part in parts)


def _glob(pattern: str) -> Callable[[str], bool]:
    """`*` stands for any text; the whole value must fit."""
    # By hand, part by part: a regular expression with many `.*` tries every way to share the text out among them.
    first, *others = pattern.split("*")
    if not others:
        return lambda text: text == pattern
    *middle, last = others

    def fits(text: str) -> bool:
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return False
        for part in middle:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    return fits


def _text(attribute: str, comparator: str, value: str) -> Predicate:
    if comparator == ":":
        fits = _glob(value)
        # `:*` asks whether there is any value.
        return lambda job: bool(getattr(job, attribute)) and fits(getattr(job, attribute))
    equal = comparator == "="
    return lambda job: (getattr(job, attribute) == value) == equal


def _label(key: str, comparator: str, value: str) -> Predicate:
    if comparator == ":":
        fits = _glob(value)
        return lambda job: key in job.labels and fits(job.labels[key])
    equal = comparator == "="
    return lambda job: (key in job.labels and job.labels[key] == value) == equal

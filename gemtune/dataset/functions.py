"""The rules about function calls, their results, and the tools that declare them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from google.protobuf.message import Message

from gemtune.dataset.facts import Facts
from gemtune.dataset.parse import pointer
from gemtune.dataset.problem import shown
from gemtune_pb.v1 import FunctionDeclaration, Schema, Tool

__all__ = ["SCHEMA_NAMES", "Calls", "check_tools"]


def names_of(message: type[Message]) -> frozenset[str]:
    """The fields of a message, under both spellings."""
    return frozenset(name for field in message.DESCRIPTOR.fields for name in (field.name, field.json_name))


SCHEMA_NAMES = names_of(Schema)
_TOOL = names_of(Tool) | {"fileSearch", "file_search", "mcpServers", "mcp_servers"}  # two that only Google's SDK has
_FUNCTION = names_of(FunctionDeclaration)


class Calls:
    """Follows the function calls of a row from turn to turn."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.made: list[tuple[str, str]] = []  # names that are called, and where
        self._open: list[str] = []  # of the last turn that called
        self._now_called: list[str] = []
        self._now_answered: list[tuple[str, str]] = []

    def part(self, kind: str, value: Any, place: str, path: str, role: str) -> None:
        """Checks a functionCall or a functionResponse."""
        facts = self._facts
        facts.calls = facts.calls or path
        if not isinstance(value, dict):
            facts.error("GT403", place, f"{kind} is {shown(value)} and not an object")
            return
        name = value.get("name")
        if kind == "functionCall":
            if role == "user":
                facts.error("GT608", path, "a turn of the user has a functionCall")
            args = value.get("args")
            if args is not None and not isinstance(args, dict):
                facts.error(
                    "GT603",
                    place + "/args",
                    f"args is {'a text' if isinstance(args, str) else shown(args)} and not an object",
                )
            self._now_called.append(str(name))
            self.made.append((str(name), place))
        else:
            if role == "model":
                facts.error("GT608", path, "a turn of the model has a functionResponse")
            response = value.get("response")
            if not isinstance(response, dict):
                at = place + "/response" if "response" in value else place
                facts.error(
                    "GT604",
                    at,
                    f"response is {shown(response)} and not an object"
                    if "response" in value
                    else "the functionResponse has no response",
                )
            self._now_answered.append((str(name), place))

    def end_turn(self, path: str, role: str) -> None:
        """Compares a turn's results with the calls of the turn before it."""
        answered, called = self._now_answered, self._now_called
        if answered or (self._open and role == "user"):
            missing = Counter(self._open) - Counter(name for name, _ in answered)
            extra = Counter(name for name, _ in answered) - Counter(self._open)
            if extra:
                name = next(iter(extra))
                place = next(at for each, at in answered if each == name)
                self._facts.warn("GT602", place, f"the turn before does not call {shown(name)}")
            elif missing:
                self._facts.warn(
                    "GT602", path, f"the turn before calls {shown(next(iter(missing)))}, and its result is not here"
                )
        self._open = called if role == "model" else []
        self._now_called, self._now_answered = [], []


def check_tools(facts: Facts, value: Any, at: str, calls: list[tuple[str, str]]) -> None:
    """Checks the tools of a row, and that they declare what is called."""
    declared: set[str] = set()
    if value is not None:
        if isinstance(value, dict):
            value = [value]
        if not isinstance(value, list):
            facts.error("GT605", at, f"tools is {shown(value)} and not a list")
            return
        for i, tool in enumerate(value):
            declared |= _tool(facts, tool, f"{at}/{i}")
    for name, place in calls:
        if name not in declared:
            facts.warn("GT601", place, f"the row's tools do not declare {shown(name)}")


def _tool(facts: Facts, tool: Any, at: str) -> set[str]:
    if not isinstance(tool, dict):
        facts.error("GT605", at, f"the tool is {shown(tool)} and not an object")
        return set()
    if "function" in tool or tool.get("type") == "function" or ("name" in tool and "parameters" in tool):
        facts.error("GT605", at, "the tool is in OpenAI's form")
        function = tool.get("function", tool)
        return {str(function.get("name"))} if isinstance(function, dict) else set()
    for key in tool:
        if key not in _TOOL:
            facts.warn("GT606", at + pointer(key), f"a tool has no field {shown(key)}")
    key = "functionDeclarations" if "functionDeclarations" in tool else "function_declarations"
    functions = tool.get(key)
    if functions is None:
        return set()
    at += pointer(key)
    if isinstance(functions, dict):
        functions = [functions]
    if not isinstance(functions, list):
        facts.error("GT605", at, f"{key} is {shown(functions)} and not a list")
        return set()
    names: set[str] = set()
    for i, function in enumerate(functions):
        if not isinstance(function, dict):
            facts.error("GT605", f"{at}/{i}", f"the function is {shown(function)} and not an object")
            continue
        names.add(str(function.get("name")))
        for unknown in sorted(function.keys() - _FUNCTION):
            facts.warn("GT606", f"{at}/{i}{pointer(unknown)}", f"a function has no field {shown(unknown)}")
        for schema in ("parameters", "response"):
            if isinstance(function.get(schema), dict):
                _schema(facts, function[schema], f"{at}/{i}/{schema}")
    return names


def _schema(facts: Facts, schema: dict[str, Any], at: str) -> None:
    for key, value in schema.items():
        place = at + pointer(key)
        if key not in SCHEMA_NAMES:
            facts.warn("GT606", place, f"a schema has no {shown(key)}")
        elif key == "properties" and isinstance(value, dict):
            for name, below in value.items():
                if isinstance(below, dict):
                    _schema(facts, below, place + pointer(name))
        elif isinstance(value, dict) and key in ("items", "additionalProperties", "additional_properties"):
            _schema(facts, value, place)
        elif isinstance(value, list) and key in ("anyOf", "any_of"):
            for i, below in enumerate(value):
                if isinstance(below, dict):
                    _schema(facts, below, f"{place}/{i}")

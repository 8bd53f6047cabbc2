"""Declarations of functions in OpenAI's form as Gemini's: `tools`, `functions`, and the JSON Schemas in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gemtune.dataset.conversion import Changes, ConversionError, Fields, kind_of, parsed

__all__ = ["tools_of"]

Schema = dict[str, Any]


def tools_of(tools: Any, functions: Any, changes: Changes) -> list[dict[str, Any]]:
    """The tools of a row.

    Args:
        tools: OpenAI's `tools`, as a list or as its JSON text; tools that have Gemini's form stay as they are.
        functions: The older `functions`.
        changes: Counts what is lost.

    Returns:
        Gemini's `tools`; empty without any.

    Raises:
        ConversionError: One of them declares no function.
    """
    made: list[dict[str, Any]] = []
    declared: list[dict[str, Any]] = []
    for i, tool in enumerate(_list(tools, "tools")):
        if isinstance(tool, Mapping) and ("functionDeclarations" in tool or "function_declarations" in tool):
            made.append(dict(tool))
            continue
        fields = Fields(tool, f"tools[{i}]")
        kind = fields.take("type")
        if kind not in (None, "function"):
            raise ConversionError(f"tools[{i}] is of type {kind!r:.60}, and only functions can be declared")
        if fields.has("function"):
            declared.append(_declaration(Fields(fields.take("function"), fields.at("function")), changes))
            fields.drop_rest(changes)
        else:  # the form of the Responses API
            declared.append(_declaration(fields, changes))
    for i, function in enumerate(_list(functions, "functions")):
        declared.append(_declaration(Fields(function, f"functions[{i}]"), changes))
    return [*made, {"functionDeclarations": declared}] if declared else made


def _list(value: Any, where: str) -> list[Any]:
    if isinstance(value, str) and value.strip():
        try:
            value = parsed(value)
        except ValueError as error:
            raise ConversionError(f"{where} is not JSON: {error}") from error
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        raise ConversionError(f"{where} is {kind_of(value)}, not a list")
    return value


def _declaration(function: Fields, changes: Changes) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": function.text("name")}
    description = function.take("description")
    if isinstance(description, str):
        declaration["description"] = description
    elif description is not None:
        changes.drop(function.at("description"))
    parameters = function.take("parameters")
    if parameters is not None:
        if not isinstance(parameters, Mapping):
            raise ConversionError(f"{function.at('parameters')} is {kind_of(parameters)}, not an object")
        schema = _Schemas(parameters, changes).schema(parameters)
        if schema.get("properties") or schema.get("type") != "OBJECT":  # a function without parameters has no schema
            declaration["parameters"] = schema
    function.drop_rest(changes)
    return declaration


# -- JSON Schema --------------------------------------------------------------------------------------------------

_TYPES: Final = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"})
_DEEPEST: Final = 60
_MOST: Final = 5000
"""How many schemas one function may have once its references are written out: those can multiply."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


_KEPT: Final[Mapping[str, Callable[[Any], bool]]] = {
    "default": lambda _: True,
    "description": _is_text,
    "format": _is_text,
    "maxItems": _is_count,
    "maxLength": _is_count,
    "maxProperties": _is_count,
    "maximum": _is_number,
    "minItems": _is_count,
    "minLength": _is_count,
    "minProperties": _is_count,
    "minimum": _is_number,
    "nullable": lambda value: isinstance(value, bool),
    "pattern": _is_text,
    "propertyOrdering": _is_names,
    "required": _is_names,
    "title": _is_text,
}
"""The keywords that both have -> whether a value is one that Gemini takes."""


class _Schemas:
    """The schemas of one function: keywords that Gemini lacks are dropped and counted, references written out."""

    def __init__(self, root: Mapping[str, Any], changes: Changes) -> None:
        self._root = root
        self._changes = changes
        self._seen = 0

    def schema(self, schema: Any, within: tuple[str, ...] = (), depth: int = 0) -> Schema:
        self._seen += 1
        if self._seen > _MOST or depth > _DEEPEST:
            raise ConversionError(
                "the parameters of a function are too many or too deep once references are written out"
            )
        if not isinstance(schema, Mapping):
            if schema is not True:
                self._drop(f"a schema that is {kind_of(schema)}")
            return {}
        if "$ref" in schema:
            return self._referred(schema, within, depth)
        made: Schema = {}
        for key, value in schema.items():
            if key in _KEPT:
                if _KEPT[key](value):
                    made[key] = value
                else:
                    self._drop(key)
            elif key not in _STEPS and key not in ("$defs", "definitions"):
                self._drop(str(key))
        for key, step in _STEPS.items():
            if key in schema:
                step(self, made, schema[key], within, depth + 1)
        return made

    def _drop(self, keyword: str) -> None:
        self._changes.drop(f"{keyword} in a function's parameters")

    def _referred(self, schema: Mapping[str, Any], within: tuple[str, ...], depth: int) -> Schema:
        """What a reference leads to, written in its place; one that leads back into itself, or away, is dropped."""
        reference = schema["$ref"]
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        found: Any = self._root
        steps = reference.split("/")[1:] if isinstance(reference, str) and reference.startswith("#/") else [""]
        for step in steps:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping) or reference in within:
            self._drop("$ref")
            return self.schema(beside, within, depth + 1)
        self._changes.change("$ref in a function's parameters, written out")
        return self.schema({**found, **beside}, (*within, reference), depth + 1)

    # One step for each keyword that has to be said in another way.

    def type_of(self, made: Schema, value: Any, _within: tuple[str, ...], _depth: int) -> None:
        kinds = [value] if isinstance(value, str) else value if isinstance(value, list) else [value]
        names = [kind.upper() if isinstance(kind, str) else "" for kind in kinds]
        if "NULL" in names:
            made["nullable"] = True
            names = [name for name in names if name != "NULL"]
        if any(name not in _TYPES for name in names):
            self._drop("type")
        elif len(names) == 1:
            made["type"] = names[0]
        elif names:
            made["anyOf"] = [{"type": name} for name in names]

    def properties_of(self, made: Schema, value: Any, within: tuple[str, ...], depth: int) -> None:
        if isinstance(value, Mapping):
            made["properties"] = {str(name): self.schema(held, within, depth) for name, held in value.items()}
        else:
            self._drop("properties")

    def items_of(self, made: Schema, value: Any, within: tuple[str, ...], depth: int) -> None:
        if isinstance(value, list):  # one schema for each place
            self._drop("items")
        else:
            made["items"] = self.schema(value, within, depth)

    def additional_of(self, made: Schema, value: Any, within: tuple[str, ...], depth: int) -> None:
        made["additionalProperties"] = value if isinstance(value, bool) else self.schema(value, within, depth)

    def enum_of(self, made: Schema, value: Any, _within: tuple[str, ...], _depth: int) -> None:
        """Gemini's values are texts, numbers too."""
        values = [held for held in value if held is not None] if isinstance(value, list) else []
        if not values or any(isinstance(held, bool) or not isinstance(held, (str, int, float)) for held in values):
            self._drop("enum")
            return
        if None in value:
            made["nullable"] = True
        if not all(isinstance(held, str) for held in values):
            self._changes.change("numbers of an enum in a function's parameters, as texts")
        made["enum"] = [str(held) for held in values]

    def const_of(self, made: Schema, value: Any, within: tuple[str, ...], depth: int) -> None:
        if isinstance(value, str) and "enum" not in made:
            self.enum_of(made, [value], within, depth)
            self._changes.change("const in a function's parameters, as an enum of one")
        else:
            self._drop("const")

    def any_of(self, made: Schema, value: Any, within: tuple[str, ...], depth: int) -> None:
        if not isinstance(value, list) or "anyOf" in made:
            self._drop("anyOf")
            return
        branches = [held for held in value if not (isinstance(held, Mapping) and held.get("type") == "null")]
        if len(branches) < len(value):
            made["nullable"] = True
        schemas = [self.schema(held, within, depth) for held in branches]
        if len(schemas) == 1 and not schemas[0].keys() & made.keys():
            made.update(schemas[0])
        elif schemas:
            made["anyOf"] = schemas

    def one_of(self, made: Schema, value: Any, within: tuple[str, ...], depth: int) -> None:
        if isinstance(value, list) and "anyOf" not in made:
            self._changes.change("oneOf in a function's parameters, as anyOf")
            self.any_of(made, value, within, depth)
        else:
            self._drop("oneOf")

    def all_of(self, made: Schema, value: Any, within: tuple[str, ...], depth: int) -> None:
        """One schema is that schema; several have no form."""
        held = self.schema(value[0], within, depth) if isinstance(value, list) and len(value) == 1 else None
        if held is not None and not held.keys() & made.keys():
            made.update(held)
        else:
            self._drop("allOf")


_Step = Callable[[_Schemas, Schema, Any, tuple[str, ...], int], None]

_STEPS: Final[Mapping[str, _Step]] = {
    "type": _Schemas.type_of,
    "properties": _Schemas.properties_of,
    "items": _Schemas.items_of,
    "additionalProperties": _Schemas.additional_of,
    "enum": _Schemas.enum_of,
    "const": _Schemas.const_of,
    "anyOf": _Schemas.any_of,
    "oneOf": _Schemas.one_of,
    "allOf": _Schemas.all_of,
}
"""The keywords that are said in another way, in the order in which they are."""

"""Messages (of OpenAI, ShareGPT, Yandex) as Gemini turns: whose they are, calls of functions and their results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gemtune.dataset.conversion import Changes, ConversionError, Fields, kind_of, parsed, text_of
from gemtune.dataset.convert_parts import Part, joined_text, parts_of

__all__ = ["Conversation"]

ROLES: Final[Mapping[str, str]] = {
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "model",
    "model": "model",
    "gpt": "model",
    "chatgpt": "model",
    "bot": "model",
    "ai": "model",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "function_call": "call",
}
"""A role as other forms have it -> whose turn it is; `call`: a model's turn that is the JSON of one call."""

_PEOPLE = {"user": "the user", "model": "the model"}


@dataclass
class _Call:
    """A call of a function that waits for its result."""

    name: str
    args: dict[str, Any]
    where: str
    id: Any = None
    response: dict[str, Any] | None = None


class Conversation:
    """The turns of one row, as they are added, and the system instruction.

    It refuses what Gemini's turns cannot say without a guess: a system message between turns, a turn of the model
    first, a turn that does not follow from the one before.

    Attributes:
        system: The parts of the system instruction.
        contents: The turns.
    """

    def __init__(self, changes: Changes) -> None:
        """Takes what counts losses."""
        self.system: list[Part] = []
        self.contents: list[dict[str, Any]] = []
        self._changes = changes
        self._calls: list[_Call] = []
        self._name: Any = None  # of who spoke last

    # -- adding ---------------------------------------------------------------------------------------------------

    def messages(self, messages: Iterable[Any], where: str) -> None:
        """Adds messages.

        Raises:
            ConversionError: One of them cannot be said in Gemini's turns.
        """
        for i, message in enumerate(messages):
            self._message(Fields(message, f"{where}[{i}]"))

    def instruct(self, text: Any, where: str) -> None:
        """Adds to the system instruction; blank text says nothing, and is left out.

        Raises:
            ConversionError: It is not text, or comes after a turn.
        """
        text = joined_text(text, where, self._changes)
        if not text.strip():
            return
        if self.contents:
            raise ConversionError(f"{where} is a system message between turns, which a Gemini row has no place for")
        if self.system:
            self._changes.change("several system messages, as parts of one systemInstruction")
        self.system.append({"text": text})

    def say(self, role: str, content: Any, where: str, *, name: Any = None) -> None:
        """Adds a turn of text and media.

        Args:
            role: `user` or `model`.
            content: Text or a list of OpenAI's content parts.
            where: Where it stands in the row.
            name: Who of several speaks.

        Raises:
            ConversionError: It cannot stand there.
        """
        parts = self._said(role, content, where)
        if not parts:
            raise ConversionError(f"{where} has no text, and the service refuses a turn without")
        self._turn(role, parts, where, name)

    def end(self, role: str, where: str) -> None:
        """Says that this was the last turn.

        Raises:
            ConversionError: There is none, or the last one is not of this role.
        """
        self._settle(where, last=True)
        if not self.contents:
            raise ConversionError(f"{where} has no turn")
        last = self.contents[-1]["role"]
        if last != role:
            wanted = "no answer to learn" if role == "model" else "nothing to answer"
            raise ConversionError(f"{where} ends with {_PEOPLE[last]}, so there is {wanted}")

    # -- one message ----------------------------------------------------------------------------------------------

    def _message(self, message: Fields) -> None:
        role_key = message.take("role", "from")
        role = ROLES.get(role_key.lower()) if isinstance(role_key, str) else None
        if role is None:
            what = f"{role_key!r:.60}" if isinstance(role_key, str) else kind_of(role_key)
            raise ConversionError(f"the role of {message.where} is {what}, and that means no one here")
        key = message.first("content", "value", "text")
        content, where, name = message.take(key), message.at(key), message.take("name")
        if role == "system":
            self.instruct(content, where)
        elif role == "tool":
            self._result(message, content, where, name)
            name = None  # it is in the result
        elif role == "call":
            self._call_turn([self._call_of(_json(content, where), where)], [], where)
        elif calls := self._calls_of(message):
            self._call_turn(calls, self._said(role, content, where), message.where, role=role)
        else:
            self.say(role, content, where, name=name)
        if name is not None:
            self._changes.drop(message.at("name"))
        self._weight(message, role)
        message.drop_rest(self._changes)

    def _weight(self, message: Fields, role: str) -> None:
        weight = message.take("weight")
        if weight is None or weight == 1:
            return
        if role == "model" and weight == 0:
            self._changes.drop(f"{message.at('weight')} = 0 (Gemini learns from every turn of the model)")
        else:
            self._changes.drop(message.at("weight"))

    def _said(self, role: str, content: Any, where: str) -> list[Part]:
        """The parts of a turn without blank texts, which the service refuses; none are left of a blank turn."""
        parts = parts_of(content, where, self._changes)
        if role == "model" and any("text" not in part for part in parts):
            raise ConversionError(f"{where} holds media in a turn of the model, which may hold text alone")
        spoken = [part for part in parts if "text" not in part or part["text"].strip()]
        if sum(len(part.get("text", "")) for part in parts) > sum(len(part.get("text", "")) for part in spoken):
            self._changes.change("blank text beside other parts, left out")
        return spoken

    # -- turns ----------------------------------------------------------------------------------------------------

    def _turn(self, role: str, parts: list[Part], where: str, name: Any = None) -> None:
        self._settle(where)
        if not self.contents and role == "model":
            raise ConversionError(f"{where} is the model's, and a Gemini row begins with a turn of the user")
        if not self.contents or self.contents[-1]["role"] != role:
            self.contents.append({"role": role, "parts": parts})
        else:
            before = self.contents[-1]["parts"]
            if any("functionCall" in part or "functionResponse" in part for part in before):
                raise ConversionError(
                    f"{where} follows the result of a function, and the model has to answer that first"
                    if role == "user"
                    else f"{where} follows a function call that has no result"
                )
            if name != self._name:
                raise ConversionError(f"{where} follows another speaker's turn of the same role")
            before += parts
            self._changes.change("turns of one role in a row, joined as parts of one turn")
        self._name = name

    # -- functions ------------------------------------------------------------------------------------------------

    def _calls_of(self, message: Fields) -> list[_Call]:
        calls = message.take("tool_calls")
        legacy = message.take("function_call")
        if calls is not None and not isinstance(calls, list):
            raise ConversionError(f"{message.at('tool_calls')} is {kind_of(calls)}, not a list")
        made = [self._tool_call(call, f"{message.at('tool_calls')}[{i}]") for i, call in enumerate(calls or ())]
        if legacy is not None:
            made.append(self._call_of(legacy, message.at("function_call")))
        return made

    def _tool_call(self, call: Any, where: str) -> _Call:
        fields = Fields(call, where)
        kind = fields.take("type")
        if kind not in (None, "function"):
            raise ConversionError(f"{where} is of type {kind!r:.60}, and only functions can be called")
        function = fields.take("function")
        id_ = fields.take("id")
        fields.take("index")  # its place in the list
        fields.drop_rest(self._changes)
        made = self._call_of(function, f"{where}.function")
        made.id = id_
        return made

    def _call_of(self, call: Any, where: str) -> _Call:
        fields = Fields(call, where)
        name = fields.text("name")
        arguments = fields.take("arguments", "parameters")
        fields.drop_rest(self._changes)
        if isinstance(arguments, str):
            arguments = _json(arguments, fields.at("arguments")) if arguments.strip() else {}
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, Mapping):
            raise ConversionError(f"{fields.at('arguments')} is {kind_of(arguments)}, not an object")
        return _Call(name, dict(arguments), where)

    def _call_turn(self, calls: list[_Call], spoken: list[Part], where: str, *, role: str = "model") -> None:
        if role != "model":
            raise ConversionError(f"{where} calls a function, which only the model does")
        made = [{"functionCall": {"name": call.name, "args": call.args}} for call in calls]
        self._turn("model", [*spoken, *made], where)
        self._calls = calls

    def _result(self, message: Fields, content: Any, where: str, name: Any) -> None:
        call = self._answered(message.take("tool_call_id"), name, message.where)
        call.response = self._response(content, where)

    def _answered(self, id_: Any, name: Any, where: str) -> _Call:
        """The call that a result is for: by its id, by its name, or because there is no other."""
        waiting = [call for call in self._calls if call.response is None]
        if id_ is not None:
            waiting = [call for call in waiting if call.id == id_]
        elif name is not None:
            waiting = [call for call in waiting if call.name == name]
        elif len(waiting) > 1:
            raise ConversionError(f"{where} does not say which of {len(waiting)} function calls it answers")
        if not waiting:
            raise ConversionError(f"{where} is the result of no function call before it")
        if name is not None and waiting[0].name != name:
            raise ConversionError(f"{where} has the id of a call of {waiting[0].name!r:.60} and another name")
        return waiting[0]

    def _response(self, content: Any, where: str) -> dict[str, Any]:
        """A result as an object; text that is no JSON object becomes `{"output": text}`."""
        if isinstance(content, Mapping):
            return dict(content)
        text = joined_text(content, where, self._changes)
        try:
            value = parsed(text) if text.lstrip()[:1] == "{" else None
        except ValueError:
            value = None
        if isinstance(value, dict):
            return value
        self._changes.change('results of functions that are no object, as {"output": ...}')
        return {"output": text}

    def _settle(self, where: str, *, last: bool = False) -> None:
        """Makes one turn of the results that are there, in the order of their calls."""
        calls, self._calls = self._calls, []
        missing = [call for call in calls if call.response is None]
        if not calls or (last and len(missing) == len(calls)):
            return  # a row may end with calls
        if missing:
            raise ConversionError(f"{missing[0].where} has no result, and {where} goes on without it")
        self.contents.append(
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": call.name, "response": call.response}} for call in calls],
            }
        )


def _json(text: Any, where: str) -> Any:
    try:
        return parsed(text_of(text, where))
    except ConversionError:
        raise
    except ValueError as error:
        raise ConversionError(f"{where} is not JSON: {error}") from error

"""Which form a row has: Gemini's own, or that of another product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["SHAPES", "Shape", "detect"]


@dataclass(frozen=True)
class Shape:
    """A form of rows.

    Attributes:
        id: Stable, such as `openai-messages`.
        name: What people call it.
        code: The rule that a row of this form breaks; "" for Gemini's own.
    """

    id: str
    name: str
    code: str


SHAPES: dict[str, Shape] = {
    shape.id: shape
    for shape in (
        Shape("gemini", "Gemini", ""),
        Shape("batch", "a request for batch inference (request)", "GT206"),
        Shape("openai-preference", "OpenAI's preference data (input, preferred_output, non_preferred_output)", "GT907"),
        Shape("trl-preference", "TRL's preference data (prompt, chosen, rejected)", "GT907"),
        Shape("openai-messages", "OpenAI (messages)", "GT202"),
        Shape("sharegpt", "ShareGPT (conversations)", "GT205"),
        Shape("palm", "PaLM (input_text, output_text)", "GT201"),
        Shape("prompt-completion", "prompt and completion", "GT203"),
        Shape("ai-studio", "AI Studio (text_input, output)", "GT204"),
        Shape("alpaca", "Alpaca (instruction, input, output)", "GT205"),
        Shape("yandex", "Yandex (request, response)", "GT205"),
        Shape("flat", "flat fields (system, user, assistant)", "GT205"),
    )
}
"""Every form by its id."""


def detect(row: Mapping[str, Any]) -> Shape | None:
    """The form of a row; None for one that is not known."""
    for shape, keys in _BY_KEYS:
        if keys <= row.keys():
            return SHAPES[shape]
    request = row.get("request")
    if isinstance(request, dict) and "contents" in request:
        return SHAPES["batch"]
    if isinstance(request, list) and "response" in row:
        return SHAPES["yandex"]
    return None


_BY_KEYS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (shape, frozenset(keys))
    for shape, keys in (
        ("gemini", ("contents",)),
        ("openai-preference", ("input", "preferred_output", "non_preferred_output")),
        ("trl-preference", ("chosen", "rejected")),
        ("openai-messages", ("messages",)),
        ("sharegpt", ("conversations",)),
        ("palm", ("input_text", "output_text")),
        ("palm", ("input_text",)),
        ("prompt-completion", ("prompt", "completion")),
        ("ai-studio", ("text_input", "output")),
        ("ai-studio", ("text_input",)),
        ("alpaca", ("instruction", "output")),
        ("flat", ("user", "assistant")),
        ("flat", ("user", "model")),
    )
)

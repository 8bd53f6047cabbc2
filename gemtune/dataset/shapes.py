"""The forms that rows of tuning data have, Gemini's own and other services', and which of them a row has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = [
    "AI_STUDIO",
    "ALPACA",
    "BATCH",
    "FLAT",
    "GEMINI",
    "GEMINI_PREFERENCE",
    "OPENAI",
    "OPENAI_PREFERENCE",
    "PALM",
    "PROMPT_COMPLETION",
    "SHAPES",
    "SHAREGPT",
    "TRL_PREFERENCE",
    "YANDEX",
    "Shape",
    "detect",
]


@dataclass(frozen=True)
class Shape:
    """A form of rows.

    Attributes:
        id: What `--from` calls it, such as `openai`.
        name: What people call it, with the keys that it is known by.
        code: The rule that a row of this form breaks in a Gemini dataset, such as `GT202`; "" for Gemini's own forms.
    """

    id: str
    name: str
    code: str = ""

    @property
    def foreign(self) -> bool:
        """Whether it is another service's form, so that its rows have to be converted."""
        return bool(self.code)


GEMINI: Final = Shape("gemini", "Gemini (contents)")
GEMINI_PREFERENCE: Final = Shape("gemini-preference", "Gemini preference (contents, completions)")
OPENAI: Final = Shape("openai", "OpenAI chat (messages)", "GT202")
PROMPT_COMPLETION: Final = Shape("prompt-completion", "prompt and completion", "GT203")
PALM: Final = Shape("palm", "PaLM (input_text, output_text)", "GT201")
AI_STUDIO: Final = Shape("ai-studio", "AI Studio (text_input, output)", "GT204")
ALPACA: Final = Shape("alpaca", "Alpaca (instruction, input, output)", "GT205")
SHAREGPT: Final = Shape("sharegpt", "ShareGPT (conversations)", "GT205")
FLAT: Final = Shape("flat", "flat keys (system, user, assistant)", "GT205")
YANDEX: Final = Shape("yandex", "Yandex (request, response)", "GT205")
BATCH: Final = Shape("batch", "Gemini batch inference (request)", "GT206")
TRL_PREFERENCE: Final = Shape("trl-preference", "TRL preference (prompt, chosen, rejected)", "GT907")
OPENAI_PREFERENCE: Final = Shape(
    "openai-preference", "OpenAI preference (input, preferred_output, non_preferred_output)", "GT907"
)

SHAPES: Final[Mapping[str, Shape]] = {
    shape.id: shape
    for shape in (
        GEMINI,
        GEMINI_PREFERENCE,
        OPENAI,
        PROMPT_COMPLETION,
        PALM,
        AI_STUDIO,
        ALPACA,
        SHAREGPT,
        FLAT,
        YANDEX,
        BATCH,
        TRL_PREFERENCE,
        OPENAI_PREFERENCE,
    )
}
"""Every form, by its id."""


def detect(row: Mapping[str, Any]) -> Shape | None:
    """The form of one row, told by its keys alone: their values may be wrong. None: it has none of the known forms.

    Of a row with the keys of several forms the one with more to it counts: `chosen` and `rejected` before `messages`,
    which some preference sets repeat beside them, and `messages` before `prompt`.
    """
    if "contents" in row:
        return GEMINI_PREFERENCE if "completions" in row else GEMINI
    if "preferred_output" in row or "non_preferred_output" in row:
        return OPENAI_PREFERENCE
    if "chosen" in row and "rejected" in row:
        return TRL_PREFERENCE
    if "request" in row:
        return _of_request(row)
    return next((shape for shape, keys in _KEYS if all(key in row for key in keys)), None)


_KEYS: Final[tuple[tuple[Shape, tuple[str, ...]], ...]] = (
    (OPENAI, ("messages",)),
    (SHAREGPT, ("conversations",)),
    (PROMPT_COMPLETION, ("prompt", "completion")),
    (PALM, ("input_text", "output_text")),
    (AI_STUDIO, ("text_input", "output")),
    (ALPACA, ("instruction", "output")),
    (ALPACA, ("instruction", "response")),  # databricks-dolly's names
    (FLAT, ("user", "assistant")),
)


def _of_request(row: Mapping[str, Any]) -> Shape | None:
    if isinstance(row["request"], Mapping):
        return BATCH if "contents" in row["request"] else None
    return YANDEX if isinstance(row["request"], list) and "response" in row else None

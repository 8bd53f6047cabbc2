"""Which form a row has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from gemtune.dataset.shapes import SHAPES, detect

TURNS: list[Any] = [{"role": "user", "parts": [{"text": "a"}]}]
MESSAGES: list[Any] = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]

ROWS: list[tuple[dict[str, Any], str, str]] = [
    ({"contents": TURNS}, "gemini", ""),
    ({"contents": TURNS, "completions": []}, "gemini-preference", ""),
    ({"messages": MESSAGES}, "openai", "GT202"),
    ({"prompt": "a", "prompt_id": "1", "messages": MESSAGES}, "openai", "GT202"),
    ({"prompt": "a", "completion": "b"}, "prompt-completion", "GT203"),
    ({"input_text": "a", "output_text": "b"}, "palm", "GT201"),
    ({"text_input": "a", "output": "b"}, "ai-studio", "GT204"),
    ({"instruction": "a", "input": "", "output": "b"}, "alpaca", "GT205"),
    ({"instruction": "a", "context": "", "response": "b", "category": "qa"}, "alpaca", "GT205"),
    ({"conversations": [{"from": "human", "value": "a"}]}, "sharegpt", "GT205"),
    ({"system": "s", "user": "a", "assistant": "b"}, "flat", "GT205"),
    ({"request": [{"role": "user", "text": "a"}], "response": "b"}, "yandex", "GT205"),
    ({"request": {"contents": TURNS}}, "batch", "GT206"),
    ({"prompt": "a", "chosen": "b", "rejected": "c"}, "trl-preference", "GT907"),
    ({"chosen": MESSAGES, "rejected": MESSAGES, "messages": MESSAGES}, "trl-preference", "GT907"),
    ({"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}, "openai-preference", "GT907"),
]


@pytest.mark.parametrize(("row", "id_", "code"), ROWS, ids=[f"{id_}-{','.join(row)}" for row, id_, _ in ROWS])
def test_a_row_is_known_by_its_keys(row: dict[str, Any], id_: str, code: str) -> None:
    shape = detect(row)
    assert shape is not None
    assert (shape.id, shape.code) == (id_, code)
    assert shape.foreign == bool(code)


@pytest.mark.parametrize(
    "row", [{}, {"text": "a"}, {"prompt": "a"}, {"request": 1}, {"request": [1]}, {"completion": 1}]
)
def test_a_row_of_no_known_form_has_none(row: dict[str, Any]) -> None:
    assert detect(row) is None


def test_every_form_is_seen_in_some_row() -> None:
    assert {id_ for _, id_, _ in ROWS} == set(SHAPES)
    assert all(shape.id == id_ for id_, shape in SHAPES.items())


KEYS = sorted({key for row, _, _ in ROWS for key in row})
VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.none()) | st.just({"contents": 1})


@given(st.dictionaries(st.sampled_from(KEYS) | st.text(), VALUES))
def test_any_object_has_a_form_or_none(row: dict[str, Any]) -> None:
    assert detect(row) in (None, *SHAPES.values())

"""Rows of datasets, good and broken, for property tests."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

TEXTS = st.one_of(
    st.sampled_from(
        ["a", "b", "What?", "nan", "None ", "", " ", "\n", " leading", "done END", "x\n\n###\n\n", 'say "hi"', "back\\slash", "ü", "日本語", "\u2028", "\U0001f600"]
    ),
    st.text(max_size=12),
)  # fmt: skip
URIS = st.sampled_from(
    ["gs://b/a.png", "gs://b", "https://x.org/a.jpg", "/tmp/a", "gs://b/a.mp4", "https://drive.google.com/a"]
)
PARTS = st.one_of(
    st.builds(lambda text: {"text": text}, TEXTS),
    st.builds(lambda text: {"text": text}, TEXTS),
    st.builds(
        lambda uri, mime: {"fileData": {"mimeType": mime, "fileUri": uri}},
        URIS,
        st.sampled_from(["image/png", "image/jpeg", "video/mp4", "image/jpg", ""]),
    ),
    st.builds(lambda name, args: {"functionCall": {"name": name, "args": args}}, st.sampled_from("fg"), st.sampled_from([{}, {"a": 1.5}, "x", None])),
    st.builds(lambda name: {"functionResponse": {"name": name, "response": {"output": "x"}}}, st.sampled_from("fg")),
    st.sampled_from([{}, {"type": "text", "text": "a"}, {"text": 1}, "a", {"text": "a", "thought": True}, {"file_data": {"mime_type": "image/png", "file_uri": "gs://b/c.png"}}]),
)  # fmt: skip
ROLES = st.sampled_from(["user", "model", "user", "model", "USER", "assistant", "system", None])


def _turn(role: str | None, parts: Any) -> dict[str, Any]:
    return ({} if role is None else {"role": role}) | {"parts": parts}


TURNS = st.builds(
    _turn, ROLES, st.one_of(st.lists(PARTS, min_size=1, max_size=3), st.sampled_from([[], {"text": "a"}, "a"]))
)
PAIRS = st.builds(
    lambda ask, answer: [_turn("user", [{"text": ask}]), _turn("model", [{"text": answer}])], TEXTS, TEXTS
)
EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "systemInstruction": st.one_of(
            st.builds(lambda text, role: _turn(role, [{"text": text}]), TEXTS, st.sampled_from([None, "system", ""])),
            st.sampled_from(["s", None, {}]),
        ),
        "system_instruction": st.builds(lambda text: {"parts": [{"text": text}]}, TEXTS),
        "tools": st.sampled_from(
            [[], [{"functionDeclarations": [{"name": "f"}, {"name": "g", "parameters": {"type": "OBJECT"}}]}], [{"function": {"name": "f"}}],
             [{"functionDeclarations": [{"name": "f", "parameters": {"$defs": {}}}]}]]
        ),
        "generationConfig": st.sampled_from([{"mediaResolution": "MEDIA_RESOLUTION_LOW"}, {}, {"mediaResolution": "X"}]),
        "id": st.just(1),
    },
)  # fmt: skip
CONTENTS = st.one_of(PAIRS, PAIRS, st.lists(TURNS, max_size=5))
ROWS = st.builds(lambda contents, extras: {"contents": contents} | extras, CONTENTS, st.one_of(st.just({}), EXTRAS))
"""Objects that look like rows of supervised tuning, many of them good."""


def _written(row: Any, style: int) -> bytes:
    text = json.dumps(row, ensure_ascii=bool(style & 1), separators=(",", ":") if style & 2 else None)
    if style & 4:
        text = text.replace('"role"', '"role": "user", "role"', 1)
    return text.encode("utf-8", "surrogatepass")


LINES = st.one_of(
    st.builds(_written, ROWS, st.sampled_from([0, 1, 2, 3, 4])),
    st.builds(_written, ROWS, st.sampled_from([0, 1, 2, 3])),
    st.sampled_from(
        [b"", b"  ", b"[]", b"{}", b"{'a': 1}", b'{"contents": [', b"\xff", b'{"messages": []}', b'{"input_text": "a", "output_text": "b"}', b"NaN"]
    ),
)  # fmt: skip
FILES = st.builds(
    lambda lines, end, bom: (b"\xef\xbb\xbf" if bom else b"") + end.join(lines) + end,
    st.lists(LINES, max_size=25),
    st.sampled_from([b"\n", b"\n", b"\r\n"]),
    st.sampled_from([False, False, False, True]),
)
"""Whole files."""

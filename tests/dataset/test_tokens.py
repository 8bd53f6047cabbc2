"""Tokens of texts and of rows: counts that are public, bounds, and that both ways of counting agree."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gemtune.dataset.row_tokens import row_tokens
from gemtune.dataset.tokenizer import load_tokenizer
from gemtune.dataset.tokens import (
    COSTS,
    RANGES,
    class_of,
    range_of,
    script_of,
    text_range,
    text_share,
    text_tokens,
)
from gemtune.errors import ConfigurationError

# Counted with the tokenizer by which Google's SDK counts for Gemini 2.x; the first count is in the API's documentation
# as the service's own answer, too.
COUNTED = [
    ("The quick brown fox jumps over the lazy dog.", 10),
    ("All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood.", 32),
    ("Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.", 39),
    ("Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.", 40),
    ("すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。", 46),
    ("人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。", 31),
    ("모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다.", 49),
    ("def mean(values):\n    return sum(values) / len(values)\n", 18),
    ("2026-12-01 05:00:00,1000,3.14159", 32),
]  # fmt: skip


@pytest.mark.parametrize(("text", "count"), COUNTED)
def test_a_public_count_is_within_the_bounds(text: str, count: int) -> None:
    low, likely, high = text_range(text)
    assert low <= count <= high
    assert abs(likely - count) <= max(4, count * 0.3)


@pytest.mark.parametrize(
    ("text", "script", "kind"),
    [
        ("", "latin", "prose"),
        ("The cat is on the mat.", "latin", "prose"),
        ("Der Hund und die Katze sind nicht hier", "latin", "prose"),
        ("Kila mtu anastahili kuwa na haki zote na uhuru", "latin", "words"),
        ('{"a":[1,2,3],"b":{"c":"d"}}', "latin", "code"),
        ("все и не на что", "cyrillic", "cyrillic"),
        ("Хӕлон ӕмӕ рувас", "cyrillic", "words"),
        ("すべての人間は自由である", "kana", "kana"),
        ("人人生而自由", "han", "han"),
        ("모든 인간은", "hangul", "hangul"),
        ("सभी मनुष्यों को", "indic", "indic"),
        ("მეფე", "rare", "rare"),
        ("𐑦𐑯", "unknown", "unknown"),
        ("A name, 北京, in an English text about the city", "latin", "prose"),
    ],
)
def test_texts_have_a_script_and_a_kind(text: str, script: str, kind: str) -> None:
    assert (script_of(text), range_of(text)) == (script, kind)


def test_every_class_of_characters_has_a_cost_that_fits_a_byte() -> None:
    classes = {class_of(chr(code)) for code in range(0x30000)} - {"", "vietnamese"}
    assert classes == set(COSTS)
    assert all(0 <= cost <= 250 for cost in COSTS.values())
    assert all(low < 1 < high for low, high in RANGES.values())


@given(st.text())
def test_any_text_has_a_count_within_its_own_bounds(text: str) -> None:
    low, likely, high = text_range(text)
    assert 0 <= low <= likely <= high
    assert bool(likely) is bool(text_tokens(text)) is bool(text)


@given(st.text(max_size=127))
def test_of_a_short_text_both_ways_of_counting_agree(text: str) -> None:
    """But for letters of the first blocks after Latin, which have one cost there."""
    assert abs(text_tokens(text) - text_range(text).likely) <= 1 + len(text) * 0.6


@pytest.mark.parametrize("text", [text for text, _ in COUNTED])
def test_of_a_long_text_a_sample_is_near(text: str) -> None:
    long = "\n".join(f"{text} {number}" for number in range(60))
    assert text_tokens(long) == pytest.approx(text_range(long).likely, rel=0.2)


def test_what_a_text_adds_to_others_is_bounded_closer_than_a_text_alone() -> None:
    for text, _ in COUNTED:
        alone, share = text_range(text), text_share(text)
        assert alone.low <= share.low <= share.likely == alone.likely <= share.high < alone.high


def test_half_a_surrogate_pair_is_counted() -> None:
    assert text_tokens("\ud800 text") > 0
    assert text_range("\ud800 text").likely > 0


# -- rows -------------------------------------------------------------------------------------------------------------


def row(*texts: str, **more: Any) -> dict[str, Any]:
    roles = ("user", "model")
    contents = [{"role": roles[i % 2], "parts": [{"text": text}]} for i, text in enumerate(texts)]
    return {"contents": contents, **more}


def likely(value: dict[str, Any], **options: Any) -> int:
    found = row_tokens(value, **options)
    assert found is not None
    assert found[0].low <= found[0].likely <= found[0].high
    return found[0].likely


def test_a_row_is_all_its_texts() -> None:
    text = "The cat is on the mat."
    single = text_range(text).likely
    assert likely(row(text, text)) == 2 * single
    assert likely(row(text, text, systemInstruction={"parts": [{"text": text}]})) == 3 * single
    assert likely(row(text, text, system_instruction={"parts": {"text": text}})) == 3 * single


def test_the_marks_around_turns_may_be_billed() -> None:
    found = row_tokens(row("a", "b"))
    assert found is not None
    assert found[0].high == 2 * text_share("a").high + 8


def test_of_a_preference_row_the_prompt_counts_twice() -> None:
    answers = [{"score": score, "completion": {"role": "model", "parts": [{"text": "yes"}]}} for score in (1, 0)]
    one = text_range("yes").likely
    prompt = text_range("Is the cat on the mat?").likely
    assert likely(row("Is the cat on the mat?", completions=answers), kind="preference") == 2 * prompt + 2 * one


def test_rows_of_open_models_count() -> None:
    one = text_range("Hello there").likely
    assert likely({"prompt": "Hello there", "completion": "Hello there"}) == 2 * one
    parts = [{"type": "text", "text": "Hello there"}]
    messages = [{"role": "user", "content": "Hello there"}, {"role": "assistant", "content": parts}]
    assert likely({"messages": messages}) == 2 * one


def test_what_is_no_row_has_no_count() -> None:
    assert row_tokens({}) is None
    assert row_tokens({"contents": "text"}) is None
    assert row_tokens({"messages": [1, "x"]}) is None


def test_calls_and_tools_count() -> None:
    call = {"functionCall": {"name": "weather", "args": {"city": "Paris"}}}
    plain = likely(row("What is the weather?", ""))
    turns = [*row("What is the weather?")["contents"], {"role": "model", "parts": [call]}]
    assert likely({"contents": turns}) > plain
    assert likely({"contents": turns, "tools": [{"functionDeclarations": [{"name": "weather"}]}]}) > plain + 5


MEDIA = {
    "image/png": ("image", "gemini-2.5-flash", {"LOW": 64, "MEDIUM": 256, "": 258}),
    "image/jpeg": ("image", "gemini-3.5-flash", {"LOW": 280, "MEDIUM": 560, "HIGH": 1120, "": 1120}),
}


@pytest.mark.parametrize("mime", MEDIA)
def test_media_count_by_resolution_and_generation(mime: str) -> None:
    modality, model, counts = MEDIA[mime]
    for resolution, count in counts.items():
        part = {"fileData": {"mimeType": mime, "fileUri": "gs://b/x"}}
        config = {"generationConfig": {"mediaResolution": f"MEDIA_RESOLUTION_{resolution}"}} if resolution else {}
        value = {"contents": [{"role": "user", "parts": [part]}], **config}
        found = row_tokens(value, base_model=model)
        assert found is not None
        assert (found[0].likely, found[1]) == (count, [modality])


def test_a_part_has_its_own_resolution_and_a_video_its_length() -> None:
    part: dict[str, Any] = {
        "fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"},
        "videoMetadata": {"startOffset": "10s", "endOffset": "20s"},
        "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"},
    }
    assert likely({"contents": [{"parts": [part]}]}, base_model="gemini-3.5-flash") == 10 * 280
    part["videoMetadata"] = {"endOffset": "often"}
    assert likely({"contents": [{"parts": [part]}]}, base_model="gemini-3.5-flash") == 30 * 280


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["contents", "parts", "text", "fileData", "mimeType", "completions", "messages", "content", "tools",
                     "functionCall", "mediaResolution", "videoMetadata", "generationConfig", "systemInstruction"]), inner,
    max_size=4)))  # fmt: skip
def test_any_object_is_counted_or_not_without_an_exception(value: Any) -> None:
    if isinstance(value, dict):
        for model in ("", "gemini-3.5-flash"):
            row_tokens(value, kind="preference", base_model=model)


# -- tokenizers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of SentencePiece, trained on a few words."""
    spm = pytest.importorskip("sentencepiece")
    made = io.BytesIO()
    words = [f"the cat number {n} is on the mat" for n in range(50)]
    spm.SentencePieceTrainer.Train(
        sentence_iterator=iter(words), model_writer=made, vocab_size=40, hard_vocab_limit=False, minloglevel=2
    )
    path = tmp_path / "tokenizer.model"
    path.write_bytes(made.getvalue())
    return path


@pytest.fixture
def tokenizer_json(tmp_path: Path) -> Path:
    """A tokenizer that knows two words."""
    pytest.importorskip("tokenizers")
    tree = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"the": 0, "cat": 1, "?": 2}, "unk_token": "?"},
    }  # fmt: skip
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(tree))
    return path


def test_a_model_of_sentencepiece_counts(model: Path) -> None:
    count = load_tokenizer(model)
    assert 0 < count("the cat") < count("the cat is on the mat")
    assert count("\ud800") > 0


def test_a_tokenizer_json_counts(tokenizer_json: Path) -> None:
    count = load_tokenizer(tokenizer_json)
    assert count("the cat the cat") == 4
    assert count("\ud800") > 0


@pytest.mark.parametrize("content", [b"", b"{}", b"nothing of the kind", b'{"model": '])
def test_another_file_is_no_tokenizer(content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("sentencepiece")
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"is no tokenizer: give a tokenizer\.json, or a tokenizer\.model"):
        load_tokenizer(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_tokenizer(tmp_path / "no")


def test_a_library_that_is_missing_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentencepiece", None)
    with pytest.raises(ConfigurationError, match=r"needs sentencepiece: pip install 'gemtune\[tokenizer\]'"):
        load_tokenizer(model)

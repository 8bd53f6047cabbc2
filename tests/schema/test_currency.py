"""tools/currency.py itself: that a gap is seen, and that one with a reason is not reported. `make currency` runs it whole."""

from __future__ import annotations

import importlib.util
import tomllib

import pytest

from tests.schema.ours import MESSAGES, ROOT


@pytest.fixture(scope="module")
def currency():
    spec = importlib.util.spec_from_file_location("currency", ROOT / "tools/currency.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def document(currency, properties, **more):
    """A discovery document with one message, as far as the comparison reads it."""
    made = object.__new__(currency.Discovery)
    made.name, made.prefix, made.seen = "discovery v1", "Google", set()
    made.schemas = {"GoogleSpec": {"properties": properties}, **more}
    return made


@pytest.mark.parametrize(
    ("properties", "gaps"),
    [
        ({"trainingDatasetUri": {"type": "string"}, "exportLastCheckpointOnly": {"type": "boolean"}}, []),
        ({"newField": {"type": "string"}}, ["SupervisedTuningSpec.newField: no such field"]),
        ({"trainingDatasetUri": {"type": "string", "deprecated": True}}, ["SupervisedTuningSpec.trainingDatasetUri: not marked as deprecated"]),
        ({"trainingDatasetUri": {"type": "string", "format": "int64"}}, ["SupervisedTuningSpec.trainingDatasetUri: int64 there, string here"]),
        ({"trainingDatasetUri": {"type": "array", "items": {"type": "string"}}}, ["SupervisedTuningSpec.trainingDatasetUri: a list in one, and none in the other"]),
        ({"tuningMode": {"type": "string", "enum": ["TUNING_MODE_FULL", "NEW"]}}, ["SupervisedTuningSpec.TuningMode.NEW: no such value"]),
        ({"hyperParameters": {"$ref": "GoogleInner"}}, ["SupervisedHyperParameters.warmup: no such field"]),
    ],
    ids=["none", "field", "deprecated", "type", "list", "enum", "below"],
)  # fmt: skip
def test_gaps_of_a_document(currency, properties, gaps):
    made = document(currency, properties, GoogleInner={"properties": {"warmup": {"type": "number"}}})
    found = made.message("GoogleSpec", MESSAGES["SupervisedTuningSpec"])
    assert [str(gap).removeprefix("discovery v1: ") for gap in found] == gaps


def test_known_gaps_are_not_new(currency):
    gaps = [currency.Gap("google-genai", "A.b", "no such field"), currency.Gap("discovery v1", "A.b", "no such field")]
    known = [
        {"source": "google-genai", "place": "A.*", "why": "."},
        {"source": "google-genai", "place": "B.c", "why": "."},
    ]
    assert currency.sort_out(gaps, known) == (gaps[1:], known[1:])


def test_each_known_gap_has_a_reason(currency):
    for entry in tomllib.loads(currency.GAPS.read_text(encoding="utf-8"))["gap"]:
        assert entry.keys() == {"source", "place", "why"}
        assert entry["why"].endswith(".")

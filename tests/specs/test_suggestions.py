"""What is suggested for a name that is none: never another size, another generation or another kind of thing."""

from __future__ import annotations

import pytest

import gemtune
from gemtune.specs import Finding, catalogue
from gemtune.specs.catalogue import near_models
from gemtune.specs.read.document import parse
from gemtune.specs.suggest import nearest
from tests.support.jobs import changed

OFFERED = "offered are gemini-3.5-flash, gemini-3.5-flash-lite, gemini-3.1-flash-lite, translation-llm-002"
NEWER = "newer than the catalogue of base models (as of 2026-10-13)"
UNSURE = "the service tells whether it can be tuned, and in what limits"

SIZES = "1 (ADAPTER_SIZE_ONE), 2 (ADAPTER_SIZE_TWO), 4 (ADAPTER_SIZE_FOUR)"


def of_size(value: str) -> list[Finding]:
    text = f"base_model: gemini-2.5-flash\nsupervised_tuning_spec: {{hyper_parameters: {{adapter_size: {value}}}}}\n"
    return [f for f in parse(text, "yaml", file="<text>")[0].findings if f.field.endswith("adapter_size")]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("ADAPTER_SIZE_4", "did you mean ADAPTER_SIZE_FOUR?"),
        ("ADAPTER_SIZE_2", "did you mean ADAPTER_SIZE_TWO?"),
        ("adapter_size_32", "did you mean ADAPTER_SIZE_THIRTY_TWO?"),
        ("AdapterSize16", "did you mean ADAPTER_SIZE_SIXTEEN?"),
        ("rank-8", "did you mean ADAPTER_SIZE_EIGHT?"),
        ("r16", "did you mean ADAPTER_SIZE_SIXTEEN?"),
        ("FOUR", "did you mean ADAPTER_SIZE_FOUR?"),
        ("thirty two", "did you mean ADAPTER_SIZE_THIRTY_TWO?"),
        ("THIRTYTWO", "did you mean ADAPTER_SIZE_THIRTY_TWO?"),
        ("ADAPTER_SIZE_EIGTH", "did you mean ADAPTER_SIZE_EIGHT?"),
        ("ADAPTER_SIZE_SIXTY_FOUR", SIZES),
        ("ADAPTER_SIZE_SIXTY", SIZES),
        ("ADAPTER_SIZE_FOURTEEN", SIZES),
        ("ADAPTER_SIZE_EIGHTEEN", SIZES),
        ("ADAPTER_SIZE_TWENTY_FOUR", SIZES),
        ("ADAPTER_SIZE_64", SIZES),
        ("ADAPTER_SIZE_THREE", SIZES),
        ("ADAPTER_SIZE_128", SIZES),
        ("ADAPTER_SIZE_ONE_HUNDRED_TWENTY_EIGHT", SIZES),
        ("medium", SIZES),
        ("ADAPTER_SIZE_", SIZES),
        ("ADAPTER_SIZE_DEFAULT", SIZES),
    ],
)
def test_a_size_is_suggested_by_its_rank(written: str, said: str) -> None:
    (finding,) = of_size(written)
    assert said in finding.sentence
    if said is SIZES:
        assert "did you mean" not in finding.sentence


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("gemini-3.5-flash@default", "did you mean gemini-3.5-flash?"),
        ("gemini-3.5-flash@001", "did you mean gemini-3.5-flash?"),
        ("gemini-3.5-flash-001", "did you mean gemini-3.5-flash?"),
        ("gemini-3.5-flash-preview-05-20", "did you mean gemini-3.5-flash?"),
        ("gemini-3.5-flash-lite-preview-06-17", "did you mean gemini-3.5-flash-lite?"),
        ("gemini-3.5-flash-lite-exp-03-25", "did you mean gemini-3.5-flash-lite?"),
        ("gemini-3.5-flash-latest", "did you mean gemini-3.5-flash?"),
        ("gemini-3.5-flash:generateContent", "write gemini-3.5-flash"),
        ("google/gemini-3.5-flash", "did you mean gemini-3.5-flash?"),
        ("vertex_ai/gemini-3.5-flash-lite", "did you mean gemini-3.5-flash-lite?"),
        ("Gemini-3.5-Flash", "did you mean gemini-3.5-flash?"),
        ("gemini 3.5 flash", "write gemini-3.5-flash"),
        ("gemini_3.5_flash_lite", "did you mean gemini-3.5-flash-lite?"),
        ("gemini-3-5-flash", "did you mean gemini-3.5-flash?"),
        ("gemini-3.5-flashlite", "did you mean gemini-3.5-flash-lite?"),
        ("gemini3.5-flash", "did you mean gemini-3.5-flash?"),
        ("gemini-flash-3.5", "did you mean gemini-3.5-flash?"),
        ("gemni-3.5-flsh", "did you mean gemini-3.5-flash?"),
        ("publishers/google/models/gemini-3.5-flash-latest", "did you mean gemini-3.5-flash?"),
        ("models/gemini-3.5-flash", "write gemini-3.5-flash"),
        ("models/gemini-3.5-flash-lite-latest", "write gemini-3.5-flash-lite"),
        ("projects/p/locations/l/publishers/google/models/gemini-3.5-flash", "write gemini-3.5-flash"),
        ("//aiplatform.googleapis.com/projects/p/locations/l/publishers/google/models/gemini-3.5-flash-lite",
         "write gemini-3.5-flash-lite"),
        ("https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/gemini-3.5-flash-lite",
         "write gemini-3.5-flash-lite"),
        ("gemini-2.5-pro-exp-03-25", "and gemini-2.5-pro is closed to new projects (since 2026-09-20)"),
        ("gemini-2.5-flsh", "and gemini-2.5-flash is closed to new projects (since 2026-09-20)"),
        ("models/gemini-2.5-flash", "and gemini-2.5-flash is closed to new projects (since 2026-09-20)"),
        ("gemini-1.5-flash-latest", "gemini-1.5-flash-002 is no longer offered by the service (as of 2026-09)"),
        ("gemini-1.5-pro", "gemini-1.5-pro-002 is no longer offered"),
        ("gemini-1.5-pro-001", "gemini-1.5-pro-002 is no longer offered"),
        ("gemini-2.0-flash", "gemini-2.0-flash-001 is no longer offered"),
        ("gemini-2.0-flash-lite-preview-02-05", "gemini-2.0-flash-lite-001 is no longer offered"),
        ("models/gemini-1.5-flash", "gemini-1.5-flash-002 is no longer offered"),
        ("text-bison@002", "text-bison@002 is no longer offered"),
        ("text-bison", "text-bison is no longer offered"),
        ("publishers/google/models/text-bison@001", "is no longer offered"),
        ("text-bison-32k@002", "is no longer offered"),
        ("chat-bison@001", "is no longer offered"),
        ("code-bison@002", "is no longer offered"),
        ("codechat-bison", "is no longer offered"),
        ("text-unicorn@001", "is no longer offered"),
        ("tunedModels/foo-123", "is a tuned model of the Gemini API (AI Studio), which cannot be tuned here"),
        ("gemini-3.6-flash", f"is {NEWER}; {UNSURE}"),
        ("gemini-3.7-flash", f"is {NEWER}; {UNSURE}"),
        ("gemini-3.8-flash", f"is {NEWER}; {UNSURE}"),
        ("gemini-4-argon", f"is {NEWER}; {UNSURE}"),
        ("models/gemini-4-argon", f"is not a base model; write gemini-4-argon, which is {NEWER}"),
        ("gemini-2.6-flash", OFFERED),
        ("gemini-1.0-ultra", OFFERED),
        ("gemini-2.5-flash-image", OFFERED),
        ("gemini-2.5-ultra", OFFERED),
        ("gemini-flash-latest", "did you mean gemini-3.5-flash?"),
        ("gemini-3.5", "name one of gemini-3.5-flash, gemini-3.5-flash-lite"),
        ("gpt-4o-mini", OFFERED),
        ("models/foo", OFFERED),
        ("endpoints/123", OFFERED),
        ("projects/p/locations/l/models/5", "pre_tuned_model.tuned_model_name"),
        ("projects/p/locations/l/endpoints/5", "pre_tuned_model.tuned_model_name"),
        ("translation-llm", "did you mean translation-llm-002?"),
        ("translation-llm-001", OFFERED),
    ],
)  # fmt: skip
def test_a_base_model_is_suggested_by_family_and_generation(written: str, said: str) -> None:
    found = gemtune.check(changed(base_model=written))
    assert [f.rule_id for f in found if f.field == "output_uri"] == [], "it is taken for an open model"
    (finding,) = [f for f in found if f.field == "base_model"]
    assert said in finding.sentence
    if "did you mean" not in said:
        assert "did you mean" not in finding.sentence
    assert "gemini-2" not in finding.remedy, "advice never names a model that is closed"


@pytest.mark.parametrize("name", ["meta/llama3_1@llama-3.1-8b", "google/gemma3@gemma-3-27b-it", "qwen/qwen3@qwen3-32b"])
def test_an_open_model_is_still_one(name: str) -> None:
    assert [f.rule_id for f in gemtune.check(changed(base_model=name)) if f.field == "base_model"] == []
    assert catalogue({}).kind(name) == "open"


def test_no_suggestion_is_of_another_generation_or_family() -> None:
    """Every name of the catalogue, with every other generation and family in its place."""
    models = catalogue({})
    offered = [model.name for model in models if model.name.startswith("gemini-")]
    generations = {name.split("-")[1] for name in offered} | {"4.0", "2.9", "1.6"}
    families = {"flash", "flash-lite", "pro", "ultra", "nano"}
    for generation in generations:
        for family in families:
            for suffix in ("", "-latest", "-preview-05-20", "@default", "-003"):
                for model in near_models(f"gemini-{generation}-{family}{suffix}", models):
                    assert model.name.split("-")[1] == generation
                    assert "-".join(part for part in model.name.split("-")[2:] if not part.isdigit()) == family


@pytest.mark.parametrize(
    ("written", "names", "meant"),
    [
        ("us-cental1", ["us-central1", "us-east1"], "us-central1"),
        ("us-central2", ["us-central1"], None),
        ("us-central", ["us-central1"], "us-central1"),
        ("learning_rate_multiplyer", ["learning_rate", "learning_rate_multiplier"], "learning_rate_multiplier"),
        ("learningRateMultiplyer", ["learning_rate", "learning_rate_multiplier"], "learning_rate_multiplier"),
    ],
)
def test_a_suggestion_never_changes_a_number(written: str, names: list[str], meant: str | None) -> None:
    assert nearest(written, names) == meant


@pytest.mark.parametrize("name", ["suffix", "n_epoch", "hyperParameter"])
def test_names_of_other_clients_have_their_field(name: str) -> None:
    text = f"base_model: gemini-2.5-flash\n{name}: x\n"
    (finding,) = [f for f in parse(text, "yaml", file="<text>")[0].findings if f.rule_id == "unknown-field"]
    assert "did you mean" in finding.sentence or "it belongs in" in finding.sentence

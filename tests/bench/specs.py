"""What loading and checking specs costs, beside what the parsers alone cost: both sides in turn, medians, ratios.

    python tests/bench/specs.py [ROUNDS]

1,000 YAML specs, `load_spec` and `validate`, beside `yaml.load` of the same files with the C loader; 10,000 binary specs,
`loads_spec` and `validate`, beside parsing their bytes and walking them with ListFields.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

import gemtune

YAML_SPECS, BINARY_SPECS = 1_000, 10_000
LIMITS = {"YAML": 1.5, "binary": 10.0}

SPEC = """\
# Summaries of support tickets, tuned anew each month.
tuned_model_display_name: summaries {n}
base_model: {model}
labels:
  team: search
  run: run-{n}
supervised_tuning_spec:
  training_dataset_uri: gs://acme-tuning/summaries/{n}/train.jsonl
  validation_dataset_uri: gs://acme-tuning/summaries/{n}/validation.jsonl
  hyper_parameters:
    epoch_count: {epochs}
    learning_rate_multiplier: {multiplier}
    adapter_size: {size}
  export_last_checkpoint_only: {last}
"""
MODELS = ("gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro")
SIZES = ("ADAPTER_SIZE_ONE", "ADAPTER_SIZE_FOUR", "ADAPTER_SIZE_EIGHT")


def texts(count: int) -> list[str]:
    """Specs that differ, and that nothing is wrong with."""
    return [
        SPEC.format(
            n=n,
            model=MODELS[n % 3],
            epochs=1 + n % 9,
            multiplier=(1 + n % 20) / 10,
            size=SIZES[n % 3],
            last=("true", "false")[n % 2],
        )
        for n in range(count)
    ]


def walk(message: Any) -> None:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if not field.is_repeated:
            walk(value)
        elif not field.message_type.GetOptions().map_entry:
            for item in value:
                walk(item)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compared(name: str, theirs: Callable[[], object], ours: Callable[[], object], rounds: int) -> bool:
    theirs(), ours()  # warm
    times = [(seconds(theirs), seconds(ours)) for _ in range(rounds)]
    ratio = statistics.median(b / a for a, b in times)
    base, own = (statistics.median(side) for side in zip(*times, strict=True))
    print(f"{name:10}{1000 * base:>12.0f}{1000 * own:>12.0f}{ratio:>9.2f}{LIMITS[name]:>9.1f}")
    return ratio <= LIMITS[name]


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    if not yaml.__with_libyaml__:
        print("PyYAML is without its C loader here: nothing to compare with")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{n}.yaml") for n in range(YAML_SPECS)]
        for path, text in zip(paths, texts(YAML_SPECS), strict=True):
            path.write_text(text)
        blobs = [gemtune.dumps_spec(gemtune.loads_spec(text, "yaml"), "binpb") for text in texts(BINARY_SPECS)]

        def parse_yaml() -> None:
            for path in paths:
                yaml.load(path.read_bytes(), yaml.CSafeLoader)

        def load_yaml() -> None:
            for path in paths:
                assert not gemtune.validate(gemtune.load_spec(path)).field_violations

        def parse_bytes() -> None:
            for blob in blobs:
                walk(gemtune.TuningJob.FromString(blob))

        def load_bytes() -> None:
            for blob in blobs:
                assert not gemtune.validate(gemtune.loads_spec(blob, "binpb")).field_violations

        print(f"{'':10}{'parser, ms':>12}{'gemtune, ms':>12}{'ratio':>9}{'at most':>9}")
        met = [
            compared("YAML", parse_yaml, load_yaml, rounds),
            compared("binary", parse_bytes, load_bytes, rounds),
        ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())

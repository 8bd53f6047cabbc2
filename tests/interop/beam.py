"""examples/beam_check.py with Apache Beam's local runner: its report equals that of one process.

python tests/interop/beam.py      in an environment with gemtune and apache-beam
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import gemtune

EXAMPLE = Path(__file__).parents[2] / "examples" / "beam_check.py"
MODEL = "gemini-3.5-flash"


def shard(number: int) -> str:
    """Rows of one shard: good ones, some twice, one that is no JSON."""
    rows = [
        {"contents": [{"role": "user", "parts": [{"text": f"question {number} {i % 390}"}]}, {"role": "model", "parts": [{"text": f"{i % 390}"}]}]}
        for i in range(400)
    ]  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in rows) + "{'a': 1}\n"


def main() -> None:
    """Compares the two reports; fails when they differ."""
    with tempfile.TemporaryDirectory() as folder:
        shards = [str(Path(folder, f"{i}.jsonl")) for i in range(3)]
        for i, path in enumerate(shards):
            Path(path).write_text(shard(i), encoding="utf-8")
        out = Path(folder, "report.json")
        arguments = ["--base-model", MODEL, "--out", str(out), "--range-size", "7000", *shards]
        subprocess.run([sys.executable, str(EXAMPLE), *arguments], check=True)
        merged = gemtune.from_json(out.read_text(encoding="utf-8"), gemtune.DatasetReport)
        alone = gemtune.dataset.check(shards, base_model=MODEL)
    if merged != alone:
        sys.exit(f"the merged report differs from that of one process:\n{merged}\n---\n{alone}")
    print(f"{merged.example_count} rows in {len(shards)} shards: {dict(merged.problem_counts)}, as in one process")


if __name__ == "__main__":
    main()

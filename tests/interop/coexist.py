"""gemtune beside google-cloud-aiplatform and google-genai in one process: `python tests/interop/coexist.py`.

All three describe a `TuningJob`; protobuf refuses a second description of the same name, whoever comes second. So the
wheel of this checkout is put beside Google's clients, in an environment of their own, and every import order is tried
in a fresh interpreter, gemtune first and last with protobuf's pure Python implementation too. In each, gemtune and
Google's class read each other's bytes.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODULES = ("gemtune", "google.cloud.aiplatform", "google.genai")
ORDERS = list(itertools.permutations(MODULES))
RUNS = [*(("upb", order) for order in ORDERS), ("python", ORDERS[0]), ("python", ORDERS[-1])]

PROGRAM = """
import importlib, sys, tempfile, warnings
warnings.simplefilter("ignore")  # Google's packages about their own future
for name in sys.argv[1:]:
    importlib.import_module(name)
import gemtune, gemtune.schema
from gemtune.specs.fingerprint import fingerprint
from google.cloud.aiplatform_v1.types import TuningJob
from google.genai.types import CreateTuningJobConfig
gemtune.TuningClient  # what loads late loads too
theirs = TuningJob(base_model="m", supervised_tuning_spec={"hyper_parameters": {"adapter_size": "ADAPTER_SIZE_FOUR"}})
ours = gemtune.TuningJob.FromString(TuningJob.serialize(theirs))
assert ours.supervised_tuning_spec.hyper_parameters.adapter_size == gemtune.adapter_size(4), ours
assert TuningJob.deserialize(ours.SerializeToString()) == theirs
assert gemtune.from_json(gemtune.to_json(ours), gemtune.TuningJob) == ours
assert len(fingerprint(ours)) == 71
assert gemtune.schema.json_schema()["$defs"]["TuningJob"]
with tempfile.TemporaryDirectory() as folder:
    assert gemtune.schema.write_protos(folder)  # of what the wheel carries
CreateTuningJobConfig(epoch_count=1)
"""


def main() -> int:
    sys.path.insert(0, str(HERE / "google"))
    from environment import interpreter

    python = interpreter(["google-cloud-aiplatform", "google-genai"])
    failed = 0
    with tempfile.TemporaryDirectory() as site:
        install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", site, str(ROOT)]
        subprocess.run([python, *install], check=True)
        for implementation, order in RUNS:
            environ = os.environ | {"PYTHONPATH": site, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation}
            command = [python, "-c", PROGRAM, *order]
            done = subprocess.run(command, env=environ, cwd=site, capture_output=True, text=True, check=False)
            print(f"{implementation}: {', '.join(order)}: {'FAILED' if done.returncode else 'ok'}")
            if done.returncode:
                failed += 1
                print(done.stderr)
    print(f"{len(RUNS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Runs Google's clients against a server: `python tests/interop/google/run.py [CLIENT...] [--base-url URL --grpc PLACE]`.

Without a URL, gemtune's emulator is started for the run by `GEMTUNE_EMULATOR_CMD` (default: `gemtune emulator --port 0
--job-duration 1s --db TEMPORARY`). The clients run in an environment of their own, made on first use. For a quick
check: `run.py genai`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import environment
from clients import CLIENTS, OVER_GRPC, OWN_STEPS
from steps import walk

ALL = CLIENTS | OVER_GRPC | OWN_STEPS


@contextlib.contextmanager
def emulator() -> Iterator[tuple[str, str | None]]:
    """Starts the emulator and gives its URL, and `host:port` of its gRPC door if it has one."""
    beside = shutil.which("gemtune", path=Path(sys.executable).parent) or "gemtune"
    with tempfile.TemporaryDirectory() as directory:
        default = shlex.join(
            [beside, "emulator", "--port", "0", "--job-duration", "1s", "--db", str(Path(directory) / "jobs.db")]
        )
        command = shlex.split(os.environ.get("GEMTUNE_EMULATOR_CMD") or default)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                line = process.stdout.readline()
                ready = re.match(r"ready rest=(http://\S+)(?: grpc=(\S+))?", line)
                if not ready:
                    raise SystemExit(f"{shlex.join(command)} said {line!r} where a `ready rest=...` line was expected")
                yield ready[1], ready[2]
            finally:
                process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=f"of {', '.join(ALL)}; all if left out")
    parser.add_argument("--base-url", help="a server that runs already, such as http://127.0.0.1:8085")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="its gRPC door")
    arguments = parser.parse_args()
    names = arguments.clients or list(ALL)
    if unknown := set(names) - set(ALL):
        parser.error(f"no such client: {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    if not arguments.base_url and not arguments.grpc:
        # The emulator is gemtune's and starts here; the clients have their own interpreter and are told where it is.
        python = environment.interpreter(ALL[name].distribution for name in names)
        with emulator() as (url, grpc):
            command = [python, __file__, *names, "--base-url", url, *(["--grpc", grpc] if grpc else [])]
            raise SystemExit(subprocess.run(command, check=False).returncode)
    environment.enter(ALL[name].distribution for name in names)
    failed = [name for name in names if not run(name, arguments.grpc if name in OVER_GRPC else arguments.base_url)]
    raise SystemExit(1 if failed else 0)


def run(name: str, place: str | None) -> bool:
    """Walks one client through the steps, and says how that went."""
    if not place:
        print(f"{name}: FAILED: the server has no such door (--base-url for REST, --grpc for gRPC)")
        return False
    warnings.simplefilter("ignore")  # of Google's packages about their own future
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"
    steps: list[str] = []
    start = time.monotonic()
    client = ALL[name](place)
    mark = f"run-{uuid.uuid4()}"
    try:
        if hasattr(client, "walk"):  # steps of its own
            client.walk(lambda step, typed, asks: steps.append(step), mark=mark)
        else:
            walk(client, lambda step, typed, asks: steps.append(step), mark=mark)
    except Exception:
        traceback.print_exc()
        print(f"{name}: FAILED at step {steps[-1] if steps else '(none)'}")
        return False
    finally:
        client.close()
    print(f"{name}: ok, {len(set(steps))} steps in {time.monotonic() - start:.1f} s")
    return True


if __name__ == "__main__":
    main()

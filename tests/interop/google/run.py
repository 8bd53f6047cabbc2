"""Runs Google's clients against a server: `python tests/interop/google/run.py [CLIENT...] [--base-url URL]`.

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
from clients import CLIENTS
from steps import walk


@contextlib.contextmanager
def emulator() -> Iterator[str]:
    """Starts the emulator and gives its URL."""
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
                ready = re.match(r"ready rest=(http://\S+)", line)
                if not ready:
                    raise SystemExit(f"{shlex.join(command)} said {line!r} where a `ready rest=...` line was expected")
                yield ready[1]
            finally:
                process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=f"of {', '.join(CLIENTS)}; all if left out")
    parser.add_argument("--base-url", help="a server that runs already, such as http://127.0.0.1:8085")
    arguments = parser.parse_args()
    names = arguments.clients or list(CLIENTS)
    if unknown := set(names) - set(CLIENTS):
        parser.error(f"no such client: {', '.join(sorted(unknown))}; there are {', '.join(CLIENTS)}")
    if not arguments.base_url:
        # The emulator is gemtune's and starts here; the clients have their own interpreter and are told where it is.
        python = environment.interpreter(CLIENTS[name].distribution for name in names)
        with emulator() as url:
            command = [python, __file__, *names, "--base-url", url]
            raise SystemExit(subprocess.run(command, check=False).returncode)
    environment.enter(CLIENTS[name].distribution for name in names)
    failed = [name for name in names if not run(name, arguments.base_url)]
    raise SystemExit(1 if failed else 0)


def run(name: str, base_url: str) -> bool:
    """Walks one client through the steps, and says how that went."""
    warnings.simplefilter("ignore")  # of Google's packages about their own future
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"
    steps: list[str] = []
    start = time.monotonic()
    client = CLIENTS[name](base_url)
    try:
        walk(client, lambda step, typed, asks: steps.append(step), mark=f"run-{uuid.uuid4()}")
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

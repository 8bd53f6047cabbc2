"""What bounds the emulator's creates per second, with durability on: each layer alone, from the disk up.

    python tests/bench/emulator_creates.py [DIRECTORY]

DIRECTORY is where the jobs are kept for the time being (default: a temporary one); the disk under it matters.
"""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import gemtune
from gemtune.emulator.service import Service
from gemtune.emulator.storage import Storage
from gemtune.rpc.methods import service_methods
from gemtune_pb.v1 import tuning_service_pb2

CREATE = service_methods(tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"])["CreateTuningJob"]
JOB = gemtune.TuningJob(
    base_model="gemini-2.5-flash",
    supervised_tuning_spec=gemtune.SupervisedTuningSpec(training_dataset_uri="gs://bucket/train.jsonl"),
)
REQUEST = gemtune.CreateTuningJobRequest(parent="projects/p/locations/us-central1", tuning_job=JOB)
SECONDS = 3.0
CLIENTS = 8


def per_second(call: Callable[[], object], threads: int = 1) -> float:
    """How often a second `call` is done by so many threads."""
    stop = threading.Event()

    def work() -> int:
        done = 0
        while not stop.is_set():
            call()
            done += 1
        return done

    call()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        running = [pool.submit(work) for _ in range(threads)]
        time.sleep(SECONDS)
        stop.set()
        return sum(each.result() for each in running) / (time.perf_counter() - began)


def appended_and_synced(directory: Path) -> Callable[[], object]:
    """What a transaction asks of the disk: a few pages more in SQLite's log, and the word that they are there."""
    file = os.open(directory / "probe", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def call() -> None:
        os.write(file, b"x" * 4120 * 5)
        os.fdatasync(file)

    return call


def line(what: str, rate: float) -> None:
    print(f"{what:56}{rate:>8.0f}")


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        directory = Path(name)
        print(f"{'a second':>64}")
        line("five pages appended to a file and synced", per_second(appended_and_synced(directory)))
        memory = Service(Storage(":memory:"))
        line("the service, jobs in memory, one thread", per_second(lambda: memory.handle(CREATE, REQUEST)))
        stored = Service(Storage(directory / "one.db"))
        line("the service, jobs on disk, one thread", per_second(lambda: stored.handle(CREATE, REQUEST)))
        line(
            f"the service, jobs on disk, {CLIENTS} threads", per_second(lambda: stored.handle(CREATE, REQUEST), CLIENTS)
        )
        emulator = Path(sys.executable).with_name("gemtune")
        command = [emulator, "-q", "emulator", "--port", "0", "--db", str(directory / "emulator.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            assert server.stdout is not None
            places = dict(pair.split("=") for pair in server.stdout.readline().split()[1:])
            for transport, endpoint in (("rest", places["rest"]), ("grpc", f"http://{places['grpc']}")):
                with gemtune.TuningClient("p", endpoint=endpoint, transport=transport) as client:
                    for clients in (1, CLIENTS):
                        rate = per_second(lambda: client.create_tuning_job(JOB, validate=False), clients)
                        line(f"over {transport}, {clients} at once", rate)
            server.terminate()


if __name__ == "__main__":
    main()

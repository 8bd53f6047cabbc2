"""A program that creates jobs and is interrupted at random moments, by an exception out of a signal handler.

Run by test_signals.py as a process of its own: `python interrupted.py ENDPOINT TRANSPORT CREATES SEED`. Other threads of
its client go on meanwhile, so that a lock that an interruption leaves locked stops them. What takes longer than PATIENCE
seconds ends the process, with the stacks of its threads.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import random
import signal
import sys
import threading
import time
import warnings
from types import FrameType
from typing import Any

import gemtune

PATIENCE = 30


class Interrupted(Exception):
    """What the handler raises: no error of gemtune's, as a limit of Celery's or an alarm is none."""


KINDS = (Interrupted, TimeoutError, OSError, ValueError, KeyboardInterrupt)
"""What handlers raise; some of these are what sockets raise, too."""


def main(endpoint: str, transport: str, creates: int, seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    armed = False
    raised: list[BaseException] = []

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if armed:
            raised.append(chance.choice(KINDS)())
            raise raised[-1]

    signal.signal(signal.SIGALRM, interrupt)
    spec = gemtune.TuningJob(
        base_model="gemini-2.5-flash",
        supervised_tuning_spec=gemtune.SupervisedTuningSpec(training_dataset_uri="gs://bucket/train.jsonl"),
    )
    client = gemtune.TuningClient("demo", endpoint=endpoint, transport=transport, timeout=20)
    done = threading.Event()
    gets: list[int] = [0, 0]

    def get(number: int, name: str) -> None:
        while not done.is_set():
            client.get_tuning_job(name)
            gets[number] += 1

    first = client.create_tuning_job(spec)
    usual = 0.01  # seconds; found out below
    threads = [threading.Thread(target=get, args=(number, first.name)) for number in range(len(gets))]
    for thread in threads:
        thread.start()
    came = {"created": 0, "interrupted": 0}
    for _ in range(creates):
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 2 * usual))
            began = time.monotonic()
            client.create_tuning_job(spec)
            usual += (time.monotonic() - began - usual) / 20
            armed = False
            came["created"] += 1
        except KINDS as error:
            armed = False
            if error is not raised[-1]:
                raise
            came["interrupted"] += 1
            if chance.random() < 0.1:
                client.close()
        signal.setitimer(signal.ITIMER_REAL, 0)
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    before = sum(gets)
    while sum(gets) < before + 10:  # they go on
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    client.close()
    faulthandler.cancel_dump_traceback_later()
    return came | {"gets": sum(gets)}


if __name__ == "__main__":
    warnings.simplefilter("ignore", ResourceWarning)  # a connection that was just made is lost with what was to hold it
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))

"""What JSON costs, beside json_format: a page of a hundred jobs, in turn, medians of the thread's own time, ratios.

    python tests/bench/json_codec.py [ROUNDS]

The jobs are the service's own answer, each with times, ids and labels of its own.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf import json_format

import gemtune
from gemtune import ListTuningJobsResponse
from gemtune.rpc import fast_json

ANSWER = Path(__file__).parents[1] / "data" / "answers" / "job-failed-1.5-pro.json"


def page(jobs: int = 100, *, statistics: bool = True) -> dict[str, Any]:
    """A page as the service answers it."""
    chance = random.Random(1)
    answer = json.loads(ANSWER.read_text())
    del answer["error"]
    if not statistics:
        del answer["tuningDataStats"]
    made = []
    for number in range(jobs):
        job = json.loads(json.dumps(answer))
        job["name"] = f"{job['name'][:-6]}{number:06}"
        job["state"] = "JOB_STATE_SUCCEEDED"
        job["labels"] = {"team": "search", "run": str(number)}
        job["tunedModel"]["endpoint"] = (
            f"projects/646763706049/locations/us-central1/endpoints/{chance.randrange(10**18)}"
        )
        for name in ("createTime", "startTime", "endTime", "updateTime"):
            job[name] = f"{job[name][:20]}{chance.randrange(10**6):06}Z"
        made.append(job)
    return {"tuningJobs": made, "nextPageToken": "next"}


def with_news(kind: str) -> dict[str, Any]:
    """The page with something in it that this version does not know."""
    tree = page()
    for job in tree["tuningJobs"]:
        if kind == "a new field in every job" or (kind == "a new field in one job" and job is tree["tuningJobs"][50]):
            job["newField"] = {"a": 1}
        elif kind == "a new field of a part of every job":
            job["tunedModel"]["newField"] = 1
        elif kind == "a new state in every job":
            job["state"] = "JOB_STATE_DREAMING"
    return tree


def rows() -> list[tuple[str, Callable[[], object], Callable[[], object], float]]:
    """(what, json_format's call, ours, how many times as fast it is at least)."""
    found: list[tuple[str, Callable[[], object], Callable[[], object], float]] = []

    def reads(what: str, tree: Any, limit: float, **options: Any) -> None:
        text = json.dumps(tree, indent=2)
        data, lenient = text.encode(), "on_unknown" in options

        def theirs() -> object:
            return json_format.Parse(text, ListTuningJobsResponse(), ignore_unknown_fields=lenient)

        def ours() -> object:
            return gemtune.from_json(data, ListTuningJobsResponse, ignore_unknown_fields=lenient, **options)

        found.append((what, theirs, ours, limit))

    def write_theirs() -> object:
        return json_format.MessageToJson(message, indent=None)

    def write_ours() -> object:
        return gemtune.to_json(message)

    reads("an answer", page(), 8, on_unknown=say_nothing)
    reads("an answer without statistics", page(statistics=False), 8, on_unknown=say_nothing)
    for kind in ("every job", "one job", "a part of every job"):
        what = f"a new field {'of' if kind.startswith('a part') else 'in'} {kind}"
        reads(what, with_news(what), 4, on_unknown=say_nothing)
    reads("a new state in every job", with_news("a new state in every job"), 4, on_unknown=say_nothing)
    reads("strictly", page(), 0.7)
    message = json_format.ParseDict(page(), ListTuningJobsResponse())
    found.append(("writing", write_theirs, write_ours, 1))
    return found


def say_nothing(path: str, value: Any) -> None:
    """Stands for the client, which logs what it has not seen before."""


def timed(call: Callable[[], object]) -> float:
    """The better of two calls in a row: the first finds the other side's data in the processor's caches."""
    times: list[float] = []
    for _ in range(2):
        began = time.thread_time()
        call()
        times.append(time.thread_time() - began)
    return min(times)


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    fast_json.count(fast_json.PAYS_FROM)  # as in a process that has read some pages
    print(f"{'a page of 100 jobs':<38} {'json_format':>12} {'ours':>12} {'ratio':>7}  limit")
    kept = True
    for what, baseline, ours, limit in rows():
        baseline(), ours()  # types are made of descriptors the first time
        times = [(timed(baseline), timed(ours)) for _ in range(rounds)]
        theirs, own = (statistics.median(side) for side in zip(*times, strict=True))
        good = theirs / own >= limit
        kept = kept and good
        line = f"{what:<38} {theirs * 1e3:>9.2f} ms {own * 1e3:>9.2f} ms {theirs / own:>6.2f}x  >= {limit:g}"
        print(line, "" if good else "MISSED")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

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


def rows() -> list[tuple[str, Callable[[], object], Callable[[], object], float, bool]]:
    """(what, the baseline, ours, the ratio that is the limit, whether it is of baseline to ours)."""
    found: list[tuple[str, Callable[[], object], Callable[[], object], float, bool]] = []
    for kind, tree in (("", page()), (" without statistics", page(statistics=False))):
        text = json.dumps(tree, indent=2)
        data = text.encode()
        message = json_format.Parse(text, ListTuningJobsResponse())
        with_news = json.loads(text)
        for job in with_news["tuningJobs"]:
            job["newField"] = {"a": 1}
        news = json.dumps(with_news, indent=2).encode()

        def by_law(text: str = text) -> object:
            return json_format.Parse(text, ListTuningJobsResponse(), ignore_unknown_fields=True)

        def lenient(data: bytes = data) -> object:
            return gemtune.from_json(data, ListTuningJobsResponse, ignore_unknown_fields=True)

        def strict(text: str = text) -> object:
            return gemtune.from_json(text, ListTuningJobsResponse)

        def write_by_law(message: Any = message) -> object:
            return json_format.MessageToJson(message, indent=None)

        def write(message: Any = message) -> object:
            return gemtune.to_json(message)

        def lenient_with_news(data: bytes = news) -> object:
            return gemtune.from_json(data, ListTuningJobsResponse, ignore_unknown_fields=True, on_unknown=print_nothing)

        found += [
            (f"decode an answer{kind}", by_law, lenient, 8, True),
            (f"decode strictly{kind}", by_law, strict, 4, True),
            (f"encode{kind}", write_by_law, write, 4, True),
            (f"an unknown field in every job{kind}", lenient, lenient_with_news, 2, False),
        ]
    return found


def print_nothing(path: str, value: Any) -> None:
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
    print(f"{'':<50} {'baseline':>12} {'ours':>12} {'ratio':>7}  limit")
    kept = True
    for what, baseline, ours, limit, is_faster in rows():
        baseline(), ours()  # types are made of descriptors the first time
        times = [(timed(baseline), timed(ours)) for _ in range(rounds)]
        theirs, own = (statistics.median(side) for side in zip(*times, strict=True))
        ratio = theirs / own if is_faster else own / theirs
        good = ratio >= limit if is_faster else ratio <= limit
        kept = kept and good
        sign = ">=" if is_faster else "<="
        print(
            f"{what:<50} {theirs * 1e3:>9.2f} ms {own * 1e3:>9.2f} ms {ratio:>6.2f}x  {sign} {limit:g} {'' if good else 'MISSED'}"
        )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

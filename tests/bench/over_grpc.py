"""What the client costs over gRPC, beside the bare generated stub: the same server, calls in turn, medians, ratios.

    python tests/bench/over_grpc.py [ROUNDS]

The server is a process of its own with canned answers: one job as the service answered it, and a page of 1,000 of them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc

import gemtune

ANSWER = Path(__file__).parents[1] / "data" / "answers" / "job-failed-1.5-pro.json"
NAME = "projects/p/locations/us-central1/tuningJobs/1"
PARENT = "projects/p/locations/us-central1"
GETS, PAGES = 200, 5  # calls in a round
CONCURRENT = 500
LIMITS = {"get": 1.15, "page of 1,000 jobs": 1.10}


class Canned(grpc.GenericRpcHandler):
    """Answers with bytes made beforehand."""

    def __init__(self) -> None:
        job = gemtune.from_json(ANSWER.read_text(), gemtune.TuningJob)
        self._job = job.SerializeToString()
        self._page = gemtune.ListTuningJobsResponse(tuning_jobs=[job] * 1000).SerializeToString()

    def service(self, details: Any) -> Any:
        data = self._page if details.method.endswith("List" + "TuningJobs") else self._job
        return grpc.unary_unary_rpc_method_handler(lambda request, context: data)


def serve() -> None:
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Canned()])
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()  # until the other side has gone
    server.stop(0).wait()


def timed(call: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


def sides(port: int) -> Iterator[tuple[str, Callable[[], object], Callable[[], object], int]]:
    """What is measured: the bare stub's call, ours, and how many calls there are in a round."""
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.max_receive_message_length", -1)])
    stub = gemtune.TuningServiceStub(channel)
    client = gemtune.TuningClient("p", endpoint=f"http://127.0.0.1:{port}", transport="grpc")
    get = gemtune.GetTuningJobRequest(name=NAME)
    page = gemtune.ListTuningJobsRequest(parent=PARENT, page_size=1000)
    yield "get", lambda: stub.GetTuningJob(get, timeout=60), lambda: client.get_tuning_job(NAME), GETS
    yield (
        "page of 1,000 jobs",
        lambda: stub.ListTuningJobs(page, timeout=60),
        lambda: next(client.list_tuning_jobs(page_size=1000).pages()),
        PAGES,
    )
    channel.close()
    client.close()


async def concurrent_gets(port: int, rounds: int) -> tuple[float, float]:
    """Seconds for 500 gets at once: grpc.aio's bare stub, and ours."""
    get = gemtune.GetTuningJobRequest(name=NAME)
    bare, ours = [], []
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        gemtune.AsyncTuningClient("p", endpoint=f"http://127.0.0.1:{port}", transport="grpc") as client,
    ):
        stub: Any = gemtune.TuningServiceStub(channel)
        for i in range(rounds + 1):
            began = time.perf_counter()
            await asyncio.gather(*(stub.GetTuningJob(get, timeout=60) for _ in range(CONCURRENT)))
            middle = time.perf_counter()
            await asyncio.gather(*(client.get_tuning_job(NAME) for _ in range(CONCURRENT)))
            if i:  # the first round warms up
                bare.append(middle - began)
                ours.append(time.perf_counter() - middle)
    return statistics.median(bare), statistics.median(ours)


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    ok = True
    with subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())
        print(f"{'':28}{'bare stub':>12}{'gemtune':>12}{'ratio':>8}{'at most':>9}")
        for name, bare, ours, times in sides(port):
            timed(bare, times), timed(ours, times)
            pairs = [(timed(bare, times), timed(ours, times)) for _ in range(rounds)]
            one, other = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratio = other / one
            ok = ok and ratio <= LIMITS[name]
            print(f"{name:28}{1e6 * one:>9.0f} us{1e6 * other:>9.0f} us{ratio:>8.2f}{LIMITS[name]:>9.2f}")
        one, other = asyncio.run(concurrent_gets(port, max(rounds // 3, 1)))
        print(f"{f'{CONCURRENT} async gets at once':28}{1e3 * one:>9.0f} ms{1e3 * other:>9.0f} ms{other / one:>8.2f}")
        server.stdin.close()
    return 0 if ok else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        raise SystemExit(main())

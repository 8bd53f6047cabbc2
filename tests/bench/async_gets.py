"""500 gets at once on an event loop, beside bare aiohttp and bare httpx: the same server, in turn, medians, ratios.

    python tests/bench/async_gets.py [ROUNDS]

The bare ones are what everybody writes: one session, a get, json.loads. Needs httpx beside the extra `aio`.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx

import gemtune

ANSWER = Path(__file__).parents[1] / "data" / "answers" / "job-failed-1.5-pro.json"
NAME = "projects/p/locations/us-central1/tuningJobs/1"
CONCURRENT = 500
LIMIT = 1.15  # of bare httpx; beside aiohttp, which carries our calls, the ratio says what typed messages cost


class Canned(asyncio.Protocol):
    """Answers every request with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer * data.count(b"\r\n\r\n"))


async def serve() -> None:
    body = ANSWER.read_bytes()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    server = await asyncio.get_running_loop().create_server(lambda: Canned(head + body), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the other side has gone
    server.close()


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(CONCURRENT)))
    return time.perf_counter() - began


async def measure(port: int, rounds: int) -> dict[str, float]:
    url = f"http://127.0.0.1:{port}"
    async with (
        aiohttp.ClientSession() as session,
        httpx.AsyncClient(timeout=60) as other,
        gemtune.AsyncTuningClient("p", endpoint=url) as client,
    ):

        async def bare_aiohttp() -> object:
            async with session.get(f"{url}/v1/{NAME}") as response:
                return json.loads(await response.read())

        async def bare_httpx() -> object:
            return json.loads((await other.get(f"{url}/v1/{NAME}")).content)

        sides: dict[str, Callable[[], Awaitable[object]]] = {
            "aiohttp": bare_aiohttp,
            "httpx": bare_httpx,
            "gemtune": lambda: client.get_tuning_job(NAME),
        }
        times: dict[str, list[float]] = {name: [] for name in sides}
        for call in sides.values():
            await timed(call)  # connections, caches
        for _ in range(rounds):
            for name, call in sides.items():
                times[name].append(await timed(call))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        seconds = asyncio.run(measure(int(server.stdout.readline()), rounds))
        server.stdin.close()
    print(f"{f'{CONCURRENT} gets at once':24}{'ms':>8}{'of aiohttp':>12}{'of httpx':>10}{'at most':>9}")
    for name, value in seconds.items():
        limit = f"{LIMIT:.2f}" if name == "gemtune" else ""
        ratios = f"{value / seconds['aiohttp']:>12.2f}{value / seconds['httpx']:>10.2f}"
        print(f"{name:24}{1000 * value:>8.0f}{ratios}{limit:>9}")
    return 0 if seconds["gemtune"] / seconds["httpx"] <= LIMIT else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        raise SystemExit(main())

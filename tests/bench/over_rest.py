"""What the client costs over REST, beside what everybody writes by hand: the same server, calls in turn, ratios.

    python tests/bench/over_rest.py [ROUNDS]

By hand: one requests.Session, json.loads of its answer. The server is a process of its own with canned answers: a
succeeded job with its statistics, and pages of 100 of them. Times are those of the calling thread; waiting is not counted,
so that the server's share is not either.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable

import requests
from json_codec import page

import gemtune

NAME = "projects/p/locations/us-central1/tuningJobs/1"
PARENT = "projects/p/locations/us-central1"
PAGES = 100
GETS = 100  # calls in a round


def serve() -> None:
    """Answers each request by its path: a job, a page, and what a create gives."""
    job = page(1)["tuningJobs"][0]
    pages = page(100)
    answers = {
        "job": json.dumps(job, indent=2),
        "more": json.dumps(pages | {"nextPageToken": "more"}, indent=2),
        "last": json.dumps({k: v for k, v in pages.items() if k != "nextPageToken"}, indent=2),
        "none": "{}",
    }
    sent = {
        name: f"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length: {len(text.encode())}\r\n\r\n{text}".encode()
        for name, text in answers.items()
    }
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(connection, sent), daemon=True).start()


def answer(connection: socket.socket, sent: dict[str, bytes]) -> None:
    received, left = b"", 0
    while data := connection.recv(1 << 16):
        received += data
        while b"\r\n\r\n" in received:
            head, rest = received.split(b"\r\n\r\n", 1)
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            if len(rest) < length:
                break
            received = rest[length:]
            target = head.split(b" ", 2)[1]
            if b"/tuningJobs/" in target or head.startswith(b"POST"):
                kind = "job"
            elif b"filter=" in target:
                kind = "none"  # a create looks for its label
            else:
                left = left - 1 if left else int(target.split(b"pageSize=")[1].split(b"&")[0]) - 1
                kind = "more" if left else "last"
            connection.sendall(sent[kind])


def timed(call: Callable[[], object], times: int) -> float:
    began = time.thread_time()
    for _ in range(times):
        call()
    return (time.thread_time() - began) / times


def by_hand(url: str) -> dict[str, Callable[[], object]]:
    session = requests.Session()
    body = {
        "baseModel": "gemini-2.0-flash-001",
        "supervisedTuningSpec": {"trainingDatasetUri": "gs://bucket/train.jsonl"},
    }

    def get() -> object:
        return json.loads(session.get(f"{url}/v1/{NAME}").content)

    def create() -> object:
        return json.loads(session.post(f"{url}/v1/{PARENT}/tuningJobs", json=body).content)

    def list_jobs() -> object:
        jobs: list[object] = []
        token = ""
        while True:
            answer = json.loads(
                session.get(f"{url}/v1/{PARENT}/tuningJobs", params={"pageSize": PAGES, "pageToken": token}).content
            )
            jobs += answer["tuningJobs"]
            token = answer.get("nextPageToken", "")
            if not token:
                return jobs

    return {"get": get, "create": create, "list": list_jobs}


def ours(url: str) -> dict[str, Callable[[], object]]:
    client = gemtune.TuningClient("p", "us-central1", endpoint=url)
    bare = gemtune.TuningClient("p", "us-central1", endpoint=url, request_labels=False)
    job = gemtune.TuningJob(base_model="gemini-2.0-flash-001")
    job.supervised_tuning_spec.training_dataset_uri = "gs://bucket/train.jsonl"
    return {
        "get": lambda: client.get_tuning_job(NAME),
        "bare create": lambda: bare.create_tuning_job(job, validate=False),
        "create": lambda: client.create_tuning_job(job),
        "list": lambda: list(client.list_tuning_jobs(page_size=PAGES)),
    }


def memory_grows(url: str) -> float:
    """How much more memory 1,000 pages take at their height than 10, in MB."""
    client = gemtune.TuningClient("p", "us-central1", endpoint=url)

    def height(pages: int) -> int:
        tracemalloc.start()
        count = sum(1 for _ in client.list_tuning_jobs(page_size=pages))
        assert count == 100 * pages
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    return (height(1000) - height(10)) / 1e6


ROWS = [
    ("a get", "get", "get", GETS, 0.85),
    ("a create, neither checked nor labelled", "create", "bare create", GETS, 0.9),
    ("a create, checked and labelled", "create", "create", GETS, 1.15),
    ("10,000 jobs in pages of 100", "list", "list", 1, 1.4),
]


def main() -> int:
    if sys.argv[1:] == ["serve"]:
        serve()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    server = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        theirs, own = by_hand(url), ours(url)
        print(f"{'':<42} {'by hand':>12} {'ours':>12} {'ratio':>7}  limit")
        kept = True
        for what, their_name, our_name, times, limit in ROWS:
            theirs[their_name](), own[our_name]()
            measured = [(timed(theirs[their_name], times), timed(own[our_name], times)) for _ in range(rounds)]
            hand, we = (statistics.median(side) for side in zip(*measured, strict=True))
            kept = kept and we / hand <= limit
            print(
                f"{what:<42} {hand * 1e3:>9.3f} ms {we * 1e3:>9.3f} ms {we / hand:>6.2f}x  <= {limit:g}"
                f"{'' if we / hand <= limit else ' MISSED'}"
            )
        more = memory_grows(url)
        print(f"memory for 100,000 jobs beside 1,000: {more:+.2f} MB (limit 1)")
        return 0 if kept and more < 1 else 1
    finally:
        server.communicate()


if __name__ == "__main__":
    sys.exit(main())

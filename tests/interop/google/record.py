"""Records anew what Google's clients send: `python tests/interop/google/record.py [CLIENT...]`.

Makes an environment for the clients where there is none, walks each through `steps.walk` against a canned server and
writes `tests/data/recorded/CLIENT.json`. `tests/test_recorded.py` replays the files through gemtune's HTTP rules.

Each exchange has the request as it went over the wire (path and query undecoded; body null where no content-length
was sent) and, under `asks`, the rpc and the request message that the step meant, in proto JSON written by hand. The
answers are not kept: they are the canned server's, and prove nothing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import warnings
from importlib import metadata
from pathlib import Path

import environment
from canned import CannedServer
from clients import CLIENTS
from steps import Asks, Json, walk

OUT = Path(__file__).parents[2] / "data" / "recorded"
KEPT_HEADERS = {  # never authorization; host and connection are the canned server's affair
    "accept",
    "content-length",
    "content-type",
    "transfer-encoding",
    "user-agent",
    "x-goog-api-client",
    "x-goog-request-params",
    "x-goog-user-project",
    "x-server-timeout",
}
WIRE = ("google-auth", "google-api-core", "proto-plus", "protobuf", "requests", "httpx", "httplib2")


def record(name: str) -> Json:
    kind = CLIENTS[name]
    server = CannedServer()
    client = kind(server.url)
    asked: list[Json] = []

    def log(step: str, typed: str, asks: Asks) -> None:
        assert len(server.exchanges) == len(asked), f"the step before {step} is not what it says"
        asked.extend({"step": step, "call": typed, "asks": {"rpc": rpc, "request": request}} for rpc, request in asks)

    try:
        walk(client, log, mark="recorded")
    finally:
        client.close()
        server.shutdown()
        server.server_close()
    exchanges = []
    for step, sent in zip(asked, server.exchanges, strict=True):
        headers = {name: value for name, value in sorted(sent["headers"].items()) if name in KEPT_HEADERS}
        asks = step.pop("asks")
        exchanges.append(step | sent | {"headers": headers, "asks": asks})
    return {
        "client": name,
        "distribution": kind.distribution,
        "version": metadata.version(kind.distribution),
        "environment": {wire: version for wire in WIRE if (version := version_of(wire))},
        "python": platform.python_version(),
        "recorded": datetime.date.today().isoformat(),
        "command": f"python tests/interop/google/record.py {name}",
        "exchanges": exchanges,
    }


def version_of(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=f"of {', '.join(CLIENTS)}; all if left out")
    names = parser.parse_args().clients or list(CLIENTS)
    environment.enter(kind.distribution for kind in map(CLIENTS.__getitem__, names))
    warnings.simplefilter("ignore")  # of Google's packages about their own future
    os.environ["NO_PROXY"] = "127.0.0.1"
    OUT.mkdir(parents=True, exist_ok=True)
    for name in names:
        recorded = record(name)
        (OUT / f"{name}.json").write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
        print(f"{name}: {len(recorded['exchanges'])} exchanges, {recorded['distribution']} {recorded['version']}")


if __name__ == "__main__":
    main()

"""A server with canned answers that keeps what it was sent: enough of tuningJobs for a client to walk through."""

from __future__ import annotations

import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from steps import PAGE_TOKEN

Json = dict[str, Any]

CREATED = "2026-08-01T08:00:00.123456Z"
ENDED = "2026-08-01T08:12:30.654321Z"
FIRST_ID = 4982013113894174720
URI_FIELD = "tuning_job.supervised_tuning_spec.training_dataset_uri"


class CannedServer(ThreadingHTTPServer):
    """Answers on a free port; `exchanges` is what it heard."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.exchanges: list[Json] = []
        self.jobs: dict[str, Json] = {}
        self.operations: dict[str, str] = {}  # name: version of the API that it was started in
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Json]:
        version, _, name = path.removeprefix("/").partition("/")
        if method == "POST" and name.endswith("/tuningJobs"):
            return self.create(name, json.loads(body))
        if method == "GET" and name.endswith("/tuningJobs"):
            return 200, self.list(query)
        if name.endswith(":rebaseTunedModel"):
            operation = f"{next(iter(self.jobs))}/operations/2718281828459045235"
            self.operations[operation] = version
            return 200, {"name": operation}
        if "/operations/" in name:
            # The generated client asks under /ui/, whichever version it is of, and takes only its own version's type.
            kind = f"type.googleapis.com/google.cloud.aiplatform.{self.operations[name]}.TuningJob"
            job = next(iter(self.jobs.values())) | {"tunedModelDisplayName": "interop-rebased"}
            return 200, {"name": name, "done": True, "response": {"@type": kind} | job}
        name, cancelled, _ = name.partition(":cancel")
        if name not in self.jobs:
            return refusal(404, "NOT_FOUND", "The TuningJob does not exist.")
        if cancelled:
            self.jobs[name] |= {"state": "JOB_STATE_CANCELLED", "error": {"code": 1, "message": "CANCELED"}}
            return 200, {}
        job = self.jobs[name]
        if job["state"] == "JOB_STATE_PENDING":
            job |= {"state": "JOB_STATE_SUCCEEDED", "startTime": CREATED, "endTime": ENDED, "updateTime": ENDED}
            job["tunedModel"] = {
                "model": re.sub("tuningJobs/.*", "models/1402067540926005248@1", name),
                "endpoint": re.sub("tuningJobs/.*", "endpoints/6284765961371254784", name),
            }
        return 200, job

    def create(self, collection: str, job: Json) -> tuple[int, Json]:
        spec = job.get("supervisedTuningSpec")
        if spec is not None:
            uri = spec.get("trainingDatasetUri", spec.get("training_dataset_uri", ""))
            if not uri.startswith(("gs://", "projects/")):
                message = "training_dataset_uri should be a GCS object of type JSONL."
                violation = {"field": URI_FIELD, "description": message}
                details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]
                return refusal(400, "INVALID_ARGUMENT", message, details)
        name = f"{collection}/{FIRST_ID + len(self.jobs)}"
        self.jobs[name] = camel(job) | {
            "name": name,
            "state": "JOB_STATE_PENDING",
            "createTime": CREATED,
            "updateTime": CREATED,
        }
        return 200, self.jobs[name]

    def list(self, query: dict[str, str]) -> Json:
        jobs = list(self.jobs.values())[::-1]
        if label := re.fullmatch(r'labels\.([\w-]+)="(.*)"', query.get("filter", "")):
            jobs = [job for job in jobs if job.get("labels", {}).get(label[1]) == label[2]]
        if state := re.fullmatch(r'state="(.*)"', query.get("filter", "")):
            jobs = [job for job in jobs if job["state"] == state[1]]
        size = int(query.get("pageSize", 100))
        if query.get("pageToken"):
            assert query["pageToken"] == PAGE_TOKEN
            return {"tuningJobs": jobs[size:]}
        return {"tuningJobs": jobs[:size]} | ({"nextPageToken": PAGE_TOKEN} if len(jobs) > size else {})


class Handler(BaseHTTPRequestHandler):
    """Keeps the request, sends the answer."""

    protocol_version = "HTTP/1.1"
    server: CannedServer

    def do_GET(self) -> None:
        self.handle_any()

    def do_POST(self) -> None:
        self.handle_any()

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path, _, query = self.path.partition("?")
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
        self.server.exchanges.append(
            {
                "method": self.command,
                "path": path,
                "query": query,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": body.decode() if "content-length" in self.headers else None,
            }
        )
        status, answer = self.server.answer(self.command, urllib.parse.unquote(path), dict(pairs), body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, *args: object) -> None:
        pass


def refusal(http_status: int, status: str, message: str, details: list[Json] | None = None) -> tuple[int, Json]:
    error: Json = {"code": http_status, "message": message, "status": status}
    return http_status, {"error": error | ({"details": details} if details else {})}


def camel(value: Any) -> Any:
    """Field names in the answers' spelling (labels come out unchanged: their keys have no underscore here)."""
    if isinstance(value, dict):
        return {re.sub("_([a-z])", lambda m: m[1].upper(), key): camel(item) for key, item in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value

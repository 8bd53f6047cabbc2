"""Servers that stand for Cloud Storage: one of ours, in this process, and fake-gcs-server, where it is installed."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.support.certificates import Issued

__all__ = ["InProcess", "Stored", "Storing", "fake_gcs_server", "fake_gcs_server_binary"]


class Storing(Protocol):
    """A server with objects."""

    url: str

    def put(self, bucket: str, key: str, data: bytes, *, encoding: str = "") -> None:
        """Writes an object; a new generation where there is one."""

    def delete(self, bucket: str, key: str) -> None:
        """Takes an object away."""


@dataclass
class Stored:
    """An object."""

    data: bytes
    generation: int
    encoding: str = ""


@dataclass
class Asked:
    """A request that came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]

    @property
    def media(self) -> bool:
        """Whether it asks for an object's bytes."""
        return not self.path.startswith("/storage/v1/")


@dataclass
class InProcess:
    """The few calls that are made, as Cloud Storage answers them; `answers` may answer in its place.

    Attributes:
        objects: By bucket and key.
        asked: What came, in order.
        answers: Gets a request: None, or a status and a body (a message for the error's JSON).
        cut: Gets a request for bytes: how many of them are sent before the connection is cut; None: all.
        page: Objects on a page of a list.
        moved: Where requests for bytes are sent on to; "": nowhere.
        certificate: To be reached over TLS.
    """

    objects: dict[tuple[str, str], Stored] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    answers: Callable[[Asked], tuple[int, str] | None] = lambda _: None
    cut: Callable[[Asked], int | None] = lambda _: None
    page: int = 1000
    moved: str = ""
    certificate: Issued | None = None
    url: str = ""
    last: int = 1_700_000_000_000_000

    def put(self, bucket: str, key: str, data: bytes, *, encoding: str = "") -> None:
        self.last += 1
        self.objects[bucket, key] = Stored(data, self.last, encoding)

    def delete(self, bucket: str, key: str) -> None:
        del self.objects[bucket, key]

    def __enter__(self) -> Self:
        store = self

        class Handler(_Handler):
            held = store

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate.certificate, self.certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if self.certificate else ''}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    held: ClassVar[InProcess]

    def log_message(self, *_: Any) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(parts.path, query, {name.lower(): value for name, value in self.headers.items()})
        self.held.asked.append(asked)
        refused = self.held.answers(asked)
        if refused is not None:
            self._refuse(*refused)
        elif asked.media and self.held.moved:
            self._send(302, b"", {"location": self.held.moved + self.path})
        elif asked.media:
            self._media(asked)
        else:
            self._metadata(asked)

    def _metadata(self, asked: Asked) -> None:
        bucket, _, rest = asked.path.removeprefix("/storage/v1/b/").partition("/o")
        if not any(each == bucket for each, _ in self.held.objects):
            self._refuse(404, "The specified bucket does not exist.")
        elif rest:
            key = unquote(rest.removeprefix("/"))
            found = self.held.objects.get((bucket, key))
            if found is None:
                self._refuse(404, f"No such object: {bucket}/{key}")
            else:
                self._send(200, json.dumps(_item(bucket, key, found)).encode())
        else:
            self._list(bucket, asked.query)

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        prefix = query.get("prefix", "")
        keys = sorted(
            key
            for each, key in self.held.objects
            if each == bucket
            and key.startswith(prefix)
            and not ("delimiter" in query and query["delimiter"] in key[len(prefix) :])
        )
        start = int(query.get("pageToken", "0"))
        items = [_item(bucket, key, self.held.objects[bucket, key]) for key in keys[start : start + self.held.page]]
        more = start + self.held.page < len(keys)
        answer = {"items": items} | ({"nextPageToken": str(start + self.held.page)} if more else {})
        self._send(200, json.dumps(answer).encode())

    def _media(self, asked: Asked) -> None:
        bucket, _, key = asked.path.removeprefix("/").partition("/")
        found = self.held.objects.get((unquote(bucket), unquote(key)))
        if found is None or asked.query.get("generation", str(found.generation)) != str(found.generation):
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        data, status = found.data, 200
        headers = {"x-goog-generation": str(found.generation), "etag": f'"{found.generation}"'}
        if found.encoding and "gzip" not in asked.headers.get("accept-encoding", ""):
            data = gzip.decompress(data)
        else:
            if found.encoding:
                headers["content-encoding"] = found.encoding
            if "range" in asked.headers:
                start = int(asked.headers["range"].removeprefix("bytes=").partition("-")[0])
                headers["content-range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
                data, status = data[start:], 206
        self._send(status, data, headers, self.held.cut(asked))

    def _refuse(self, status: int, message: str) -> None:
        self._send(status, json.dumps({"error": {"code": status, "message": message}}).encode())

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("last-modified", "Tue, 01 Dec 2026 05:00:00 GMT")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True


def _item(bucket: str, key: str, stored: Stored) -> dict[str, str]:
    checksum = base64.b64encode(zlib.crc32(stored.data).to_bytes(4, "big")).decode()  # any four bytes will do here
    item = {"name": key, "size": str(len(stored.data)), "generation": str(stored.generation), "crc32c": checksum}
    return item | ({"contentEncoding": stored.encoding} if stored.encoding else {})


# -- fake-gcs-server ------------------------------------------------------------------------------------------------------


def fake_gcs_server_binary() -> str:
    """The path of https://github.com/fsouza/fake-gcs-server; "" where it is not installed."""
    return os.environ.get("FAKE_GCS_SERVER") or shutil.which("fake-gcs-server") or ""


@dataclass
class _Outside:
    url: str

    def put(self, bucket: str, key: str, data: bytes, *, encoding: str = "") -> None:
        with_encoding = f"&contentEncoding={encoding}" if encoding else ""
        target = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}{with_encoding}"
        with contextlib.suppress(urllib.error.HTTPError):  # it is there already
            self._call("POST", "/storage/v1/b?project=p", json.dumps({"name": bucket}).encode())
        self._call("POST", target, data)

    def delete(self, bucket: str, key: str) -> None:
        self._call("DELETE", f"/storage/v1/b/{bucket}/o/{quote(key, safe='')}", None)

    def _call(self, verb: str, target: str, data: bytes | None) -> None:
        request = urllib.request.Request(self.url + target, data, {"content-type": "application/json"}, method=verb)
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()


@contextlib.contextmanager
def fake_gcs_server(log: Path) -> Iterator[Storing]:
    """A process of it, with its objects in memory."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    binary = fake_gcs_server_binary()
    options = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory", "-log-level", "warn"]
    with log.open("wb") as file:
        process = subprocess.Popen([binary, *options, "-public-host", "127.0.0.1"], stdout=file, stderr=file)
    try:
        for _ in range(500):
            if process.poll() is not None:
                raise RuntimeError(f"fake-gcs-server ended: {log.read_text(encoding='utf-8')}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield _Outside(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)

"""The command line as a process of its own and on a terminal, and servers that are not what they should be."""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

COMMAND = [sys.executable, "-m", "gemtune.cli"]

SPEC = """\
base_model: gemini-3.5-flash
tuned_model_display_name: summaries v2
supervised_tuning_spec:
  training_dataset_uri: gs://bucket/train.jsonl
  hyper_parameters: {epoch_count: 4, adapter_size: ADAPTER_SIZE_FOUR}
"""


@dataclass
class Ran:
    """What a run left behind."""

    status: int
    out: str
    err: str


def process(*args: str, stdin: str | None = None, **environ: str) -> Ran:
    """The command line as a process of its own."""
    done = subprocess.run(
        [*COMMAND, *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environ},
    )
    return Ran(done.returncode, done.stdout, told(done.stderr))


def told(err: str) -> str:
    """What was written to stderr, without the lines that say where calls go and what is waited for."""
    return re.sub(
        r"^(?:(?:emulator|location|endpoint) .*|\S+ing (?:for|up|at) .* \.\.\.)\n", "", err, flags=re.MULTILINE
    )


@dataclass
class Terminal:
    """A process on a terminal: what it wrote, as it wrote it."""

    process: subprocess.Popen[bytes]
    screen: int
    written: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        """What it wrote so far, without colours and cursor movements."""
        text = re.sub(r"[^\n]*\x1b\[2K\r", "", self.written.decode())  # a line that was taken away
        return told(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\]8;[^\x1b]*\x1b\\", "", text).replace("\r", ""))

    def wait_for(self, pattern: str, seconds: float = 20) -> str:
        """Reads on until what was written matches."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert time.monotonic() < end, f"{pattern!r} did not come; there is {self.text!r}"
            self._read(0.2)
        return self.text

    def end(self, seconds: float = 20) -> int:
        """Reads to the end and gives the exit status."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self._read(0.1)
        while self._read(0):
            pass
        return self.process.wait(1)

    def _read(self, seconds: float) -> bool:
        if not select.select([self.screen], [], [], seconds)[0]:
            return False
        try:
            came = os.read(self.screen, 65536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.written += came
        return bool(came)


@contextlib.contextmanager
def terminal(*args: str, width: int = 80, **environ: str) -> Iterator[Terminal]:
    """The command line on a terminal of a given width."""
    screen, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **environ}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        if name not in environ:
            env.pop(name, None)
    child = subprocess.Popen([*COMMAND, *args], stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    try:
        yield Terminal(child, screen)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        os.close(screen)


@contextlib.contextmanager
def scripted(reply: Callable[[str, str, bytes], tuple[int, Any]]) -> Iterator[str]:
    """A server that answers as `reply` says: (verb, path, body) -> (status, JSON); gives its host:port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, tree = reply(self.command, self.path, body)
            data = json.dumps(tree).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    with _serving(Handler) as place:
        yield place


@contextlib.contextmanager
def answering(status: int, body: bytes, content_type: str = "application/json") -> Iterator[str]:
    """A server that answers everything with one and the same; gives its host:port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    with _serving(Handler) as place:
        yield place


@contextlib.contextmanager
def _serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()

"""What every test has: an environment without this machine's settings, and hypothesis profiles."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

from tests.support.metrics import Figures, reported

HERE = Path(__file__).parent

settings.register_profile("quick", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "quick")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background, and children would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)

_OURS = (
    "GEMTUNE_",
    "GOOGLE_",
    "CLOUDSDK_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA",
    "CURL_CA",
    "SSL_CERT",
)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No project, no endpoint, no credentials and no proxy from the machine that the tests run on."""
    for name in list(os.environ):
        if name.upper().startswith(_OURS):
            monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # google-auth would look for a metadata server


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The generated module of tests/protos/rules.proto: a service that uses every feature of the HTTP rule."""
    out = tmp_path_factory.mktemp("protos")
    common = sysconfig.get_path("purelib")
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={HERE / 'protos'}", f"--proto_path={common}",
         f"--python_out={out}", f"--grpc_python_out={out}", "rules.proto"],
        check=True,
    )  # fmt: skip
    sys.path.insert(0, str(out))
    return importlib.import_module("rules_pb2")


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Shows what a test has counted."""
    return Figures(request)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of all tests, under them."""
    lines = reported(terminalreporter)
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)

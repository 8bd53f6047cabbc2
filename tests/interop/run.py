"""Specs in other languages: `python tests/interop/run.py [LANGUAGE...] [--require LANGUAGES]`.

For each language whose compiler is here, the commands of docs/languages.md are run as they stand, on the `.proto` files
that the installed gemtune writes, and the program under `tests/interop/LANGUAGE` is given every vector and some
mutated ones. Held against gemtune, which tests hold against Google's classes:

- the fingerprint that it computes, from JSON in every spelling and from bytes; a refusal where one is due;
- the bytes that it writes of what it read, unknown fields included;
- the JSON that it writes, as read by gemtune, and as read back by itself.

Where the guide shows a program of its own, its commands are also run in an empty folder, with what it shows and no more.

A language that is left out is named with the reason; `--require typescript,go` makes that an error. Builds are kept in
`GEMTUNE_INTEROP_CACHE` (default: gemtune/interop in the user's cache directory) until their inputs change.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from google.protobuf.message import Message

import gemtune
from gemtune import schema
from gemtune.specs.fingerprint import fingerprint

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent / "vectors"
GUIDE = HERE.parents[1] / "docs" / "languages.md"
SPECS = GUIDE.with_name("specs.md")
READ = "gemini-3.5-flash 4\n"
"""What the guide's own programs print, as it says."""


@dataclass(frozen=True)
class Language:
    """A language: its heading in the guide, the commands it needs with Debian's packages, the program once built."""

    title: str
    needs: dict[str, str]
    program: str
    probe: str = "true"
    """A shell command that prints what else is missing."""
    reader: str = ""
    """How the guide's own program is started on a spec; "" where it shows none."""


LANGUAGES = {
    "typescript": Language(
        "TypeScript",
        {"node": "nodejs", "npm": "npm", "protoc": "protobuf-compiler"},
        "node out/fingerprint.js",
        reader="node out/read.js",
    ),
    "go": Language("Go", {"go": "golang", "protoc": "protobuf-compiler"}, "./program", reader="./program"),
    "java": Language(
        "Java",
        {"javac": "default-jdk-headless", "mvn": "maven"},
        'java -cp "target/classes:$(cat classpath.txt)" Fingerprint',
    ),
    "cpp": Language(
        "C++",
        {"g++": "g++", "protoc": "protobuf-compiler"},
        "./fingerprint",
        probe=r"""
        printf '#include <google/protobuf/message.h>\n#include <openssl/sha.h>\n' | g++ -E -x c++ - >/dev/null 2>&1 ||
        echo 'header of protobuf or openssl (Debian: libprotobuf-dev libssl-dev)'""",
    ),
    "rust": Language("Rust", {"cargo": "cargo"}, "target/debug/fingerprint"),
}
PLUGINS_ONLY = ("typescript", "go")  # these need of protoc its parser alone, so any protoc does


@dataclass(frozen=True)
class Case:
    """One file that every program reads."""

    name: str
    path: Path
    fingerprint: str | None
    """None where it is refused."""


# -- what is asked ------------------------------------------------------------------------------------------------


def vectors() -> list[Case]:
    """Every file of every vector."""
    rows = json.loads((VECTORS / "manifest.json").read_text(encoding="utf-8"))["vectors"]
    return [Case(name, VECTORS / name, row["fingerprint"]) for row in rows for name in row["files"]]


def mutated(folder: Path) -> list[Case]:
    """A vector with one thing changed, as JSON and as bytes: each must be seen as different."""
    original = gemtune.TuningJob.FromString((VECTORS / "documented.binpb").read_bytes())
    cases = []
    for name, change in MUTATIONS.items():
        job = gemtune.TuningJob()
        job.CopyFrom(original)
        change(job)
        identity = fingerprint(job)
        assert identity != fingerprint(original), name
        for suffix, data in (("json", gemtune.to_json(job).encode()), ("binpb", job.SerializeToString())):
            path = folder / f"{name}.{suffix}"
            path.write_bytes(data)
            cases.append(Case(f"mutated, {name}.{suffix}", path, identity))
    return cases


def _more_epochs(job: gemtune.TuningJob) -> None:
    job.supervised_tuning_spec.hyper_parameters.epoch_count += 1


def _another_size(job: gemtune.TuningJob) -> None:
    parameters = job.supervised_tuning_spec.hyper_parameters
    parameters.adapter_size = gemtune.SupervisedHyperParameters.ADAPTER_SIZE_EIGHT


def _one_letter(job: gemtune.TuningJob) -> None:
    job.tuned_model_display_name = job.tuned_model_display_name.replace("gemini", "Gemini")


MUTATIONS = {"epochs": _more_epochs, "adapter size": _another_size, "letter": _one_letter}


# -- what is answered ---------------------------------------------------------------------------------------------


def mistakes(cases: list[Case], lines: list[str], out: Path) -> Iterator[str]:
    """What a program got wrong."""
    if len(lines) != len(cases):
        yield f"{len(lines)} lines for {len(cases)} files; the last: {lines[-1] if lines else '(none)'}"
        return
    for i, (case, line) in enumerate(zip(cases, lines, strict=True)):
        if case.fingerprint is None and not line.startswith("refused"):
            yield f"{case.name}: has no fingerprint, and got {line}"
        if case.fingerprint is not None and line != case.fingerprint:
            yield f"{case.name}: {line}, not {case.fingerprint}"
        job = read(case.path)
        known = gemtune.TuningJob()
        known.CopyFrom(job)
        known.DiscardUnknownFields()
        for suffix, expected in (("binpb", job), ("json", known), ("back.binpb", known)):
            path = out / f"{i}.{suffix}"
            if not path.exists():
                yield f"{case.name}: no {suffix} written"
            elif settled(read(path)) != settled(expected):
                yield f"{case.name}: the {suffix} that it wrote means something else"


def read(path: Path) -> gemtune.TuningJob:
    """The job in a file, as gemtune reads it."""
    data = path.read_bytes()
    return gemtune.from_json(data, gemtune.TuningJob) if path.suffix == ".json" else gemtune.TuningJob.FromString(data)


def settled(job: gemtune.TuningJob) -> bytes:
    """A job as bytes to compare: NaN in one form, and no minus zero.

    The bits of a NaN do not survive JSON, nor does the sign of zero in some libraries.
    """
    copy = gemtune.TuningJob()
    copy.CopyFrom(job)
    _settle(copy)
    return copy.SerializeToString(deterministic=True)


def _settle(message: Message) -> None:
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            items = [value[key] for key in value]
        else:
            items = list(value) if field.is_repeated else [value]
        if field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
            settled = [float("nan") if math.isnan(item) else item or 0.0 for item in items]
            if field.is_repeated:
                value[:] = settled
            elif settled[0] == 0 and not field.has_presence:
                message.ClearField(field.name)
            else:
                setattr(message, field.name, settled[0])
        for item in items:
            if isinstance(item, Message):
                _settle(item)


# -- building and running -----------------------------------------------------------------------------------------


def section(language: Language) -> str:
    """What the guide says under the language's heading."""
    return GUIDE.read_text(encoding="utf-8").partition(f"## {language.title}\n")[2].partition("\n## ")[0]


def shown(language: Language) -> dict[str, str]:
    """The files that the guide shows: the name of each ends the line above it."""
    files = re.findall(r"`([\w.]+)`:\n\n```\w+\n(.*?)^```", section(language), re.MULTILINE | re.DOTALL)
    return dict(files)


def commands(language: Language) -> str:
    """The commands of the guide under the language's heading."""
    block = re.search(r"^```sh\n(.*?)^```", section(language), re.MULTILINE | re.DOTALL)
    if block is None:
        raise SystemExit(f"docs/languages.md has no commands under {language.title}")
    return block[1]


def missing(name: str, environ: dict[str, str]) -> str:
    """What is not here that a language needs; "" when all is."""
    language = LANGUAGES[name]
    absent = [command for command in language.needs if not shutil.which(command, path=environ["PATH"])]
    if name not in PLUGINS_ONLY and "protoc" in language.needs and not shutil.which("protoc"):
        absent = list(dict.fromkeys([*absent, "protoc"]))
    if absent:
        return f"{', '.join(absent)} (Debian: {' '.join(language.needs[command] for command in absent)})"
    return subprocess.run(["sh", "-c", language.probe], capture_output=True, text=True, check=False).stdout.strip()


def environment(folder: Path) -> dict[str, str]:
    """This environment with `gemtune` and, where there is none, grpcio-tools' protoc, which serves plugins, on PATH."""
    path = [str(Path(sys.executable).parent), os.environ["PATH"]]
    if not shutil.which("protoc") and find_spec("grpc_tools"):
        shim = folder / "protoc"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m grpc_tools.protoc "$@"\n')
        shim.chmod(0o755)
        path.append(str(folder))
    return {**os.environ, "PATH": os.pathsep.join(path)}


def cache() -> Path:
    """Where builds are kept."""
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("GEMTUNE_INTEROP_CACHE") or user_cache / "gemtune" / "interop")


def build(name: str, environ: dict[str, str]) -> Path:
    """The folder of the built program; made by the guide's commands, unless nothing has changed since.

    Raises:
        subprocess.CalledProcessError: A command failed; `output` is what it said.
    """
    home = cache() / name
    sources = {path.relative_to(HERE / name): path.read_bytes() for path in (HERE / name).rglob("*") if path.is_file()}
    settings = {Path(file): text.encode() for file, text in shown(LANGUAGES[name]).items() if file.endswith(".json")}
    sources = settings | sources
    script = commands(LANGUAGES[name])
    with tempfile.TemporaryDirectory() as folder:
        protos = [path.read_bytes() for path in schema.write_protos(folder)]
    parts = [script.encode(), *protos, *(part for path in sorted(sources) for part in (bytes(path), sources[path]))]
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()
    stamp = home / "built"
    if stamp.exists() and stamp.read_text() == key:
        return home
    stamp.unlink(missing_ok=True)
    for generated in ("protos", "gen", "gemtunev1", "out"):  # what is downloaded stays: node_modules, target
        shutil.rmtree(home / generated, ignore_errors=True)
    for path, data in sources.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_bytes(data)
    follow(script, home, environ)
    stamp.write_text(key)
    return home


def follow(script: str, folder: Path, environ: dict[str, str]) -> str:
    """Runs commands in a folder, and gives what they printed.

    Raises:
        subprocess.CalledProcessError: One failed; `output` is what was printed.
    """
    command = ["bash", "-euo", "pipefail", "-c", script]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, cwd=folder, env=environ, check=True, text=True, **pipes).stdout


def read_in_an_empty_folder(name: str, environ: dict[str, str]) -> str:
    """What the guide's own program prints of the example that the guide names, in a folder with what it shows alone.

    Raises:
        subprocess.CalledProcessError: A command failed; `output` is what it said.
    """
    language = LANGUAGES[name]
    with tempfile.TemporaryDirectory() as folder:
        for file, text in shown(language).items():
            Path(folder, file).write_text(text, encoding="utf-8")
        follow(commands(language), Path(folder), environ)
        yaml = re.search(r"^```yaml\n(.*?)^```", SPECS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        assert yaml
        gemtune.save_spec(gemtune.loads_spec(yaml[1], "yaml"), Path(folder, "spec.json"))
        return follow(f"{language.reader} spec.json", Path(folder), environ)


def run(name: str, environ: dict[str, str], cases: list[Case]) -> bool:
    """Builds and asks one language, and says how that went."""
    start = time.monotonic()
    try:
        home = build(name, environ)
        printed = read_in_an_empty_folder(name, environ) if LANGUAGES[name].reader else READ
    except subprocess.CalledProcessError as error:
        print(error.output)
        print(f"{name}: FAILED, the commands of docs/languages.md do not work")
        return False
    built = time.monotonic() - start
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            ["bash", "-c", f'{LANGUAGES[name].program} "$0"', out],
            cwd=home,
            env=environ,
            input="".join(f"{case.path}\n" for case in cases),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        wrong = list(mistakes(cases, done.stdout.splitlines(), Path(out)))
        if printed != READ:
            wrong.append(f"the guide's program prints {printed!r}, not {READ!r}")
    for line in [*wrong, *done.stderr.splitlines()]:
        print(f"{name}: {line}")
    verdict = f"FAILED, {len(wrong)} mistakes" if wrong or done.returncode else "ok"
    print(f"{name}: {verdict}, {len(cases)} files in {time.monotonic() - start - built:.1f} s (built in {built:.1f} s)")
    return not wrong and not done.returncode


def names(text: str) -> list[str]:
    """Languages separated by commas."""
    chosen = [name for name in text.split(",") if name]
    if unknown := set(chosen) - set(LANGUAGES):
        raise argparse.ArgumentTypeError(f"no {', '.join(sorted(unknown))} here; there are {', '.join(LANGUAGES)}")
    return chosen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("languages", nargs="*", type=names, metavar="LANGUAGE", help="left out: all")
    parser.add_argument("--require", type=names, default=[], metavar="A,B", help="languages that may not be left out")
    arguments = parser.parse_args()
    chosen = [name for group in arguments.languages for name in group] or list(LANGUAGES)
    passed = failed = left_out = 0
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(Path(folder))
        cases = vectors() + mutated(Path(folder))
        for name in dict.fromkeys([*chosen, *arguments.require]):
            if absent := missing(name, environ):
                print(f"{name}: left out, there is no {absent}")
                left_out += 1
                failed += name in arguments.require
            elif run(name, environ, cases):
                passed += 1
            else:
                failed += 1
    print(f"{passed} passed, {failed} failed, {left_out} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

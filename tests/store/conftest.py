"""Both databases that a store can be in: a file of SQLite, and Debian's PostgreSQL, a real server started here."""

from __future__ import annotations

import getpass
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gemtune.store import SpecStore
from tests.support.frozen_clock import Time

MISSING = "PostgreSQL's server is not installed (Debian: apt install postgresql)"
_schemas = itertools.count(1)


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl; Debian keeps it out of PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)


def as_server() -> tuple[list[str], str]:
    """What runs a program as somebody whom PostgreSQL accepts, and who that is: it refuses root."""
    if os.geteuid() != 0:
        return [], getpass.getuser()
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in known else "nobody"
    return ["runuser", "-u", user, "--"], user


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a server that has just been started, on a socket in a folder of its own."""
    bin_ = binaries()
    if bin_ is None:
        if os.environ.get("CI"):
            pytest.fail(f"{MISSING}; in CI it has to be there")
        pytest.skip(MISSING)
    become, user = as_server()
    home = Path(tempfile.mkdtemp(prefix="gemtune-pg-"))  # not below pytest's folder, which others may not enter
    if become:
        shutil.chown(home, user)
    data = home / "data"

    def run(program: str, *arguments: str) -> None:
        with (home / "output").open("ab") as output:  # a pipe would stay open as long as the server
            subprocess.run(
                [*become, str(bin_ / program), "-D", str(data), *arguments],
                check=True, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/",
            )  # fmt: skip

    try:
        run("initdb", "-U", "gemtune", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        settings = f"-k {home} -c listen_addresses='' -c fsync=off -c max_connections=60"
        run("pg_ctl", "-w", "-l", str(home / "log"), "-o", settings, "start")
        try:
            yield f"postgresql://gemtune@/postgres?host={home}"
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
    except subprocess.CalledProcessError as error:
        pytest.fail(f"{error}\n{(home / 'output').read_text()}")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def schema(postgresql: str) -> str:
    """The URL of an empty schema on that server: what a new database is to a test, but quickly made."""
    import psycopg

    name = f"test_{next(_schemas)}"
    with psycopg.connect(postgresql) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{postgresql}&options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that is not there yet, in either database."""
    if request.param == "postgresql":
        return request.getfixturevalue("schema")
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def store(url: str, clock: Time) -> Iterator[SpecStore]:
    with SpecStore(url, now=clock) as opened:
        yield opened

"""`gemtune emulator`: the service on this machine."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path
from urllib.parse import urlsplit

import click

from gemtune.cli.commands import command
from gemtune.cli.output import duration_text
from gemtune.cli.params import DURATION
from gemtune.cli.session import Session

__all__ = ["emulator"]


@command("emulator", offline=True)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="Address to listen on")
@click.option(
    "--port", default=8085, show_default=True, type=click.IntRange(0, 65535), metavar="N", help="0: a free one"
)
@click.option(
    "--grpc-port",
    default=None,
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Port for gRPC, where grpcio is installed; 0: a free one  [default: the one after --port]",
)
@click.option("--db", type=click.Path(dir_okay=False), metavar="FILE", help="File to keep jobs in")
@click.option(
    "--job-duration", default="5s", show_default=True, type=DURATION, metavar="TIME", help="How long a job takes"
)
@click.option(
    "--gcs-root", type=click.Path(exists=True, file_okay=False), metavar="DIR", help="Read gs://B/O from DIR/B/O"
)
@click.option("--token", metavar="TOKEN", help="Refuse requests without it")
@click.pass_obj
def emulator(  # noqa: PLR0917  click passes by name
    session: Session,
    host: str,
    port: int,
    grpc_port: int | None,
    db: str | None,
    job_duration: float,
    gcs_root: str | None,
    token: str | None,
) -> None:
    """Serve the tuning API on this machine, for trials and tests. No account, no bill.

    When it serves, it prints one line on stdout: ready rest=http://127.0.0.1:8085 grpc=127.0.0.1:8086
    """
    from gemtune.emulator import Address, default_db, serve

    output = session.output

    def ready(url: Address) -> None:
        output.data(f"ready rest={url}" + (f" grpc={url.grpc}" if url.grpc else ""))
        address = _reachable(urlsplit(url).netloc)
        jobs = f"http://{address}/v1/projects/demo/locations/us-central1/tuningJobs"
        output.note(f"  gemtune        export GEMTUNE_EMULATOR_HOST={address} GOOGLE_CLOUD_PROJECT=demo")
        if url.grpc:
            output.note(f"  over gRPC      export GEMTUNE_EMULATOR_GRPC_HOST={_reachable(url.grpc)}")
        if token:
            output.note("  its token      export GEMTUNE_EMULATOR_TOKEN=TOKEN")
        output.note(f'  google-genai   http_options={{"base_url": "http://{address}"}}')
        output.note(f"  curl           {jobs}")
        output.note(f"  jobs are kept in {_home(file)} · a job takes {duration_text(job_duration)}")

    file = Path(db) if db else default_db()
    if grpc_port is None and importlib.util.find_spec("grpc") is not None:
        grpc_port = port + 1 if 0 < port < 65535 else 0
    serve(
        host,
        port,
        grpc_port=grpc_port,
        db=file,
        job_duration=job_duration,
        gcs_root=gcs_root,
        token=token,
        ready=ready,
        log=output.note,
    )


def _reachable(address: str) -> str:
    """An address as others write it: every address of this machine is called by the machine's name."""
    host, _, port = address.rpartition(":")
    return f"{socket.gethostname()}:{port}" if host in ("0.0.0.0", "[::]") else address  # noqa: S104  no binding


def _home(path: Path) -> str:
    try:
        return f"~/{path.resolve().relative_to(Path.home())}"
    except (ValueError, RuntimeError):  # elsewhere, or there is no home
        return str(path)

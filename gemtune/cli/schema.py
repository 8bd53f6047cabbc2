"""`gemtune schema`: the schema for other languages, other tools and editors."""

from __future__ import annotations

import json
import sys

import click

from gemtune.cli.commands import command
from gemtune.cli.session import Session

__all__ = ["schema"]


@command("schema", offline=True)
@click.option("--json-schema", is_flag=True, help="JSON Schema of a spec, for editors")
@click.option("--protos", type=click.Path(file_okay=False), metavar="DIR", help="Write the .proto files to DIR")
@click.option("--descriptor-set", is_flag=True, help="FileDescriptorSet of everything, in binary")
@click.pass_context
def schema(ctx: click.Context, json_schema: bool, protos: str | None, descriptor_set: bool) -> None:
    """Print or write the schema of tuning jobs: for an editor, for protoc or buf, for a tool that reads descriptors.

    \b
      gemtune schema --json-schema > spec.schema.json
      gemtune schema --protos protos
      gemtune schema --descriptor-set > gemtune.binpb
    """  # noqa: D301  the \\b is click's: it keeps the lines apart
    from gemtune import schema as product

    session: Session = ctx.obj
    if json_schema + (protos is not None) + descriptor_set != 1:
        raise click.UsageError("give one of --json-schema, --protos DIR and --descriptor-set", ctx)
    if json_schema:
        session.output.data(json.dumps(product.json_schema(), indent=2, ensure_ascii=False))
    elif protos is not None:
        written = product.write_protos(protos)
        session.output.note(f"{len(written)} files written to {protos}; for protoc: -I {protos}")
    elif sys.stdout.isatty():
        raise click.UsageError("a descriptor set is binary: gemtune schema --descriptor-set > gemtune.binpb", ctx)
    else:
        sys.stdout.buffer.write(product.descriptor_set())

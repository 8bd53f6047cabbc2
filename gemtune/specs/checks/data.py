"""Datasets and other things in Cloud Storage, by the shape of their names."""

from __future__ import annotations

import re
from typing import Any

from gemtune.specs.checks.context import CheckContext, display

__all__ = ["datasets", "distillation", "gcs", "gcs_destination"]

_GCS = re.compile(r"gs://([^/]*)(?:/(.*))?", re.DOTALL)
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_JSONL = re.compile(r"gs://[a-z0-9](?:[a-z0-9_-]{1,61})[a-z0-9]/[^*?\[\]]*[^/*?\[\]]\.jsonl")
_DATASET = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/datasets/[^/\s]+")


def datasets(context: CheckContext, spec: Any, path: str) -> None:
    """The training and validation data of a tuning spec."""
    training: str = spec.training_dataset_uri
    validation: str = spec.validation_dataset_uri
    for name, uri in (("training_dataset_uri", training), ("validation_dataset_uri", validation)):
        if uri and not _JSONL.fullmatch(uri) and not _DATASET.fullmatch(uri):
            _dataset(context, uri, f"{path}.{name}")
    if training and training == validation:
        context.add(
            "same-dataset",
            f"{path}.validation_dataset_uri",
            "training and validation are the same data",
            "what a model was trained on does not tell how good it is: split the data",
        )


def _dataset(context: CheckContext, uri: str, path: str) -> None:
    wanted = "gs://bucket/object.jsonl"
    found = _GCS.fullmatch(uri)
    remedy = f"a dataset is {wanted}, or projects/P/locations/L/datasets/ID"
    if found is None:
        what = "is no gs:// URI"
        if uri.startswith(("http://", "https://")):
            what, remedy = "is a web address", f"write {_from_web(uri) or wanted}"
        elif uri.startswith(("/", "./", "../", "~", "file:")) or "/" not in uri or re.match(r"[A-Za-z]:\\", uri):
            what, remedy = "is a local path", f"upload it (gcloud storage cp FILE gs://BUCKET/) and write {wanted}"
        elif uri.lower().startswith("gs:"):
            what = "is no gs:// URI (two slashes, lowercase)"
        context.add("dataset-uri", path, f"{display(uri)} {what}", remedy)
        return
    bucket, name = found[1], found[2] or ""
    if problem := _bucket_problem(bucket):
        context.add("dataset-uri", path, f"{display(uri)}: {problem}", remedy)
    elif not name or name.endswith("/"):
        context.add(
            "dataset-uri", path, f"{display(uri)} is a {'folder' if name else 'bucket'}, not a file", f"write {wanted}"
        )
    elif wild := re.search(r"[*?\[\]]", name):
        context.add(
            "dataset-uri",
            path,
            f"{display(uri)} has a {wild[0]!r}, and wildcards are not read",
            "name one file; join several into one",
        )
    elif name != name.rstrip() and name.rstrip().lower().endswith(".jsonl"):
        what = "a line end" if "\n" in name else "a blank"
        context.add(
            "dataset-uri", path, f"{display(uri)} ends in {what}", f"take it away: gs://{bucket}/{name.rstrip()}"
        )
    elif name.lower().endswith(".jsonl") and not name.endswith(".jsonl"):
        right = f"{name[:-6]}.jsonl"
        context.add(
            "dataset-uri",
            path,
            f"{display(uri)} ends in {name[-6:]}, and the ending is read in lowercase alone",
            f"rename the object to gs://{bucket}/{right}",
        )
    elif not name.endswith(".jsonl"):
        ending = name.rpartition("/")[2].rpartition(".")[2] if "." in name.rpartition("/")[2] else ""
        what = f"ends in .{ending}" if ending else "has no ending"
        context.add("dataset-uri", path, f"{display(uri)} {what}", f"a dataset is a JSON Lines file, named {wanted}")


def _from_web(uri: str) -> str:
    found = re.match(r"https?://(?:storage\.googleapis\.com|storage\.cloud\.google\.com)/([^?#]+)", uri)
    return f"gs://{found[1]}" if found else ""


def _bucket_problem(bucket: str) -> str:
    """What is wrong with the name of a bucket (Cloud Storage documentation, Bucket names); "" when nothing is."""
    if not bucket:
        return "there is no bucket"
    if not _BUCKET.fullmatch(bucket):
        return f"{bucket!r} is not a bucket: lowercase letters, digits, -, _ and . with a letter or digit at both ends"
    longest = 222 if "." in bucket else 63
    if not 3 <= len(bucket) <= longest or any(not 0 < len(part) <= 63 for part in bucket.split(".")):
        return f"{bucket!r} is not a bucket: a name has 3 to 63 characters"
    if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", bucket):
        return f"{bucket!r} is not a bucket but an IP address"
    return ""


def gcs(context: CheckContext, uri: str, path: str) -> None:
    """A location in Cloud Storage: a bucket and perhaps a prefix."""
    found = _GCS.fullmatch(uri)
    problem = _bucket_problem(found[1]) if found else "it is not a gs:// URI"
    if problem:
        context.add("gcs-uri", path, f"{display(uri)}: {problem}", "write gs://bucket/prefix")


def gcs_destination(context: CheckContext, destination: Any, path: str) -> None:
    """Where output goes."""
    if destination.output_uri_prefix:
        gcs(context, destination.output_uri_prefix, f"{path}.output_uri_prefix")


def distillation(context: CheckContext, spec: Any, path: str) -> None:
    """The data of a distillation, and where its pipeline keeps its own."""
    datasets(context, spec, path)
    if not (spec.training_dataset_uri or spec.prompt_dataset_uri):
        remedy = "give training_dataset_uri or prompt_dataset_uri, a gs://bucket/object.jsonl"
        context.add("required", f"{path}.training_dataset_uri", "there is nothing to learn from", remedy)
    if spec.pipeline_root_directory:
        gcs(context, spec.pipeline_root_directory, f"{path}.pipeline_root_directory")

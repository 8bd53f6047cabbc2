"""Resource names, locations, and the host that belongs to a location.

A job may be named in any of the ways people have one at hand: its bare id, `tuningJobs/ID`, its full resource name,
a URL of the API or of the console. What is something else (a model, an endpoint) is told apart and said so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, unquote, urlsplit

from gemtune.errors import ConfigurationError, SpecInvalid, bad_request

__all__ = [
    "MOST_LABELS",
    "OWN_LABELS",
    "REQUEST_LABEL",
    "SPEC_LABEL",
    "JobName",
    "check_location",
    "check_project",
    "counter_name",
    "host_of",
    "location_of",
    "operation_name",
    "parse_job_name",
    "parts_of",
    "place_of",
]

REQUEST_LABEL = "gemtune-request"
"""The label that carries a submission's id."""
SPEC_LABEL = "gemtune-spec"
"""The label that carries the beginning of a spec's fingerprint."""
OWN_LABELS = frozenset({REQUEST_LABEL, SPEC_LABEL})
"""What a create adds to a job. They say how it was submitted, not what was asked for."""
MOST_LABELS = 64
"""Of one job, gemtune's own included."""

_LOCATION = re.compile(r"[a-z][a-z0-9-]*")
_ID = re.compile(r"[A-Za-z0-9_-]+")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]*")
_PLACE = re.compile(r"projects/([^/]+)/locations/([^/]+)")
_FULL = re.compile(r"projects/([^/]+)/locations/([^/]+)/tuningJobs/([^/:?#]+)")
_GIVEN = re.compile(r"projects/([^/]+)/locations/([^/]+)/tuningJobs/([^/?#\\\\%\s]+)")
"""A full name as the service gave it: its ids are digits so far, and nobody says that they stay so."""
_HOST = re.compile(r"//[a-z0-9.-]*aiplatform\.[a-z0-9.-]*googleapis\.com/")
"""What stands before a resource's name in audit logs and in other full resource names."""
_CONSOLE = re.compile(r"/locations/(?P<location>[^/]+)/(?:.*/)?tuningJobs?/(?P<id>[^/;:?#]+)")

_COUNTER = re.compile(_PLACE.pattern + r"/(endpoints|publishers/[^/:?#]+/models)/[^/:?#]+")
_MODEL = re.compile(r"(publishers/(?P<publisher>[\w.-]+)/models/)?(?P<id>[\w.@-]+)")

_OTHER_KINDS = {
    "models": "a model; its job is the one whose tuned_model.model it is",
    "endpoints": "an endpoint; its job is the one whose tuned_model.endpoint it is",
    "pipelineJobs": "a pipeline job",
    "customJobs": "a custom job",
    "batchPredictionJobs": "a batch prediction job",
    "datasets": "a dataset",
    "contexts": "an experiment",
}


@dataclass(frozen=True)
class JobName:
    """A job's resource name in its parts; `str()` gives it whole."""

    project: str
    location: str
    job_id: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/tuningJobs/{self.job_id}"

    @property
    def console_link(self) -> str:
        """The job's page in Google's console, as its own SDK links to it."""
        page = f"vertex-ai/generative/language/locations/{self.location}/tuning/tuningJob/{self.job_id}"
        return f"https://console.cloud.google.com/{page}?project={self.project}"


def _refuse(name: object, problem: str) -> SpecInvalid:
    wanted = "a job is named by its id, tuningJobs/ID, projects/P/locations/L/tuningJobs/ID or its console link"
    return SpecInvalid(bad_request([("name", f"{name!r} {problem}; {wanted}")]))


def parse_job_name(name: str) -> tuple[str | None, str | None, str]:
    """Project, location and id of a job, however it is named; None for what the name does not say.

    Raises:
        SpecInvalid: It is not a job's name; the sentence says what it is, where that can be seen.
    """
    if not isinstance(name, str):
        raise _refuse(name, "is no text")
    return _parse(name)


def parts_of(name: str) -> tuple[str | None, str | None, str]:
    """Project, location and id in a name that the service gave, whatever it looks like: it is shown, not judged."""
    parts = name.split("/")
    full = len(parts) > 3 and parts[0] == "projects" and parts[2] == "locations"
    return (parts[1], parts[3], parts[-1]) if full else (None, None, parts[-1])


def is_plain_id(job_id: str) -> bool:
    """Whether an id may stand alone for its job; other ids are understood in full names."""
    return _ID.fullmatch(job_id) is not None


@lru_cache(maxsize=1024)  # a wait asks for one name again and again
def _parse(name: str) -> tuple[str | None, str | None, str]:
    text = _HOST.sub("", name.strip(), count=1) if name.strip().startswith("//") else name.strip()
    if text.endswith("/") and not text.endswith(("tuningJobs/", "//")):
        text = text[:-1]
    if not text:
        raise _refuse(name, "is empty")
    if "://" in text:
        return _from_url(name, text)
    if full := _GIVEN.fullmatch(text):
        project, location, job_id = full.groups()
        if not job_id.isprintable() or job_id in (".", ".."):
            _check(name, job_id)
        return check_project(project), check_location(location), job_id
    parts = text.split("/")
    kind = parts[-2] if len(parts) > 1 else ""
    if "operations" in parts:
        raise _refuse(name, "is an operation; get_operation and wait_operation take it")
    if kind in _OTHER_KINDS:
        raise _refuse(name, f"is {_OTHER_KINDS[kind]}")
    if len(parts) == 1 or (len(parts) == 2 and kind == "tuningJobs"):
        _check(name, parts[-1])
        return None, None, parts[-1]
    raise _refuse(name, "is not a job's name")


def _check(name: str, job_id: str) -> None:
    if not _ID.fullmatch(job_id):
        raise _refuse(name, f"has {job_id!r} where the id should be (digits)")


def _from_url(name: str, text: str) -> tuple[str | None, str | None, str]:
    url = urlsplit(text)
    if full := _FULL.search(unquote(url.path)):
        return parse_job_name(full[0])
    found = _CONSOLE.search(unquote(url.path))
    if found is None:
        raise _refuse(name, "is a link, but not to a tuning job")
    _check(name, found["id"])
    projects = parse_qs(url.query).get("project")
    return check_project(projects[0]) if projects else None, check_location(found["location"]), found["id"]


def check_location(location: str) -> str:
    """The location, if it looks like one: it becomes part of a host that is sent a token.

    Raises:
        ConfigurationError: It does not look like a location.
    """
    if not _LOCATION.fullmatch(location):
        raise ConfigurationError(
            f"{location!r} is not a location; one looks like us-central1, europe-west4, us, eu or global"
        )
    return location


def check_project(project: str) -> str:
    """The project id or number, if it looks like one.

    Raises:
        ConfigurationError: It does not look like a project.
    """
    if not _PROJECT.fullmatch(project):
        raise ConfigurationError(f"{project!r} is not a project; one looks like my-project-123 or a project number")
    return project


def place_of(resource: str) -> tuple[str, str] | None:
    """The project and the location that a resource name begins with; None when it has none."""
    found = _PLACE.match(resource)
    return (found[1], found[2]) if found else None


def location_of(resource: str) -> str | None:
    """The location in a resource name; None when it has none."""
    place = place_of(resource)
    return place[1] if place else None


def operation_name(name: str) -> str:
    """The name, if it is an operation's.

    Raises:
        SpecInvalid: It is not.
    """
    if not re.fullmatch(r"projects/[^/]+/locations/[^/]+/tuningJobs/[^/]+/operations/[^/]+", name):
        wanted = "projects/P/locations/L/tuningJobs/ID/operations/ID"
        raise SpecInvalid(
            bad_request([("name", f"{name!r} is not the name of an operation, which looks like {wanted}")])
        )
    return name


def counter_name(name: str, parent: str) -> str:
    """The full name of what counts tokens: a publisher's model or an endpoint.

    Args:
        name: A base model such as `gemini-3.5-flash`, `publishers/google/models/M`, or the full resource name of a
            publisher's model or of an endpoint, which stays as it is.
        parent: Where a model without a place is asked, `projects/P/locations/L`.

    Raises:
        SpecInvalid: It is nothing of these.
    """
    if _COUNTER.fullmatch(name):
        return name
    if model := _MODEL.fullmatch(name):
        return f"{parent}/publishers/{model['publisher'] or 'google'}/models/{model['id']}"
    wanted = "a base model such as gemini-3.5-flash, publishers/google/models/M or projects/P/locations/L/endpoints/ID"
    raise SpecInvalid(bad_request([("endpoint", f"{name!r} counts no tokens; give {wanted}")]))


def host_of(location: str) -> str:
    """The host that serves a location: regional, multi-regional (`us`, `eu`) or global.

    Raises:
        ConfigurationError: It does not look like a location.
    """
    check_location(location)
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"
